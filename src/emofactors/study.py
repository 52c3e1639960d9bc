"""A study, read and checked as a whole before any job starts: every name looked up, every value typed."""

from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import Field, ValidationError, field_validator

from emofactors.config import (
    FACTOR_KINDS,
    FEATURE_SECTIONS,
    OF_SEEN,
    OPTIONAL_PACKAGES,
    PROBED,
    SPEAKER_PROBES,
    AugmentationSettings,
    ComputeSettings,
    CorpusConfig,
    Documented,
    Features,
    FigureConfig,
    InformationSettings,
    IntervalSettings,
    Name,
    Needs,
    ProbeSettings,
    RunKey,
    RunSettings,
    Section,
    Seed,
    SvmSettings,
    SystemConfig,
    TableConfig,
    TaskConfig,
)
from emofactors.errors import InputError
from emofactors.plain import brief, check_plain, read_scalars, read_yaml

S = TypeVar("S", bound=Section)

#: Stands in a path where an augmentation would: the utterances as they are.
ORIGINAL = "original"

#: Sections of a file whose settings are documented one by one.
_DOCUMENTED = {"source", "published", "assumed"}
#: Those of a system beside them.
_OF_SYSTEM = {"method", "least_training_speakers", "variants"}

#: Method -> kinds of figures that can be drawn of a system trained by it; others are drawn of any table.
_FIGURES_OF_METHOD = {
    "network": ("confusion", "embedding_pca", "embedding_speakers", "losses", "attention", "cost"),
    "svm": ("confusion", "embedding_pca", "embedding_speakers"),
    "decomposer": ("losses",),
}
#: Kinds of features that stand for an utterance as a whole.
_FUNCTIONALS = ("functionals", "opensmile")


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
        tested_on: task -> another whose corpus is heard as well, as a whole, by the judges of rebuilt speech.
        sounds: task -> the decomposers that are listened to.
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
    sounds: dict[Name, tuple[RunKey, ...]] = Field(default_factory=dict)
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
        tested_on: task -> the other task whose corpus its judges of rebuilt speech hear as well.
        sounds: task -> the decomposers, ``system/variant``, that are listened to.
        trainings: all that is trained: what tables, figures and sounds show, and what that needs.
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
    sounds: dict[str, tuple[str, ...]]
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
    def heard_otherwise(self) -> tuple[str, ...]:
        """The variants whose rebuilt speech other runs hear in tests, each once."""
        tables = [table for table in self.tables.values() if table.kind == "factors"]
        return tuple(dict.fromkeys(heard for table in tables for row in table.rows if (heard := table.heard(row))))

    def tests_of_row(self, table: str, task: str, row: str) -> tuple[str, ...]:
        """Folders of the tests of a row of judges: on its own task and, if there is one, on the other."""
        heard = self.tables[table].heard(row)
        on = [task, *([self.tested_on[task]] if task in self.tested_on else [])]
        return tuple(f"on_{name}" + (f"/as_{heard}" if heard else "") for name in on)

    def decomposer_run(self, run_key: str, task: str, fold: int) -> tuple[str, str, str, int]:
        """Task, system, variant and fold of the decomposer ``system/variant`` that serves a fold of a task."""
        system, variant = run_key.split("/")
        of_others = self.tasks[task].decomposed_by
        return (task, system, variant, fold) if of_others is None else (of_others, system, variant, 0)

    def least_training_speakers(self, task: str) -> int:
        """Speakers a fold of a task must train: as many as its systems need, two where probes tell them apart."""
        needed = [self.systems[t.system].least_training_speakers for t in self.trainings if t.task == task]
        is_probed = any(
            set(table.metrics) & set(PROBED) and task in self.table_tasks[name]
            for name, table in self.tables.items()
        )
        return max([1, *needed, 2 * is_probed])


def load_study(config: Mapping[str, Any], config_dir: Path) -> Study:
    """Check a study and everything it names.

    Args:
        config: the study's file (or the default study), merged with the command line.
        config_dir: folder with ``corpora/``, ``tasks/``, ``augmentations/``, ``features/``, ``systems/``,
            ``tables/`` and ``figures/``.

    Returns:
        The study, with only what it names and every value checked.

    Raises:
        InputError: for an unknown key or name, an impossible value or a file that is no YAML,
            in one line a fault that names file and key and what was expected.
    """
    where = "study (config/config.yaml, --configfile or --config)"
    check_plain(config, where)
    request = _checked(StudyRequest, config, where)
    _only_known((*request.tested_on, *request.sounds), request.tasks, f"{where}: tested_on and sounds")
    tasks = _load_tasks(request, config_dir)
    table_tasks = _tasks_of(request.tables, request.tasks, f"{where}: tables")
    figure_tasks = _tasks_of(request.figures, request.tasks, f"{where}: figures")
    tables = {name: _load(TableConfig, config_dir, "tables", name) for name in table_tasks}
    figures = {name: _load(FigureConfig, config_dir, "figures", name) for name in figure_tasks}
    tables = {name: _installed_rows(table, config_dir, name) for name, table in tables.items()}
    _check_tables(tables, table_tasks, tasks, where)
    _check_others(request.tested_on, tasks, where)
    _check_sweeps(config_dir, figures, figure_tasks, tables, table_tasks)
    corpora = {}
    for name in dict.fromkeys(task.corpus for task in tasks.values()):
        file = _existing(config_dir, "corpora", name)
        corpora[name] = _checked(CorpusConfig, read_yaml(file) | request.corpora.get(name, {}), file)
    _only_known(request.corpora, _names(config_dir, "corpora"), f"{where}: corpora")
    augmentations, augmentation_notes = {}, {}
    for name in dict.fromkeys(task.augmentation for task in tasks.values() if task.augmentation is not None):
        if name == ORIGINAL:
            raise InputError(
                f"augmentation: is {name!r}, the word for utterances as they are; expected another name"
            )
        augmentations[name], augmentation_notes[name] = _load_documented(
            AugmentationSettings, config_dir, "augmentations", name
        )

    asked = [
        (f"{config_dir / kind / name}.yaml", item, tasks_of[name])
        for kind, items, tasks_of in (("tables", tables, table_tasks), ("figures", figures, figure_tasks))
        for name, item in items.items()
    ]
    wanted: dict[str, dict[str, str]] = {}  # system -> variant -> the file that asks for it
    for asks, item, _ in asked:
        for system, variant in _named_by(item):
            _existing(config_dir, "systems", system)
            wanted.setdefault(system, {}).setdefault(variant, asks)
    for run_key in dict.fromkeys(key for keys in request.sounds.values() for key in keys):
        system, variant = run_key.split("/")
        _existing(config_dir, "systems", system)
        wanted.setdefault(system, {}).setdefault(variant, f"{where}: sounds")
    for run_key, asks in _needed_decomposers(config_dir, wanted).items():
        system, variant = run_key.split("/")
        wanted.setdefault(system, {}).setdefault(variant, asks)
    _only_known(request.systems, _names(config_dir, "systems"), f"{where}: systems")
    systems = {
        name: _load_system(config_dir, name, request.systems.get(name, {}), variants, where)
        for name, variants in wanted.items()
    }
    _check_decomposers(config_dir, systems)
    features: dict[str, Features] = {}
    feature_notes = {}
    for loaded in systems.values():
        for variant in loaded.variants:
            pitch = loaded.variant(variant).get("pitch")
            for name in (loaded.features(variant), *([pitch] if pitch else [])):
                if name not in features:
                    features[name], feature_notes[name] = load_features(config_dir, name)
            _check_kind(config_dir, features, loaded.features(variant), variant, functional=loaded.method == "svm")
            if pitch and features[pitch].kind != "f0":
                raise InputError(
                    f"{config_dir / 'features' / pitch}.yaml: kind: is {features[pitch].kind!r}, which variant "
                    f"{variant!r} cannot use as pitch; expected f0"
                )
    _check_methods(config_dir, tables, figures, systems, request.sounds, where)
    return Study(
        **{key: getattr(request, key) for key in ("study", "title", "corpora_root", "seeds")},
        compute=request.compute,
        intervals=request.intervals,
        probes=request.probes,
        information=request.information,
        corpora=corpora,
        tasks=tasks,
        augmentations=augmentations,
        augmentation_notes=augmentation_notes,
        features=features,
        feature_notes=feature_notes,
        systems=systems,
        tables=tables,
        table_tasks=table_tasks,
        figures=figures,
        figure_tasks=figure_tasks,
        tested_on=request.tested_on,
        sounds=request.sounds,
        trainings=_trainings(tasks, systems, [(item, on) for _, item, on in asked], request.sounds),
    )


def is_missing(study: Study, name: str) -> bool:
    """Whether a corpus has no folder below ``corpora_root``, which is relative to the working directory."""
    corpus = study.corpora[name]
    return corpus.synthesis is None and not (Path(study.corpora_root) / corpus.folder).is_dir()


def check_corpora(study: Study, fetch: str = "snakemake --cores 2 download_corpora") -> None:
    """Check that the corpora lie where the study says.

    Args:
        study: the study; ``corpora_root`` is relative to the working directory.
        fetch: the command that fetches what is open of them.

    Raises:
        InputError: for a corpus without a folder, or without the package its reader needs, one line each; a
            synthetic one needs no folder.
    """
    faults = [
        f"corpus {name}: {corpus.lacks}" for name, corpus in study.corpora.items() if corpus.lacks is not None
    ]
    for name, corpus in study.corpora.items():
        if is_missing(study, name):
            folder = Path(study.corpora_root) / corpus.folder
            otherwise = f"; {corpus.title} is open, to fetch it: {fetch}" if corpus.download else ""
            faults.append(
                f"corpora_root: {study.corpora_root}: has no folder {corpus.folder!r}; expected {folder} with "
                f"{corpus.title} (see docs/corpora.md), or --config corpora_root=...{otherwise}"
            )
    if faults:
        raise InputError("\n".join(faults))


def _runs_of(item: TableConfig | FigureConfig) -> Iterable[tuple[str, str]]:
    """System and variant of all that a table or figure shows itself."""
    if isinstance(item, TableConfig):
        return item.runs.values()
    return [(item.system or "", variant) for variant in item.variants]  # without one it has none


def _named_by(item: TableConfig | FigureConfig) -> Iterable[tuple[str, str]]:
    """All that a table or figure names: beside what it shows, what a judge of speech as it is hears."""
    if isinstance(item, TableConfig) and item.kind == "factors":
        return [*item.runs.values(), *((item.system or "", row) for row in item.rows)]
    return _runs_of(item)


def _needed_decomposers(config_dir: Path, wanted: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """``system/variant`` of each decomposer that a wanted variant needs -> the file that says so."""
    needed: dict[str, str] = {}
    for system, variants in wanted.items():
        file = _existing(config_dir, "systems", system)
        known = _keys(read_yaml(file).get("variants"), f"{file}: variants")
        for variant in variants:
            where = f"{file}: variants: {variant}: needs"
            changes = _keys(known.get(variant), f"{file}: variants: {variant}")
            run_key = _keys(changes.get("needs"), where).get("decomposer")
            if run_key is not None:
                _checked(Needs, {"decomposer": run_key}, where)
                _existing(config_dir, "systems", run_key.split("/")[0])
                needed.setdefault(run_key, where)
    return needed


def _trainings(
    tasks: Mapping[str, TaskConfig],
    systems: Mapping[str, SystemConfig],
    asked: Iterable[tuple[TableConfig | FigureConfig, tuple[str, ...]]],
    sounds: Mapping[str, tuple[str, ...]],
) -> tuple[Training, ...]:
    """What is trained: the variants that tables and figures show on their tasks, and there what those need."""
    on_tasks: dict[tuple[str, str], set[str]] = {}
    heard: dict[tuple[str, str], set[str]] = {}  # what needs a decomposer -> its tasks
    for item, on in asked:
        for run in _runs_of(item):
            on_tasks.setdefault(run, set()).update(on)
        for run in _named_by(item):
            heard.setdefault(run, set()).update(on)
    decomposed = [
        (run_key, task)
        for (name, variant), on in heard.items()
        if (run_key := systems[name].needs.get(variant, Needs()).decomposer) is not None
        for task in on
    ]
    decomposed += [(run_key, task) for task, run_keys in sounds.items() for run_key in run_keys]
    for run_key, task in decomposed:
        name, variant = run_key.split("/")
        on_tasks.setdefault((name, variant), set()).add(tasks[task].decomposed_by or task)
    for name, system in systems.items():
        # What is needed stands before what needs it, so backwards it is reached after all that need it.
        for variant in reversed(system.variants):
            for needed in system.needs.get(variant, Needs()).variants:
                on_tasks.setdefault((name, needed), set()).update(on_tasks.get((name, variant), ()))
    return tuple(
        Training(task=task, system=name, variant=variant)
        for task in tasks
        for name, system in systems.items()
        for variant in system.variants
        if task in on_tasks.get((name, variant), ())
    )


def _tasks_of(
    items: Mapping[str, tuple[str, ...]], tasks: tuple[str, ...], where: str
) -> dict[str, tuple[str, ...]]:
    """Table or figure -> its tasks in the study's order."""
    for name, chosen in items.items():
        _only_known(chosen, tasks, f"{where}: {name}")
    return {name: tuple(task for task in tasks if task in chosen or not chosen) for name, chosen in items.items()}


def _load_tasks(request: StudyRequest, config_dir: Path) -> dict[str, TaskConfig]:
    """A study's tasks, those its judges are tested on as well, and those that train decomposers for others."""
    tasks = {
        name: _load(TaskConfig, config_dir, "tasks", name)
        for name in dict.fromkeys((*request.tasks, *request.tested_on.values()))
    }
    for name in list(tasks):
        other = tasks[name].decomposed_by
        if other is None:
            continue
        tasks.setdefault(other, _load(TaskConfig, config_dir, "tasks", other))
        if tasks[other].n_folds != 1 or tasks[other].decomposed_by is not None:
            raise InputError(
                f"{config_dir / 'tasks' / name}.yaml: decomposed_by: task {other} is "
                f"{tasks[other].protocol_words}; expected one with a single fold, which trains its own decomposer"
            )
    return tasks


def _check_others(tested_on: Mapping[str, str], tasks: Mapping[str, TaskConfig], where: str) -> None:
    """A judge is tested on another corpus only, and its classes are those it knows."""
    for name, other in tested_on.items():
        if tasks[name].classes != tasks[other].classes or tasks[name].corpus == tasks[other].corpus:
            raise InputError(
                f"{where}: tested_on: {name}: task {other} is of corpus {tasks[other].corpus} with classes "
                f"{', '.join(tasks[other].classes)}; expected another corpus than {tasks[name].corpus}, with "
                f"classes {', '.join(tasks[name].classes)} in this order"
            )


def _check_kind(
    config_dir: Path, features: Mapping[str, Features], name: str, variant: str, *, functional: bool
) -> None:
    """A support vector machine hears functionals, a network spectrograms."""
    kind = features[name].kind
    if (kind in _FUNCTIONALS) != functional or kind == "f0":
        raise InputError(
            f"{config_dir / 'features' / name}.yaml: kind: is {kind!r}, which variant {variant!r} cannot use; "
            f"expected {' or '.join(_FUNCTIONALS) if functional else 'a spectrogram'}"
        )


def _check_decomposers(config_dir: Path, systems: Mapping[str, SystemConfig]) -> None:
    """Who hears rebuilt speech needs a decomposer of the same features, and who hears speech as it is none."""
    for name, system in systems.items():
        for variant in system.variants:
            where = f"{config_dir / 'systems' / name}.yaml: variants: {variant}"
            run_key = system.needs.get(variant, Needs()).decomposer
            if (run_key is None) != (system.variant(variant).get("rebuilt") is None):
                raise InputError(f"{where}: expected 'rebuilt' (what is kept) and 'needs: decomposer' together")
            if system.method == "decomposer" and not system.variant(variant).get("pitch"):
                raise InputError(f"{where}: pitch: is none, expected features of kind f0 for a decomposer")
            if run_key is None:
                continue
            decomposing, needed = run_key.split("/")
            if systems[decomposing].method != "decomposer":
                raise InputError(f"{where}: needs: system {decomposing!r} is no decomposer; expected one")
            frames = [system.variant(variant).get("segment_frames")]
            frames.append(systems[decomposing].variant(needed).get("rebuilt_frames"))
            if None in frames or len(set(frames)) > 1:
                raise InputError(
                    f"{where}: segment_frames: is {frames[0]}; expected {frames[1]}, rebuilt_frames of {run_key}"
                )
            of_both = [system.features(variant), systems[decomposing].features(needed)]
            if len(set(of_both)) > 1:
                raise InputError(
                    f"{where}: features: is {of_both[0]!r}; expected {of_both[1]!r}, which {run_key} rebuilds"
                )


def _check_methods(
    config_dir: Path,
    tables: Mapping[str, TableConfig],
    figures: Mapping[str, FigureConfig],
    systems: Mapping[str, SystemConfig],
    sounds: Mapping[str, tuple[str, ...]],
    where: str,
) -> None:
    """Tables of codes are about decomposers, all others about systems that know emotions; figures likewise."""
    for name, table in tables.items():
        of_codes = table.kind in ("information", "ground_truth")
        for system, _ in table.runs.values():
            if (systems[system].method == "decomposer") != of_codes:
                raise InputError(
                    f"{config_dir / 'tables' / name}.yaml: system: {system!r} is {systems[system].method}; "
                    f"expected {'a' if of_codes else 'no'} decomposer, as the table is of kind {table.kind!r}"
                )
    for name, figure in figures.items():
        if figure.system and figure.kind not in _FIGURES_OF_METHOD[systems[figure.system].method]:
            raise InputError(
                f"{config_dir / 'figures' / name}.yaml: system: {figure.system!r} is trained as "
                f"{systems[figure.system].method!r}; expected another, as the figure is of kind {figure.kind!r}"
            )
    for task, run_keys in sounds.items():
        for run_key in run_keys:
            if systems[run_key.split("/")[0]].method != "decomposer":
                raise InputError(f"{where}: sounds: {task}: {run_key!r} is no decomposer; expected one")


def _check_tables(
    tables: Mapping[str, TableConfig],
    table_tasks: Mapping[str, tuple[str, ...]],
    tasks: Mapping[str, TaskConfig],
    where: str,
) -> None:
    """Protocols are compared on one corpus, with the same classes; a table's tasks keep what it is about."""
    for name, table in tables.items():
        for task in table_tasks[name]:
            if len(tasks[task].classes) < 2 and table.kind not in ("information", "ground_truth"):
                raise InputError(
                    f"{where}: tables: {name}: task {task} has one class; expected at least 2, as "
                    "the table is about emotions"
                )
            if table.kind == "factors" and tasks[task].n_folds > 1 and not tasks[task].speaker_independent:
                raise InputError(
                    f"{where}: tables: {name}: task {task} is {tasks[task].protocol_words}; expected one that "
                    "tests each speaker in one fold, as UA is averaged over speakers and that of nothing is chance"
                )
            if table.unseen_speakers and not tasks[task].speaker_independent:
                raise InputError(
                    f"{where}: tables: {name}: task {task} is {tasks[task].protocol_words}; "
                    "expected one whose test speakers are unseen in training, as the table is about those"
                )
            of_seen = [metric for metric in table.metrics if metric in OF_SEEN]
            if of_seen and tasks[task].seen is None:
                raise InputError(
                    f"{where}: tables: {name}: task {task} holds out no utterances of its training speakers; "
                    f"expected a task with 'seen', as the table shows {', '.join(of_seen)}"
                )
        corpora = {(tasks[task].corpus, tasks[task].classes) for task in table_tasks[name]}
        if table.kind == "protocols" and len(corpora) > 1:
            raise InputError(
                f"{where}: tables: {name}: has tasks {', '.join(table_tasks[name])}; "
                "expected tasks of one corpus with the same classes, as it compares protocols"
            )


def _check_sweeps(
    config_dir: Path,
    figures: Mapping[str, FigureConfig],
    figure_tasks: Mapping[str, tuple[str, ...]],
    tables: Mapping[str, TableConfig],
    table_tasks: Mapping[str, tuple[str, ...]],
) -> None:
    """A sweep is drawn from a table of the study with an axis, made for the same tasks; a trade-off likewise."""
    for name, figure in figures.items():
        if figure.table is None:
            continue
        file = config_dir / "figures" / f"{name}.yaml"
        drawable = [
            t
            for t, table in tables.items()
            if (table.kind == figure.kind if figure.kind in FACTOR_KINDS else bool(table.axis))
        ]
        if figure.table not in drawable:
            wanted = f"table of kind {figure.kind}" if figure.kind in FACTOR_KINDS else "sweep"
            raise InputError(
                f"{file}: table: {figure.table!r} is no {wanted} of this study; expected one of {drawable}"
            )
        lacking = [task for task in figure_tasks[name] if task not in table_tasks[figure.table]]
        if lacking:
            raise InputError(f"{file}: table: {figure.table!r} is not made for {', '.join(lacking)} in this study")
        shown = tables[figure.table].metrics
        if figure.kind == "trade_off" and not set(shown) & set(SPEAKER_PROBES):
            raise InputError(
                f"{file}: table: {figure.table!r} shows {', '.join(shown)}; "
                f"expected one that shows {' or '.join(SPEAKER_PROBES)}"
            )


def _load_system(
    config_dir: Path, name: str, request: dict[str, Any], wanted: Mapping[str, str], where: str
) -> SystemConfig:
    """One system with the variants a study wants and those they need; each checked as a whole."""
    file = _existing(config_dir, "systems", name)
    content = read_yaml(file)
    settings = _documented(content, file, known=_DOCUMENTED | _OF_SYSTEM)
    base = {s.key: s.value for s in settings}
    variants = {
        v: dict(_keys(changes, f"{file}: variants: {v}"))
        for v, changes in _keys(content.get("variants"), f"{file}: variants").items()
    }
    needs = {
        v: _checked(Needs, changes.pop("needs"), f"{file}: variants: {v}: needs")
        for v, changes in variants.items()
        if "needs" in changes
    }
    overrides = {key: value for key, value in request.items() if key != "variants"}
    in_study = f"{where}: systems: {name}"
    variant_overrides = {
        v: _keys(changes, f"{in_study}: variants: {v}")
        for v, changes in _keys(request.get("variants"), f"{in_study}: variants").items()
    }
    _only_known(variant_overrides, variants, f"{in_study}: variants")
    for variant, asked_by in wanted.items():
        if variant not in variants:
            raise InputError(
                f"{asked_by}: variant {variant!r} is unknown; expected one of {', '.join(variants)} ({file})"
            )
    for origin, changes in (
        *((f"{file}: variants: {v}", c) for v, c in variants.items()),
        (in_study, overrides),
        *((f"{in_study}: variants: {v}", c) for v, c in variant_overrides.items()),
    ):
        _only_known(changes, base, origin)
        for key, value in changes.items():
            if not _same_kind(value, base[key]):
                raise InputError(f"{origin}: {key}: is {brief(value)}, expected something like {base[key]!r}")
    used = _with_needed(wanted, variants, needs, file)
    system = _checked(
        SystemConfig,
        {
            "source": content.get("source", ""),
            **{key: content[key] for key in ("method", "least_training_speakers") if key in content},
            "settings": settings,
            "variants": {v: variants[v] for v in used},
            "needs": {v: needs[v] for v in used if v in needs},
            "overrides": overrides,
            "variant_overrides": {v: c for v, c in variant_overrides.items() if v in used},
        },
        file,
    )
    seen: dict[str, str] = {}
    for variant in system.variants:
        if system.method == "svm":
            _checked(SvmSettings, system.variant(variant), f"{file}: variant {variant}")
        else:
            run = {k: v for k, v in system.variant(variant).items() if k in RunSettings.model_fields}
            _checked(RunSettings, run, f"{file}: variant {variant}")
        made_of = (sorted(system.variant(variant).items()), system.needs.get(variant))
        twin = seen.setdefault(repr(made_of), variant)
        if twin != variant:
            raise InputError(
                f"{file}: variants {twin!r} and {variant!r} have the same settings"
                + (f" under the study's {request}" if request else "")
                + "; expected them to differ"
            )
    return system


def _with_needed(
    wanted: Mapping[str, str], variants: Mapping[str, Any], needs: Mapping[str, Needs], file: Path
) -> list[str]:
    """The variants a study wants and all they need, each after what it needs."""
    used: list[str] = []

    def use(variant: str, needed_by: tuple[str, ...]) -> None:
        if variant not in variants:
            raise InputError(
                f"{file}: variants: {needed_by[-1]}: needs: variant {variant!r} is unknown; "
                f"expected one of {', '.join(variants)}"
            )
        if variant in needed_by:
            raise InputError(f"{file}: variants: {variant}: needs itself, by way of {', '.join(needed_by)}")
        if variant not in used:
            for needed in needs.get(variant, Needs()).variants:
                use(needed, (*needed_by, variant))
            used.append(variant)

    for variant in wanted:
        use(variant, ())
    return used


def load_features(config_dir: Path, name: str) -> tuple[Features, tuple[Documented, ...]]:
    """One file of features and the pedigree of its settings; its kind says which settings it has.

    Raises:
        InputError: if there is no such file, or a setting is unknown or impossible.
    """
    file = _existing(config_dir, "features", name)
    kind = next((s.value for s in _documented(read_yaml(file), file, known=_DOCUMENTED) if s.key == "kind"), None)
    if not isinstance(kind, str) or kind not in FEATURE_SECTIONS:
        raise InputError(f"{file}: kind: is {brief(kind)}, expected one of {', '.join(FEATURE_SECTIONS)}")
    section: type[Any] = FEATURE_SECTIONS[kind]
    return _load_documented(section, config_dir, "features", name)


def _installed_rows(table: TableConfig, config_dir: Path, name: str) -> TableConfig:
    """A table without the rows that need an optional package which is not installed; it keeps their labels."""
    contents: dict[str, dict[str, Any]] = {}  # each file is read once: a sweep has a row for every value
    lacking = {}
    for row, (system, variant) in table.runs.items():
        if system not in contents:
            if system not in _names(config_dir, "systems"):
                raise InputError(
                    f"{config_dir / 'tables' / name}.yaml: rows: {row}: system {system!r} is unknown; "
                    f"expected one of {', '.join(_names(config_dir, 'systems'))}"
                )
            contents[system] = read_yaml(_existing(config_dir, "systems", system))
        where = config_dir / "systems" / f"{system}.yaml"
        changes = _keys(contents[system].get("variants"), f"{where}: variants").get(variant)
        features = _keys(changes, f"{where}: variants: {variant}").get("features")
        if isinstance(features, str) and (config_dir / "features" / f"{features}.yaml").is_file():
            documented = read_yaml(config_dir / "features" / f"{features}.yaml")
            settings = _documented(documented, config_dir / "features" / f"{features}.yaml", known=_DOCUMENTED)
            kind = next((setting.value for setting in settings if setting.key == "kind"), None)
            package = OPTIONAL_PACKAGES.get(kind) if isinstance(kind, str) else None
            if package is not None and find_spec(package) is None:
                lacking[row] = f"{table.rows[row]} (package {package})"
    if not lacking:
        return table
    if len(lacking) == len(table.rows):
        raise InputError(
            f"{config_dir / 'tables' / name}.yaml: rows: all need a package that is not installed: "
            f"{', '.join(lacking.values())}; expected it to be installed, or another row"
        )
    return TableConfig(
        **table.model_dump(exclude={"rows", "differences", "left_out"}),
        rows={row: label for row, label in table.rows.items() if row not in lacking},
        differences=[d for d in table.differences if not {d.variant, d.minus} & set(lacking)],
        left_out=tuple(lacking.values()),
    )


def _load_documented(section: type[S], config_dir: Path, kind: str, name: str) -> tuple[S, tuple[Documented, ...]]:
    """One file whose settings are documented one by one, with their pedigree."""
    file = _existing(config_dir, kind, name)
    settings = _documented(read_yaml(file), file, known=_DOCUMENTED)
    return _checked(section, {s.key: s.value for s in settings}, file), settings


def _documented(content: dict[str, Any], file: Path, known: set[str]) -> tuple[Documented, ...]:
    """The settings of a file, each with where it is stated or why it was chosen."""
    _only_known(content, known, file)
    settings: dict[str, Documented] = {}
    for kind in ("published", "assumed"):
        for key, pair in _keys(content.get(kind), f"{file}: {kind}").items():
            if not (isinstance(pair, list) and len(pair) == 2 and isinstance(pair[1], str)):
                raise InputError(f"{file}: {kind}: {key}: is {brief(pair)}, expected [value, where or why]")
            if key in settings:
                raise InputError(f"{file}: {key}: stands under published and assumed, expected one of them")
            settings[key] = Documented(key=key, value=pair[0], kind=kind, why=pair[1])
    return tuple(settings.values())


def _same_kind(value: Any, base: Any) -> bool:
    """Whether a value may replace a documented one: number for number, text for text."""
    if value is None or base is None:
        return True
    if isinstance(base, bool) or isinstance(value, bool):
        return isinstance(base, bool) and isinstance(value, bool)
    if isinstance(base, int | float):
        return isinstance(value, int | float)
    return isinstance(value, type(base))


def _load(section: type[S], config_dir: Path, kind: str, name: str) -> S:
    """One file ``config/<kind>/<name>.yaml``."""
    file = _existing(config_dir, kind, name)
    return _checked(section, read_yaml(file), file)


def _names(config_dir: Path, kind: str) -> list[str]:
    return sorted(file.stem for file in (config_dir / kind).glob("*.yaml"))


def _existing(config_dir: Path, kind: str, name: str) -> Path:
    file = config_dir / kind / f"{name}.yaml"
    if not file.is_file():
        raise InputError(f"{file}: is named but missing; {kind} here: {', '.join(_names(config_dir, kind))}")
    return file


def _keys(value: Any, where: str) -> dict[str, Any]:
    """Keys and values; none where nothing stands."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InputError(f"{where}: is {brief(value)}, expected keys and values")
    return value


def _only_known(keys: Any, known: Any, where: Any) -> None:
    for key in keys:
        if key not in known:
            raise InputError(f"{where}: {key}: is unknown, expected one of {', '.join(sorted(known))}")


def _checked(section: type[S], content: Mapping[str, Any], where: Any) -> S:
    """The content as a section, or one line for each key that is wrong."""
    try:
        return section.model_validate(content)
    except ValidationError as error:
        lines = []
        for fault in error.errors(include_url=False):
            key = ".".join(str(part) for part in fault["loc"])
            if fault["type"] == "extra_forbidden":
                lines.append(f"{where}: {key}: is unknown, expected one of {', '.join(section.model_fields)}")
            elif fault["type"] == "missing":
                lines.append(f"{where}: {key}: is missing")
            elif fault["type"] == "value_error":
                lines.append(f"{where}: {fault['msg'].removeprefix('Value error, ')}")
            else:
                lines.append(f"{where}: {key}: is {brief(fault['input'])}; {fault['msg']}")
        raise InputError("\n".join(lines)) from error
