"""A study, read and checked as a whole before any job starts: every name looked up, every value typed."""

from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, TypeVar

import yaml
from pydantic import Field, ValidationError, field_validator

from emofactors.config import (
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
    IntervalSettings,
    Name,
    Needs,
    ProbeSettings,
    RunSettings,
    Section,
    SvmSettings,
    SystemConfig,
    TableConfig,
    TaskConfig,
)
from emofactors.errors import InputError

S = TypeVar("S", bound=Section)

#: Stands in a path where an augmentation would: the utterances as they are.
ORIGINAL = "original"

#: Sections of a file whose settings are documented one by one.
_DOCUMENTED = {"source", "published", "assumed"}
#: Those of a system beside them.
_OF_SYSTEM = {"method", "least_training_speakers", "variants"}

#: Kinds of figures drawn from what only networks have: losses, attention and FLOPs.
_OF_NETWORKS = ("losses", "attention", "cost")


class StudyRequest(Section):
    """What a study's file and the command line may say.

    ``tables`` and ``figures`` are names, or names with the tasks each is made for; without any they are made
    for every task of the study.
    """

    study: Name
    title: str
    corpora_root: str = "data"
    tasks: Annotated[tuple[Name, ...], Field(min_length=1)]
    seeds: Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1)]
    tables: dict[Name, tuple[Name, ...]]
    figures: dict[Name, tuple[Name, ...]] = Field(default_factory=dict)
    systems: dict[Name, dict[str, Any]] = Field(default_factory=dict)
    corpora: dict[Name, dict[str, Any]] = Field(default_factory=dict)
    compute: ComputeSettings = ComputeSettings()
    intervals: IntervalSettings = IntervalSettings()
    probes: ProbeSettings = ProbeSettings()

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
        trainings: all that is trained: what tables and figures show, and what that needs.
    """

    study: str
    title: str
    corpora_root: str
    seeds: tuple[int, ...]
    compute: ComputeSettings
    intervals: IntervalSettings
    probes: ProbeSettings
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
    trainings: tuple[Training, ...]

    def seeds_of(self, system: str) -> tuple[int, ...]:
        """The seeds a system is trained with: one alone where none changes anything."""
        return self.seeds if self.systems[system].method == "network" else self.seeds[:1]

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
    request = _checked(StudyRequest, dict(config), where)
    tasks = {name: _load(TaskConfig, config_dir, "tasks", name) for name in request.tasks}
    table_tasks = _tasks_of(request.tables, request.tasks, f"{where}: tables")
    figure_tasks = _tasks_of(request.figures, request.tasks, f"{where}: figures")
    tables = {name: _load(TableConfig, config_dir, "tables", name) for name in table_tasks}
    figures = {name: _load(FigureConfig, config_dir, "figures", name) for name in figure_tasks}
    tables = {name: _installed_rows(table, config_dir, name) for name, table in tables.items()}
    _check_tables(tables, table_tasks, tasks, where)
    _check_sweeps(config_dir, figures, figure_tasks, tables, table_tasks)
    corpora = {}
    for name in dict.fromkeys(task.corpus for task in tasks.values()):
        file = _existing(config_dir, "corpora", name)
        corpora[name] = _checked(CorpusConfig, _read_yaml(file) | request.corpora.get(name, {}), file)
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
    for file, item, _ in asked:
        for system, variant in _runs_of(item):
            _existing(config_dir, "systems", system)
            wanted.setdefault(system, {}).setdefault(variant, file)
    _only_known(request.systems, _names(config_dir, "systems"), f"{where}: systems")
    systems = {
        name: _load_system(config_dir, name, request.systems.get(name, {}), variants, where)
        for name, variants in wanted.items()
    }
    features, feature_notes = {}, {}
    for system in systems.values():
        for variant in system.variants:
            name = system.features(variant)
            if name not in features:
                features[name], feature_notes[name] = _load_features(config_dir, name)
            is_functional = features[name].kind in ("functionals", "opensmile")
            if is_functional != (system.method == "svm"):
                raise InputError(
                    f"{config_dir / 'features' / name}.yaml: kind: is {features[name].kind!r}, which variant "
                    f"{variant!r} cannot use; expected "
                    + ("functionals or opensmile" if system.method == "svm" else "a spectrogram")
                )
    for name, figure in figures.items():
        if figure.kind in _OF_NETWORKS and systems[figure.system].method != "network":
            raise InputError(
                f"{config_dir / 'figures' / name}.yaml: system: {figure.system!r} is no network; "
                f"expected one, as the figure is of kind {figure.kind!r}"
            )
    return Study(
        **{key: getattr(request, key) for key in ("study", "title", "corpora_root", "seeds")},
        compute=request.compute,
        intervals=request.intervals,
        probes=request.probes,
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
        trainings=_trainings(tasks, systems, [(item, on) for _, item, on in asked]),
    )


def check_corpora(study: Study) -> None:
    """Check that the corpora lie where the study says.

    Args:
        study: the study; ``corpora_root`` is relative to the working directory.

    Raises:
        InputError: for a corpus without a folder, one line each; a synthetic one needs none.
    """
    faults = []
    for corpus in study.corpora.values():
        folder = Path(study.corpora_root) / corpus.folder
        if corpus.synthesis is None and not folder.is_dir():
            faults.append(
                f"corpora_root: {study.corpora_root}: has no folder {corpus.folder!r}; expected {folder} with "
                f"{corpus.title} (see docs/corpora.md), or --config corpora_root=..."
            )
    if faults:
        raise InputError("\n".join(faults))


def _runs_of(item: TableConfig | FigureConfig) -> Iterable[tuple[str, str]]:
    """System and variant of all that a table or figure shows itself."""
    if isinstance(item, TableConfig):
        return item.runs.values()
    return [(item.system, variant) for variant in item.variants]


def _trainings(
    tasks: Iterable[str],
    systems: Mapping[str, SystemConfig],
    asked: Iterable[tuple[TableConfig | FigureConfig, tuple[str, ...]]],
) -> tuple[Training, ...]:
    """What is trained: the variants that tables and figures show on their tasks, and there what those need."""
    on_tasks: dict[tuple[str, str], set[str]] = {}
    for item, on in asked:
        for run in _runs_of(item):
            on_tasks.setdefault(run, set()).update(on)
    for name, system in systems.items():
        # What is needed stands before what needs it, so backwards it is reached after all that need it.
        for variant in reversed(system.variants):
            for needed in system.needs.get(variant, Needs()).variants:
                on_tasks.setdefault((name, needed), set()).update(on_tasks[name, variant])
    return tuple(
        Training(task=task, system=name, variant=variant)
        for task in tasks
        for name, system in systems.items()
        for variant in system.variants
        if task in on_tasks[name, variant]
    )


def _tasks_of(
    items: Mapping[str, tuple[str, ...]], tasks: tuple[str, ...], where: str
) -> dict[str, tuple[str, ...]]:
    """Table or figure -> its tasks in the study's order."""
    for name, chosen in items.items():
        _only_known(chosen, tasks, f"{where}: {name}")
    return {name: tuple(task for task in tasks if task in chosen or not chosen) for name, chosen in items.items()}


def _check_tables(
    tables: Mapping[str, TableConfig],
    table_tasks: Mapping[str, tuple[str, ...]],
    tasks: Mapping[str, TaskConfig],
    where: str,
) -> None:
    """Protocols are compared on one corpus, with the same classes; a table's tasks keep what it is about."""
    for name, table in tables.items():
        for task in table_tasks[name]:
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
        if not (figure.table in tables and tables[figure.table].axis):
            raise InputError(
                f"{file}: table: {figure.table!r} is no sweep of this study; "
                f"expected one of {[t for t, table in tables.items() if table.axis]}"
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
    content = _read_yaml(file)
    settings = _documented(content, file, known=_DOCUMENTED | _OF_SYSTEM)
    base = {s.key: s.value for s in settings}
    variants = {v: dict(changes or {}) for v, changes in (content.get("variants") or {}).items()}
    needs = {
        v: _checked(Needs, changes.pop("needs"), f"{file}: variants: {v}: needs")
        for v, changes in variants.items()
        if "needs" in changes
    }
    overrides = {key: value for key, value in request.items() if key != "variants"}
    variant_overrides = request.get("variants") or {}
    in_study = f"{where}: systems: {name}"
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
                raise InputError(f"{origin}: {key}: is {value!r}, expected something like {base[key]!r}")
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


def _load_features(config_dir: Path, name: str) -> tuple[Section, tuple[Documented, ...]]:
    """One file of features; its kind says which settings it has."""
    file = _existing(config_dir, "features", name)
    kind = next((s.value for s in _documented(_read_yaml(file), file, known=_DOCUMENTED) if s.key == "kind"), None)
    if kind not in FEATURE_SECTIONS:
        raise InputError(f"{file}: kind: is {kind!r}, expected one of {', '.join(FEATURE_SECTIONS)}")
    return _load_documented(FEATURE_SECTIONS[kind], config_dir, "features", name)


def _installed_rows(table: TableConfig, config_dir: Path, name: str) -> TableConfig:
    """A table without the rows that need an optional package which is not installed; it keeps their labels."""
    lacking = {}
    for row, (system, variant) in table.runs.items():
        if system not in _names(config_dir, "systems"):
            raise InputError(
                f"{config_dir / 'tables' / name}.yaml: rows: {row}: system {system!r} is unknown; "
                f"expected one of {', '.join(_names(config_dir, 'systems'))}"
            )
        content = _read_yaml(_existing(config_dir, "systems", system))
        changes = (content.get("variants") or {}).get(variant) or {}
        features = changes.get("features")
        if features and (config_dir / "features" / f"{features}.yaml").is_file():
            documented = _read_yaml(config_dir / "features" / f"{features}.yaml")
            kinds = [(documented.get(section) or {}).get("kind") for section in ("published", "assumed")]
            package = OPTIONAL_PACKAGES.get(next((kind[0] for kind in kinds if kind), None))
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
    settings = _documented(_read_yaml(file), file, known=_DOCUMENTED)
    return _checked(section, {s.key: s.value for s in settings}, file), settings


def _documented(content: dict[str, Any], file: Path, known: set[str]) -> tuple[Documented, ...]:
    """The settings of a file, each with where it is stated or why it was chosen."""
    _only_known(content, known, file)
    settings: dict[str, Documented] = {}
    for kind in ("published", "assumed"):
        for key, pair in (content.get(kind) or {}).items():
            if not (isinstance(pair, list) and len(pair) == 2 and isinstance(pair[1], str)):
                raise InputError(f"{file}: {kind}: {key}: is {pair!r}, expected [value, where or why]")
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
    return _checked(section, _read_yaml(file), file)


def _names(config_dir: Path, kind: str) -> list[str]:
    return sorted(file.stem for file in (config_dir / kind).glob("*.yaml"))


def _existing(config_dir: Path, kind: str, name: str) -> Path:
    file = config_dir / kind / f"{name}.yaml"
    if not file.is_file():
        raise InputError(f"{file}: is named but missing; {kind} here: {', '.join(_names(config_dir, kind))}")
    return file


def _read_yaml(file: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{file}: is no YAML: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict):
        raise InputError(f"{file}: is {type(content).__name__}, expected keys and values")
    return content


def _only_known(keys: Any, known: Any, where: Any) -> None:
    for key in keys:
        if key not in known:
            raise InputError(f"{where}: {key}: is unknown, expected one of {', '.join(sorted(known))}")


def _checked(section: type[S], content: dict[str, Any], where: Any) -> S:
    """The content as a section, or one line for each key that is wrong."""
    try:
        return section(**content)
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
                lines.append(f"{where}: {key}: is {fault['input']!r}; {fault['msg']}")
        raise InputError("\n".join(lines)) from error
