"""A study: what its file may contain, and the study with every name looked up."""

from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, field_validator

from emofactors.config.augmentations import AugmentationSettings
from emofactors.config.base import Name, RunKey, Section, Seed
from emofactors.config.claims import ClaimSource
from emofactors.config.corpora import CorpusConfig
from emofactors.config.evaluation import InformationSettings, ProbeSettings
from emofactors.config.features import Features
from emofactors.config.figures.kinds import FigureConfig
from emofactors.config.systems import Documented, SystemConfig
from emofactors.config.tables.kinds import TableConfig
from emofactors.config.tasks import TaskConfig
from emofactors.config.training import ComputeSettings
from emofactors.io.yaml import parse_scalars


class StudyRequest(Section):
    """Contents of a study's file, merged with the command line.

    Attributes:
        study: name of the study; its report lies in ``results/report/<study>/``.
        title: one line, the heading of the page.
        corpora_root: folder that contains the corpora, relative to the working directory.
        tasks: names of tasks.
        seeds: seeds of trainings; each variant is trained once per seed and fold.
        tables: names of tables, or name -> tasks; without tasks, all tasks of the study.
        figures: likewise for figures.
        tested_on: task -> task of another corpus, on which its classifiers of reconstructed speech are evaluated.
        audio_examples: task -> decomposers whose reconstructions the page plays.
        systems: system -> settings that the study changes in all variants, or below ``variants`` in one alone.
            The page and every table list them.
        corpora: corpus -> keys that the study changes.
        compute: device, precision and threads of trainings.
        probes: settings of probes of embeddings.
        information: settings of the mutual information between codes.
    """

    study: Name
    title: str
    corpora_root: str = "data"
    tasks: Annotated[tuple[Name, ...], Field(min_length=1)]
    seeds: Annotated[tuple[Seed, ...], Field(min_length=1)]
    tables: dict[Name, tuple[Name, ...]]
    figures: dict[Name, tuple[Name, ...]] = {}
    tested_on: dict[Name, Name] = {}
    audio_examples: dict[Name, tuple[RunKey, ...]] = {}
    systems: dict[Name, dict[str, Any]] = {}
    corpora: dict[Name, dict[str, Any]] = {}
    compute: ComputeSettings = ComputeSettings()
    probes: ProbeSettings = ProbeSettings()
    information: InformationSettings = InformationSettings()

    @field_validator("systems", mode="before")
    @classmethod
    def _parse_scalars(cls, overrides: Any) -> Any:
        return parse_scalars(overrides)

    @field_validator("tables", "figures", mode="before")
    @classmethod
    def _expand_names(cls, items: Any) -> Any:
        if isinstance(items, list | tuple):
            return dict.fromkeys(map(str, items), ())
        if not isinstance(items, dict):
            raise ValueError(f"'tables' and 'figures' are names, or names with their tasks, not {items!r}")
        return {name: tasks or () for name, tasks in items.items()}


class Training(Section):
    """One variant on one task; it is trained once per fold and seed, a support vector machine once per fold."""

    task: str
    system: str
    variant: str


class Study(Section):
    """A study with every name looked up and every value checked.

    Attributes:
        documented_augmentations: augmentation -> its settings and their sources.
        documented_features: features -> their settings and their sources.
        tables: table -> its config; ``table_tasks`` are its tasks, in the order of the study.
        figures: figure -> its config; ``figure_tasks`` likewise.
        tested_on: task -> task of another corpus, on which its classifiers of reconstructed speech are evaluated.
        audio_examples: task -> decomposers, ``system/variant``, whose reconstructions the page plays.
        trainings: all trainings that tables, figures and audio examples need.
        claims: source -> its claims, whether or not a table of the study tests them.
        table_studies: table of any study -> the studies that make it, those without changed settings first.
    """

    study: str
    title: str
    corpora_root: str
    seeds: tuple[int, ...]
    compute: ComputeSettings
    probes: ProbeSettings
    information: InformationSettings
    corpora: dict[str, CorpusConfig]
    tasks: dict[str, TaskConfig]
    augmentations: dict[str, AugmentationSettings]
    documented_augmentations: dict[str, tuple[Documented, ...]]
    features: dict[str, Features]
    documented_features: dict[str, tuple[Documented, ...]]
    systems: dict[str, SystemConfig]
    tables: dict[str, TableConfig]
    table_tasks: dict[str, tuple[str, ...]]
    figures: dict[str, FigureConfig]
    figure_tasks: dict[str, tuple[str, ...]]
    tested_on: dict[str, str]
    audio_examples: dict[str, tuple[str, ...]]
    trainings: tuple[Training, ...]
    claims: dict[str, ClaimSource]
    table_studies: dict[str, tuple[str, ...]]

    def seeds_of(self, system: str) -> tuple[int, ...]:
        """Return the seeds of a system: only the first if seeds change nothing."""
        return self.seeds[:1] if self.systems[system].method == "svm" else self.seeds

    def systems_by(self, method: str) -> list[str]:
        """Return the names of the systems that are trained by a method."""
        return [name for name, system in self.systems.items() if system.method == method]

    def corpus_folder(self, corpus: str) -> Path:
        """Return the folder of a corpus that is not synthetic, relative to the working directory."""
        return Path(self.corpora_root) / self.corpora[corpus].folder

    def is_missing(self, corpus: str) -> bool:
        """Return whether the folder of a corpus is missing."""
        return self.corpora[corpus].reader != "synthetic" and not self.corpus_folder(corpus).is_dir()

    @property
    def f0_method(self) -> str:
        """F0 tracker of plots: that of the study's features, or pYIN, which needs no GPL package."""
        methods = [getattr(f, "method", None) or getattr(f, "f0_method", None) for f in self.features.values()]
        return next((method for method in methods if method), "pyin")

    @property
    def reconstructed_variants(self) -> tuple[str, ...]:
        """Variants whose reconstructed speech frozen classifiers are evaluated on, without duplicates."""
        variants = (table.reconstructed_variant(row) for table in self.tables.values() for row in table.rows)
        return tuple(dict.fromkeys(variant for variant in variants if variant))

    def min_training_speakers(self, task: str) -> int:
        """Return the minimum number of training speakers of a fold; probes need two."""
        needed = [self.systems[t.system].min_training_speakers for t in self.trainings if t.task == task]
        is_probed = any(table.probes and task in self.table_tasks[name] for name, table in self.tables.items())
        return max([1, *needed, 2 * is_probed])

    def size_summary(self) -> str:
        """Return which systems have their documented settings, and how many the study changes of others."""
        changed = {name: system.changed_settings for name, system in self.systems.items()}
        documented = [name for name, keys in changed.items() if not keys]
        parts = [f"documented settings: {', '.join(documented)}"] if documented else []
        own = [f"{name} ({len(keys)})" for name, keys in changed.items() if keys]
        parts += [f"settings changed by the study: {', '.join(own)}"] if own else []
        return "; ".join(parts)
