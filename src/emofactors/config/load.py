"""Load a study: look up every name and check every value before any job starts."""

from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from emofactors.config.augmentations import AugmentationSettings
from emofactors.config.checks import (
    check_cross_corpus,
    check_decomposers,
    check_features,
    check_methods,
    check_table_figures,
    check_tables,
)
from emofactors.config.corpora import CORPUS_SECTIONS
from emofactors.config.features import FEATURE_SECTIONS
from emofactors.config.figures.kinds import FIGURE_SECTIONS, FigureConfig
from emofactors.config.files import (
    DOCUMENTED_KEYS,
    check,
    check_kind,
    check_known,
    existing,
    load,
    load_documented,
    load_features,
    mapping,
    names,
    read_documented,
)
from emofactors.config.load_claims import load_claims, studies_of_tables
from emofactors.config.load_systems import load_system, needed_decomposers
from emofactors.config.study import Study, StudyRequest, Training
from emofactors.config.systems import Needs, SystemConfig
from emofactors.config.tables.base import TableSection
from emofactors.config.tables.kinds import TABLE_SECTIONS, TableConfig
from emofactors.config.tasks import TaskConfig
from emofactors.errors import InputError
from emofactors.io.yaml import check_plain, read_yaml

#: Part of a path that stands for no augmentation; see ``plan.paths.ORIGINAL``.
_ORIGINAL = "original"


def load_study(config: Mapping[str, Any], config_dir: Path) -> Study:
    """Load a study and check everything it names.

    Args:
        config: the study's file (or the default study), merged with the command line.
        config_dir: folder with ``corpora/``, ``tasks/``, ``augmentations/``, ``features/``, ``systems/``,
            ``tables/``, ``figures/`` and ``claims/``.

    Returns:
        The study, with only what it names.

    Raises:
        InputError: for an unknown key or name, an impossible value or a file that is no YAML: one line per fault,
            with file, key, value and what was expected.
    """
    where = "study (config/config.yaml, --configfile or --config)"
    check_plain(config, where)
    request = check(StudyRequest, config, where)
    check_known(
        (*request.tested_on, *request.audio_examples), request.tasks, f"{where}: tested_on and audio_examples"
    )
    tasks = _load_tasks(request, config_dir)
    table_tasks = _tasks_of(request.tables, request.tasks, f"{where}: tables")
    figure_tasks = _tasks_of(request.figures, request.tasks, f"{where}: figures")
    tables = {name: _load_table(config_dir, name) for name in table_tasks}
    figures = {name: _load_figure(config_dir, name) for name in figure_tasks}
    check_tables(tables, table_tasks, tasks, where)
    check_cross_corpus(request.tested_on, tasks, where)
    check_table_figures(config_dir, figures, figure_tasks, tables, table_tasks)
    corpora = {}
    for name in dict.fromkeys(task.corpus for task in tasks.values()):
        file = existing(config_dir, "corpora", name)
        corpora[name] = check_kind(
            CORPUS_SECTIONS, read_yaml(file) | request.corpora.get(name, {}), file, "reader"
        )
    check_known(request.corpora, names(config_dir, "corpora"), f"{where}: corpora")
    augmentations = {}
    for name in dict.fromkeys(task.augmentation for task in tasks.values() if task.augmentation is not None):
        if name == _ORIGINAL:
            raise InputError(f"augmentation: is {name!r}, which stands for no augmentation; expected another name")
        augmentations[name] = load_documented(AugmentationSettings, config_dir, "augmentations", name)
    items = [
        (f"{config_dir / folder / name}.yaml", item, tasks_of[name])
        for folder, of_folder, tasks_of in (("tables", tables, table_tasks), ("figures", figures, figure_tasks))
        for name, item in of_folder.items()
    ]
    systems = _load_systems(request, config_dir, [(file, item) for file, item, _ in items], where)
    check_decomposers(config_dir, systems)
    feature_names = {  # a dict keeps their order
        name: None
        for system in systems.values()
        for variant in system.variants
        for name in (system.features(variant), system.variant(variant).get("pitch"))
        if name
    }
    features = {name: load_features(config_dir, name) for name in feature_names}
    check_features(config_dir, {name: settings for name, (settings, _) in features.items()}, systems)
    check_methods(config_dir, tables, figures, systems, request.audio_examples, where)
    return Study(
        **request.model_dump(include={"study", "title", "corpora_root", "seeds", "tested_on", "audio_examples"}),
        compute=request.compute,
        probes=request.probes,
        information=request.information,
        corpora=corpora,
        tasks=tasks,
        augmentations={name: settings for name, (settings, _) in augmentations.items()},
        documented_augmentations={name: documented for name, (_, documented) in augmentations.items()},
        features={name: settings for name, (settings, _) in features.items()},
        documented_features={name: documented for name, (_, documented) in features.items()},
        systems=systems,
        tables=tables,
        table_tasks=table_tasks,
        figures=figures,
        figure_tasks=figure_tasks,
        trainings=_trainings(tasks, systems, [(item, on) for _, item, on in items], request.audio_examples),
        claims=load_claims(config_dir),
        table_studies=studies_of_tables(config_dir),
    )


def _shown(item: TableConfig | FigureConfig) -> Iterable[tuple[str, str]]:
    """Return system and variant of all that a table or figure shows."""
    return item.runs.values() if isinstance(item, TableSection) else item.runs


def _named(item: TableConfig | FigureConfig) -> Iterable[tuple[str, str]]:
    """Return system and variant of all that a table or figure names, shown or not."""
    return item.named_variants if isinstance(item, TableSection) else item.runs


def _load_systems(
    request: StudyRequest,
    config_dir: Path,
    items: Iterable[tuple[str, TableConfig | FigureConfig]],
    where: str,
) -> dict[str, SystemConfig]:
    """Load the systems that tables, figures and audio examples name, and their decomposers."""
    wanted: dict[str, dict[str, str]] = {}  # system -> variant -> the file that names it

    def want(run_key: str, named_by: str) -> None:
        system, variant = run_key.split("/")
        existing(config_dir, "systems", system)
        wanted.setdefault(system, {}).setdefault(variant, named_by)

    for file, item in items:
        for system, variant in _named(item):
            want(f"{system}/{variant}", file)
    for run_keys in request.audio_examples.values():
        for run_key in run_keys:
            want(run_key, f"{where}: audio_examples")
    for run_key, named_by in needed_decomposers(config_dir, wanted).items():
        want(run_key, named_by)
    check_known(request.systems, names(config_dir, "systems"), f"{where}: systems")
    return {
        name: load_system(config_dir, name, request.systems.get(name, {}), variants, where)
        for name, variants in wanted.items()
    }


def _trainings(
    tasks: Mapping[str, TaskConfig],
    systems: Mapping[str, SystemConfig],
    items: Iterable[tuple[TableConfig | FigureConfig, tuple[str, ...]]],
    audio_examples: Mapping[str, tuple[str, ...]],
) -> tuple[Training, ...]:
    """Return all trainings: the variants that tables and figures show on their tasks, and what these need."""
    on_tasks: dict[tuple[str, str], set[str]] = {}
    named_on: dict[tuple[str, str], set[str]] = {}
    for item, on in items:
        for run in _shown(item):
            on_tasks.setdefault(run, set()).update(on)
        for run in _named(item):
            named_on.setdefault(run, set()).update(on)
    decomposed = [
        (run_key, task)
        for (name, variant), on in named_on.items()
        if (run_key := systems[name].needs.get(variant, Needs()).decomposer) is not None
        for task in on
    ]
    decomposed += [(run_key, task) for task, run_keys in audio_examples.items() for run_key in run_keys]
    for run_key, task in decomposed:
        name, variant = run_key.split("/")
        on_tasks.setdefault((name, variant), set()).add(tasks[task].decomposed_by or task)
    for name, system in systems.items():
        # Variants are in topological order: in reverse, each is reached after all that need it.
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
    """Return the tasks of each table or figure, in the order of the study."""
    for name, chosen in items.items():
        check_known(chosen, tasks, f"{where}: {name}")
    return {name: tuple(task for task in tasks if task in chosen or not chosen) for name, chosen in items.items()}


def _load_tasks(request: StudyRequest, config_dir: Path) -> dict[str, TaskConfig]:
    """Load the tasks of a study, their cross-corpus tasks, and the tasks that train their decomposers."""
    tasks = {
        name: load(TaskConfig, config_dir, "tasks", name)
        for name in dict.fromkeys((*request.tasks, *request.tested_on.values()))
    }
    for name in list(tasks):
        other = tasks[name].decomposed_by
        if other is None:
            continue
        tasks.setdefault(other, load(TaskConfig, config_dir, "tasks", other))
        if tasks[other].n_folds != 1 or tasks[other].decomposed_by is not None:
            raise InputError(
                f"{config_dir / 'tasks' / name}.yaml: decomposed_by: task {other} is "
                f"{tasks[other].protocol_label}; expected one with a single fold, which trains its own decomposer"
            )
    return tasks


def _load_figure(config_dir: Path, name: str) -> FigureConfig:
    """Load a figure as the section of its kind."""
    file = existing(config_dir, "figures", name)
    return check_kind(FIGURE_SECTIONS, read_yaml(file), file)


def _load_table(config_dir: Path, name: str) -> TableConfig:
    """Load a table as the section of its kind, without the rows that need a package which is not installed."""
    file = existing(config_dir, "tables", name)
    table: TableConfig = check_kind(TABLE_SECTIONS, {"kind": "variants"} | read_yaml(file), file)
    systems: dict[str, dict[str, Any]] = {}  # a sweep has many rows: each file is read once
    lacking = {}
    for row, (system, variant) in table.runs.items():
        if system not in systems:
            check_known([system], names(config_dir, "systems"), f"{file}: rows: {row}: system")
            systems[system] = read_yaml(existing(config_dir, "systems", system))
        package = _missing_package(config_dir, system, systems[system], variant)
        if package is not None:
            lacking[row] = f"{table.rows[row]} (package {package})"
    if len(lacking) == len(table.rows):
        raise InputError(
            f"{file}: rows: all need a package that is not installed: {', '.join(lacking.values())}; "
            "expected it to be installed, or another row"
        )
    return table.without_rows(lacking) if lacking else table


def _missing_package(config_dir: Path, system: str, content: Mapping[str, Any], variant: str) -> str | None:
    """Return the optional package that the features of a variant need, if it is not installed."""
    where = f"{config_dir / 'systems' / system}.yaml: variants"
    changes = mapping(mapping(content.get("variants"), where).get(variant), f"{where}: {variant}")
    file = config_dir / "features" / f"{changes.get('features')}.yaml"
    if not file.is_file():
        return None
    kind = {s.key: s.value for s in read_documented(read_yaml(file), file, known=DOCUMENTED_KEYS)}.get("kind")
    section = FEATURE_SECTIONS.get(kind) if isinstance(kind, str) else None
    package = None if section is None else section.package
    return package if package is not None and find_spec(package) is None else None
