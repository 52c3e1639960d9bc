"""Checks across the sections of a study."""

from collections.abc import Mapping
from pathlib import Path

from emofactors.config.features import Features
from emofactors.config.figures.base import FigureOfTable, FigureOfVariants
from emofactors.config.figures.kinds import FigureConfig
from emofactors.config.study import Study
from emofactors.config.systems import Needs, SystemConfig
from emofactors.config.tables.kinds import TableConfig
from emofactors.config.tasks import TaskConfig
from emofactors.errors import InputError


def check_corpora(study: Study, download: str = "snakemake --cores 2 download_corpora") -> None:
    """Check that the folders of all corpora exist.

    Args:
        study: the study; ``corpora_root`` is relative to the working directory.
        download: command that downloads the open corpora.

    Raises:
        InputError: one line per corpus without a folder, or without the package that its reader needs.
    """
    faults = [
        f"corpus {name}: {corpus.package_fault}" for name, corpus in study.corpora.items() if corpus.package_fault
    ]
    for name, corpus in study.corpora.items():
        if study.is_missing(name):
            cure = f"; {corpus.title} is open, to download it: {download}" if corpus.download else ""
            faults.append(
                f"corpora_root: {study.corpora_root}: has no folder {corpus.folder!r}; expected "
                f"{study.corpus_folder(name)} with {corpus.title} (see docs/corpora.md), or "
                f"--config corpora_root=...{cure}"
            )
    if faults:
        raise InputError("\n".join(faults))


def check_cross_corpus(tested_on: Mapping[str, str], tasks: Mapping[str, TaskConfig], where: str) -> None:
    """Check that cross-corpus tasks have another corpus and the same classes."""
    for name, other in tested_on.items():
        if tasks[name].classes != tasks[other].classes or tasks[name].corpus == tasks[other].corpus:
            raise InputError(
                f"{where}: tested_on: {name}: task {other} is of corpus {tasks[other].corpus} with classes "
                f"{', '.join(tasks[other].classes)}; expected another corpus than {tasks[name].corpus}, with "
                f"classes {', '.join(tasks[name].classes)} in this order"
            )


def check_features(
    config_dir: Path, features: Mapping[str, Features], systems: Mapping[str, SystemConfig]
) -> None:
    """Check that support vector machines use functionals, networks spectrograms, and decomposers an F0."""
    expected = {"spectrogram": "a spectrogram", "functionals": "functionals", "pitch": "f0"}
    for system in systems.values():
        for variant in system.variants:
            used = {system.features(variant): "functionals" if system.method == "svm" else "spectrogram"}
            pitch = system.variant(variant).get("pitch")
            if pitch:
                used[pitch] = "pitch"
            for name, use in used.items():
                if features[name].use != use:
                    raise InputError(
                        f"{config_dir / 'features' / name}.yaml: kind: is {features[name].kind!r}, which variant "
                        f"{variant!r} cannot use as {use}; expected {expected[use]}"
                    )


def check_decomposers(config_dir: Path, systems: Mapping[str, SystemConfig]) -> None:
    """Check that exactly the variants trained on reconstructed speech name a decomposer, of the same features."""
    for name, system in systems.items():
        for variant in system.variants:
            where = f"{config_dir / 'systems' / name}.yaml: variants: {variant}"
            settings = system.variant(variant)
            run_key = system.needs.get(variant, Needs()).decomposer
            if (run_key is None) != (settings.get("reconstructed") is None):
                raise InputError(
                    f"{where}: expected 'reconstructed' (a condition) and 'needs: decomposer' together"
                )
            if system.method == "decomposer" and not settings.get("pitch"):
                raise InputError(f"{where}: pitch: is none, expected features of kind f0 for a decomposer")
            if run_key is not None:
                _check_decomposer(where, system, variant, systems, run_key)


def _check_decomposer(
    where: str, system: SystemConfig, variant: str, systems: Mapping[str, SystemConfig], run_key: str
) -> None:
    """Check that a decomposer reconstructs what a variant is trained on."""
    name, needed = run_key.split("/")
    decomposer = systems[name]
    if decomposer.method != "decomposer":
        raise InputError(f"{where}: needs: system {name!r} is {decomposer.method}; expected a decomposer")
    frames = [
        system.variant(variant).get("segment_frames"),
        decomposer.variant(needed).get("reconstructed_frames"),
    ]
    if None in frames or len(set(frames)) > 1:
        raise InputError(
            f"{where}: segment_frames: is {frames[0]}; expected {frames[1]}, reconstructed_frames of {run_key}"
        )
    features = [system.features(variant), decomposer.features(needed)]
    if len(set(features)) > 1:
        raise InputError(f"{where}: features: is {features[0]!r}; expected {features[1]!r}, as of {run_key}")


def check_methods(
    config_dir: Path,
    tables: Mapping[str, TableConfig],
    figures: Mapping[str, FigureConfig],
    systems: Mapping[str, SystemConfig],
    audio_examples: Mapping[str, tuple[str, ...]],
    where: str,
) -> None:
    """Check that each table, figure and audio example has a system of the right method."""
    for name, table in tables.items():
        for system, _ in table.runs.values():
            if (systems[system].method == "decomposer") != table.of_decomposers:
                raise InputError(
                    f"{config_dir / 'tables' / name}.yaml: system: {system!r} is {systems[system].method}; "
                    f"expected {'a' if table.of_decomposers else 'no'} decomposer for kind {table.kind!r}"
                )
    for name, figure in figures.items():
        if isinstance(figure, FigureOfVariants) and systems[figure.system].method not in figure.methods:
            raise InputError(
                f"{config_dir / 'figures' / name}.yaml: system: {figure.system!r} is "
                f"{systems[figure.system].method}; expected {' or '.join(figure.methods)} for kind {figure.kind!r}"
            )
    for task, run_keys in audio_examples.items():
        for run_key in run_keys:
            method = systems[run_key.split("/")[0]].method
            if method != "decomposer":
                raise InputError(
                    f"{where}: audio_examples: {task}: {run_key!r} is {method}; expected a decomposer"
                )


def check_tables(
    tables: Mapping[str, TableConfig],
    table_tasks: Mapping[str, tuple[str, ...]],
    tasks: Mapping[str, TaskConfig],
    where: str,
) -> None:
    """Check that the tasks of each table fit its kind and metrics."""
    faults = [
        f"{where}: tables: {name}: {fault}"
        for name, table in tables.items()
        for fault in table.task_faults({task: tasks[task] for task in table_tasks[name]})
    ]
    if faults:
        raise InputError("\n".join(faults))


def check_table_figures(
    config_dir: Path,
    figures: Mapping[str, FigureConfig],
    figure_tasks: Mapping[str, tuple[str, ...]],
    tables: Mapping[str, TableConfig],
    table_tasks: Mapping[str, tuple[str, ...]],
) -> None:
    """Check that each figure of a table finds a table of its kind, made for the same tasks."""
    for name, figure in figures.items():
        if not isinstance(figure, FigureOfTable):
            continue
        where = f"{config_dir / 'figures' / name}.yaml: table: {figure.table!r}"
        if figure.table not in tables:
            usable = [other for other, table in tables.items() if figure.table_fault(table) is None]
            raise InputError(f"{where} is not made in this study; expected one of {usable}")
        fault = figure.table_fault(tables[figure.table])
        if fault is not None:
            raise InputError(f"{where} {fault}")
        missing = [task for task in figure_tasks[name] if task not in table_tasks[figure.table]]
        if missing:
            raise InputError(f"{where} is not made for {', '.join(missing)} in this study")
