"""Checks across the sections of a study."""

from collections.abc import Mapping
from pathlib import Path

from emofactors.config.features import Features
from emofactors.config.figures import FigureConfig
from emofactors.config.study import Study
from emofactors.config.systems import Needs, SystemConfig
from emofactors.config.tables import FACTOR_KINDS, OF_HELD_OUT, SPEAKER_PROBES, TableConfig
from emofactors.config.tasks import TaskConfig
from emofactors.errors import InputError

#: Method -> kinds of figures that can be drawn of a system trained by it; others are drawn of any table.
_FIGURES_OF_METHOD = {
    "network": ("confusion", "embedding_pca", "embedding_speakers", "losses", "attention", "cost"),
    "svm": ("confusion", "embedding_pca", "embedding_speakers"),
    "decomposer": ("losses",),
}

#: Kinds of features that stand for an utterance as a whole.
_FUNCTIONALS = ("functionals", "opensmile")


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


def _check_others(tested_on: Mapping[str, str], tasks: Mapping[str, TaskConfig], where: str) -> None:
    """A classifier is tested on another corpus only, and its classes are those it knows."""
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
    """Who hears reconstructed speech needs a decomposer of the same features, and who hears speech as it is none."""
    for name, system in systems.items():
        for variant in system.variants:
            where = f"{config_dir / 'systems' / name}.yaml: variants: {variant}"
            run_key = system.needs.get(variant, Needs()).decomposer
            if (run_key is None) != (system.variant(variant).get("reconstructed") is None):
                raise InputError(
                    f"{where}: expected 'reconstructed' (what is kept) and 'needs: decomposer' together"
                )
            if system.method == "decomposer" and not system.variant(variant).get("pitch"):
                raise InputError(f"{where}: pitch: is none, expected features of kind f0 for a decomposer")
            if run_key is None:
                continue
            decomposing, needed = run_key.split("/")
            if systems[decomposing].method != "decomposer":
                raise InputError(f"{where}: needs: system {decomposing!r} is no decomposer; expected one")
            frames = [system.variant(variant).get("segment_frames")]
            frames.append(systems[decomposing].variant(needed).get("reconstructed_frames"))
            if None in frames or len(set(frames)) > 1:
                raise InputError(
                    f"{where}: segment_frames: is {frames[0]}; expected {frames[1]}, reconstructed_frames of {run_key}"
                )
            of_both = [system.features(variant), systems[decomposing].features(needed)]
            if len(set(of_both)) > 1:
                raise InputError(
                    f"{where}: features: is {of_both[0]!r}; expected {of_both[1]!r}, which {run_key} reconstructs"
                )


def _check_methods(
    config_dir: Path,
    tables: Mapping[str, TableConfig],
    figures: Mapping[str, FigureConfig],
    systems: Mapping[str, SystemConfig],
    audio_examples: Mapping[str, tuple[str, ...]],
    where: str,
) -> None:
    """Tables of codes are about decomposers, all others about systems that know emotions; figures likewise."""
    for name, table in tables.items():
        of_codes = table.kind in ("code_information", "true_factors")
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
    for task, run_keys in audio_examples.items():
        for run_key in run_keys:
            if systems[run_key.split("/")[0]].method != "decomposer":
                raise InputError(f"{where}: audio_examples: {task}: {run_key!r} is no decomposer; expected one")


def _check_tables(
    tables: Mapping[str, TableConfig],
    table_tasks: Mapping[str, tuple[str, ...]],
    tasks: Mapping[str, TaskConfig],
    where: str,
) -> None:
    """Protocols are compared on one corpus, with the same classes; a table's tasks keep what it is about."""
    for name, table in tables.items():
        for task in table_tasks[name]:
            if len(tasks[task].classes) < 2 and table.kind not in ("code_information", "true_factors"):
                raise InputError(
                    f"{where}: tables: {name}: task {task} has one class; expected at least 2, as "
                    "the table is about emotions"
                )
            if table.kind == "factor_ablation" and tasks[task].n_folds > 1 and not tasks[task].speaker_independent:
                raise InputError(
                    f"{where}: tables: {name}: task {task} is {tasks[task].protocol_words}; expected one that "
                    "tests each speaker in one fold, as UA is averaged over speakers and that of nothing is chance"
                )
            if table.unseen_speakers and not tasks[task].speaker_independent:
                raise InputError(
                    f"{where}: tables: {name}: task {task} is {tasks[task].protocol_words}; "
                    "expected one whose test speakers are unseen in training, as the table is about those"
                )
            of_held_out = [metric for metric in table.metrics if metric in OF_HELD_OUT]
            if of_held_out and tasks[task].held_out is None:
                raise InputError(
                    f"{where}: tables: {name}: task {task} holds out no utterances of its training speakers; "
                    f"expected a task with 'held_out', as the table shows {', '.join(of_held_out)}"
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
