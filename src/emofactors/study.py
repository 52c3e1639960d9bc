"""A study, read and checked as a whole before any job starts: every name looked up, every value typed."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar

import yaml
from pydantic import Field, ValidationError, field_validator

from emofactors.config import (
    AugmentationSettings,
    ComputeSettings,
    CorpusConfig,
    Documented,
    FeatureSettings,
    FigureConfig,
    IntervalSettings,
    Name,
    Needs,
    RunSettings,
    Section,
    SystemConfig,
    TableConfig,
    TaskConfig,
)
from emofactors.errors import InputError

S = TypeVar("S", bound=Section)

#: Stands in a path where an augmentation would: the utterances as they are.
ORIGINAL = "original"


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

    @field_validator("tables", "figures", mode="before")
    @classmethod
    def _names_alone_mean_every_task(cls, items: Any) -> Any:
        if isinstance(items, list | tuple):
            return dict.fromkeys(map(str, items), ())
        if not isinstance(items, dict):
            raise ValueError(f"'tables' and 'figures' are names, or names with their tasks, not {items!r}")
        return {name: tasks or () for name, tasks in items.items()}


class Training(Section):
    """What is trained for every fold and seed: one variant on one task."""

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
    corpora: dict[str, CorpusConfig]
    tasks: dict[str, TaskConfig]
    augmentations: dict[str, AugmentationSettings]
    augmentation_notes: dict[str, tuple[Documented, ...]]
    features: dict[str, FeatureSettings]
    feature_notes: dict[str, tuple[Documented, ...]]
    systems: dict[str, SystemConfig]
    tables: dict[str, TableConfig]
    table_tasks: dict[str, tuple[str, ...]]
    figures: dict[str, FigureConfig]
    figure_tasks: dict[str, tuple[str, ...]]
    trainings: tuple[Training, ...]


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
        if item.system is not None
    ]
    wanted: dict[str, dict[str, str]] = {}  # system -> variant -> the file that asks for it
    for file, item, _ in asked:
        for variant in _variants_of(item):
            wanted.setdefault(item.system, {}).setdefault(variant, file)
    _only_known(request.systems, _names(config_dir, "systems"), f"{where}: systems")
    systems = {
        name: _load_system(config_dir, name, request.systems.get(name, {}), variants, where)
        for name, variants in wanted.items()
    }
    features, feature_notes = {}, {}
    for system in systems.values():
        for variant in system.variants:
            name = system.run(variant).features
            if name not in features:
                features[name], feature_notes[name] = _load_documented(
                    FeatureSettings, config_dir, "features", name
                )
    return Study(
        **{key: getattr(request, key) for key in ("study", "title", "corpora_root", "seeds")},
        compute=request.compute,
        intervals=request.intervals,
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


def _variants_of(item: TableConfig | FigureConfig) -> Iterable[str]:
    """The variants a table or figure shows."""
    return item.rows if isinstance(item, TableConfig) else item.variants


def _trainings(
    tasks: Iterable[str],
    systems: Mapping[str, SystemConfig],
    asked: Iterable[tuple[TableConfig | FigureConfig, tuple[str, ...]]],
) -> tuple[Training, ...]:
    """What is trained: the variants that tables and figures show on their tasks, and there what those need."""
    on_tasks: dict[tuple[str, str], set[str]] = {}
    for item, on in asked:
        for variant in _variants_of(item):
            on_tasks.setdefault((item.system, variant), set()).update(on)
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
    """Protocols are compared on one corpus, with the same classes."""
    for name, table in tables.items():
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
    """A sweep is drawn from a table of the study with an axis, made for the same tasks."""
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


def _load_system(
    config_dir: Path, name: str, request: dict[str, Any], wanted: Mapping[str, str], where: str
) -> SystemConfig:
    """One system with the variants a study wants and those they need; each checked as a whole."""
    file = _existing(config_dir, "systems", name)
    content = _read_yaml(file)
    settings = _documented(content, file, known={"source", "published", "assumed", "variants"})
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


def _load_documented(section: type[S], config_dir: Path, kind: str, name: str) -> tuple[S, tuple[Documented, ...]]:
    """One file whose settings are documented one by one, with their pedigree."""
    file = _existing(config_dir, kind, name)
    settings = _documented(_read_yaml(file), file, known={"source", "published", "assumed"})
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
