"""A study: what its file may say, and the study with every name looked up."""

from typing import Annotated, Any

from pydantic import Field, field_validator

from emofactors.config.base import Name, RunKey, Section, Seed
from emofactors.config.corpora import CorpusConfig
from emofactors.config.evaluation import InformationSettings, IntervalSettings, ProbeSettings
from emofactors.config.features import Features
from emofactors.config.figures import FigureConfig
from emofactors.config.systems import ComputeSettings, Documented, SystemConfig
from emofactors.config.tables import PROBED, TableConfig
from emofactors.config.tasks import AugmentationSettings, TaskConfig
from emofactors.io.yaml import read_scalars

#: Stands in a path where an augmentation would: the utterances as they are.
ORIGINAL = "original"


class StudyRequest(Section):
    """What a study's file and the command line may say.

    Attributes:
        study: its name.
        title: one line, at the top of the page.
        corpora_root: folder below which the corpora lie, relative to the working directory.
        tasks: names of tasks.
        seeds: seeds of trainings; each variant is trained once for each, in every fold.
        tables: names of tables, or name -> the tasks it is made for; without any, every task of the study.
        figures: likewise.
        tested_on: task -> another whose corpus is heard as well, as a whole, by the classifiers of reconstructed speech.
        audio_examples: task -> the decomposers that are listened to.
        systems: system -> settings the study changes, in all variants; those below ``variants`` in one alone.
            The page and every table say so.
        corpora: corpus -> keys the study changes.
        compute: where and how trainings run.
        intervals: of all scores.
        probes: of frozen embeddings.
        information: of the codes of decomposers.
    """

    study: Name
    title: str
    corpora_root: str = "data"
    tasks: Annotated[tuple[Name, ...], Field(min_length=1)]
    seeds: Annotated[tuple[Seed, ...], Field(min_length=1)]
    tables: dict[Name, tuple[Name, ...]]
    figures: dict[Name, tuple[Name, ...]] = Field(default_factory=dict)
    tested_on: dict[Name, Name] = Field(default_factory=dict)
    audio_examples: dict[Name, tuple[RunKey, ...]] = Field(default_factory=dict)
    systems: dict[Name, dict[str, Any]] = Field(default_factory=dict)
    corpora: dict[Name, dict[str, Any]] = Field(default_factory=dict)
    compute: ComputeSettings = ComputeSettings()
    intervals: IntervalSettings = IntervalSettings()
    probes: ProbeSettings = ProbeSettings()
    information: InformationSettings = InformationSettings()

    @field_validator("systems", mode="before")
    @classmethod
    def _as_yaml_reads(cls, overrides: Any) -> Any:
        return read_scalars(overrides)

    @field_validator("tables", "figures", mode="before")
    @classmethod
    def _names_alone_mean_every_task(cls, items: Any) -> Any:
        if isinstance(items, list | tuple):
            return dict.fromkeys(map(str, items), ())
        if not isinstance(items, dict):
            raise ValueError(f"'tables' and 'figures' are names, or names with their tasks, not {items!r}")
        return {name: tasks or () for name, tasks in items.items()}


class Training(Section):
    """What is trained for every fold and seed (a network), or every fold: one variant on one task."""

    task: str
    system: str
    variant: str


class Study(Section):
    """The study with every name looked up and every file checked; what ``common.smk`` works with.

    Attributes:
        tables: table -> its config; ``table_tasks`` are the tasks it is made for, in the study's order.
        figures: likewise.
        tested_on: task -> the other task whose corpus its classifiers of reconstructed speech hear as well.
        audio_examples: task -> the decomposers, ``system/variant``, that are listened to.
        trainings: all that is trained: what tables, figures and audio_examples show, and what that needs.
    """

    study: str
    title: str
    corpora_root: str
    seeds: tuple[int, ...]
    compute: ComputeSettings
    intervals: IntervalSettings
    probes: ProbeSettings
    information: InformationSettings
    corpora: dict[str, CorpusConfig]
    tasks: dict[str, TaskConfig]
    augmentations: dict[str, AugmentationSettings]
    augmentation_notes: dict[str, tuple[Documented, ...]]
    features: dict[str, Features]
    feature_notes: dict[str, tuple[Documented, ...]]
    systems: dict[str, SystemConfig]
    tables: dict[str, TableConfig]
    table_tasks: dict[str, tuple[str, ...]]
    figures: dict[str, FigureConfig]
    figure_tasks: dict[str, tuple[str, ...]]
    tested_on: dict[str, str]
    audio_examples: dict[str, tuple[str, ...]]
    trainings: tuple[Training, ...]

    def seeds_of(self, system: str) -> tuple[int, ...]:
        """The seeds a system is trained with: one alone where none changes anything."""
        return self.seeds[:1] if self.systems[system].method == "svm" else self.seeds

    @property
    def f0_method(self) -> str:
        """What tracks F0 in pictures: the tracker of the study's features, or pYIN, which needs no GPL package."""
        of_features = [getattr(f, "method", None) or getattr(f, "f0_method", None) for f in self.features.values()]
        return next((method for method in of_features if method), "pyin")

    @property
    def reconstructed_variants(self) -> tuple[str, ...]:
        """The variants whose reconstructed speech other runs hear in tests, each once."""
        tables = [table for table in self.tables.values() if table.kind == "factor_ablation"]
        return tuple(dict.fromkeys(heard for table in tables for row in table.rows if (heard := table.heard(row))))

    def tests_of_row(self, table: str, task: str, row: str) -> tuple[str, ...]:
        """Folders of the tests of a row of classifiers: on its own task and, if there is one, on the other."""
        heard = self.tables[table].heard(row)
        on = [task, *([self.tested_on[task]] if task in self.tested_on else [])]
        return tuple(f"on_{name}" + (f"/reconstructed_{heard}" if heard else "") for name in on)

    def decomposer_run(self, run_key: str, task: str, fold: int) -> tuple[str, str, str, int]:
        """Task, system, variant and fold of the decomposer ``system/variant`` that serves a fold of a task."""
        system, variant = run_key.split("/")
        of_others = self.tasks[task].decomposed_by
        return (task, system, variant, fold) if of_others is None else (of_others, system, variant, 0)

    def min_training_speakers(self, task: str) -> int:
        """Speakers a fold of a task must train: as many as its systems need, two where probes tell them apart."""
        needed = [self.systems[t.system].min_training_speakers for t in self.trainings if t.task == task]
        is_probed = any(
            set(table.metrics) & set(PROBED) and task in self.table_tasks[name]
            for name, table in self.tables.items()
        )
        return max([1, *needed, 2 * is_probed])
