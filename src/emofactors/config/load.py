"""Load a study: every name looked up, every value typed, before any job starts."""

from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from emofactors.config.base import Section
from emofactors.config.checks import (
    _check_decomposers,
    _check_kind,
    _check_methods,
    _check_others,
    _check_sweeps,
    _check_tables,
)
from emofactors.config.corpora import CorpusConfig
from emofactors.config.features import FEATURE_SECTIONS, OPTIONAL_PACKAGES, Features
from emofactors.config.figures import FigureConfig
from emofactors.config.study import ORIGINAL, Study, StudyRequest, Training
from emofactors.config.systems import Documented, Needs, RunSettings, SvmSettings, SystemConfig
from emofactors.config.tables import TableConfig
from emofactors.config.tasks import AugmentationSettings, TaskConfig
from emofactors.errors import InputError
from emofactors.io.yaml import brief, check_plain, read_yaml

S = TypeVar("S", bound=Section)

#: Sections of a file whose settings are documented one by one.
_DOCUMENTED = {"source", "published", "assumed"}

#: Those of a system beside them.
_OF_SYSTEM = {"method", "min_training_speakers", "variants"}


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
    _only_known(
        (*request.tested_on, *request.audio_examples), request.tasks, f"{where}: tested_on and audio_examples"
    )
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
    for run_key in dict.fromkeys(key for keys in request.audio_examples.values() for key in keys):
        system, variant = run_key.split("/")
        _existing(config_dir, "systems", system)
        wanted.setdefault(system, {}).setdefault(variant, f"{where}: audio_examples")
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
    _check_methods(config_dir, tables, figures, systems, request.audio_examples, where)
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
        audio_examples=request.audio_examples,
        trainings=_trainings(tasks, systems, [(item, on) for _, item, on in asked], request.audio_examples),
    )


def _runs_of(item: TableConfig | FigureConfig) -> Iterable[tuple[str, str]]:
    """System and variant of all that a table or figure shows itself."""
    if isinstance(item, TableConfig):
        return item.runs.values()
    return [(item.system or "", variant) for variant in item.variants]  # without one it has none


def _named_by(item: TableConfig | FigureConfig) -> Iterable[tuple[str, str]]:
    """All that a table or figure names: beside what it shows, what a classifier of speech as it is hears."""
    if isinstance(item, TableConfig) and item.kind == "factor_ablation":
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
    audio_examples: Mapping[str, tuple[str, ...]],
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
    decomposed += [(run_key, task) for task, run_keys in audio_examples.items() for run_key in run_keys]
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
    """A study's tasks, those its classifiers are tested on as well, and those that train decomposers for others."""
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
            **{key: content[key] for key in ("method", "min_training_speakers") if key in content},
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
