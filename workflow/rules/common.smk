"""The validated study, the names wildcards may take, and every input and params function; no rules."""

import re
import shutil
from hashlib import sha256
from pathlib import Path


from emofactors.errors import InputError
from emofactors.provenance import fingerprint
from emofactors.study import check_corpora, load_study

BASE = Path(workflow.basedir)

try:
    STUDY = load_study(config, BASE / "config")
    check_corpora(STUDY)
except InputError as error:
    raise SystemExit(
        "\n".join(f"emofactors: error: {line}" for line in str(error).splitlines())
    ) from None


def one_of(names):
    """A wildcard takes the names of the study, letter for letter."""
    return "|".join(re.escape(name) for name in names) or "none"


wildcard_constraints:
    corpus=one_of(STUDY.corpora),
    task=one_of(STUDY.tasks),
    features=one_of(STUDY.features),
    system=one_of(STUDY.systems),
    variant=one_of(
        sorted({v for system in STUDY.systems.values() for v in system.variants})
    ),
    table=one_of(STUDY.tables),
    figure=one_of(STUDY.figures),
    fold=r"\d+",
    seed=r"\d+",


# --- code: what stands behind a result --------------------------------------------------------------------


def code_of(rule, *doors):
    """Fingerprint of the package code behind a rule's script."""
    return fingerprint(BASE / "workflow" / "scripts" / f"{rule}.py", *doors)


def manifest_code(wildcards):
    return code_of(
        "make_manifest", f"emofactors.corpora.{STUDY.corpora[wildcards.corpus].reader}"
    )


def training_code(wildcards):
    return code_of("train", f"emofactors.systems.{wildcards.system}")


# --- corpora ------------------------------------------------------------------------------------------------


def corpus_settings(wildcards):
    return STUDY.corpora[wildcards.corpus].model_dump(mode="json")


def is_synthetic(corpus):
    return STUDY.corpora[corpus].synthesis is not None


def corpus_root(wildcards):
    """Folder of a corpus: made by this workflow, or below corpora_root."""
    if is_synthetic(wildcards.corpus):
        return f"results/corpora/audio/{wildcards.corpus}"
    return str(Path(STUDY.corpora_root) / STUDY.corpora[wildcards.corpus].folder)


def synthesised_audio(wildcards):
    """The audio this workflow makes itself; a corpus of others is no input, but a listing."""
    return [corpus_root(wildcards)] if is_synthetic(wildcards.corpus) else []


def corpus_listing(wildcards):
    """Hash of names, sizes and times of a corpus' files: a changed file makes a new manifest."""
    if is_synthetic(wildcards.corpus):
        return "synthesised"
    root = Path(corpus_root(wildcards))
    digest = sha256()
    for file in sorted(file for file in root.rglob("*") if file.is_file()):
        status = file.stat()
        digest.update(
            f"{file.relative_to(root)} {status.st_size} {status.st_mtime_ns}\n".encode()
        )
    return digest.hexdigest()[:16]


def task_settings(wildcards):
    return STUDY.tasks[wildcards.task].model_dump(mode="json")


def manifest_of_task(wildcards):
    return f"results/corpora/manifests/{STUDY.tasks[wildcards.task].corpus}.csv"


def notes_of_task(wildcards):
    return f"results/corpora/manifests/{STUDY.tasks[wildcards.task].corpus}.json"


# --- features -----------------------------------------------------------------------------------------------


def feature_settings(wildcards):
    return STUDY.features[wildcards.features].model_dump(mode="json")


# --- training -----------------------------------------------------------------------------------------------


def features_of_variant(wildcards):
    run = STUDY.systems[wildcards.system].run(wildcards.variant)
    return f"results/features/{STUDY.tasks[wildcards.task].corpus}/{run.features}"


def run_settings(wildcards):
    return (
        STUDY.systems[wildcards.system].run(wildcards.variant).model_dump(mode="json")
    )


def system_arguments(wildcards):
    return STUDY.systems[wildcards.system].arguments(wildcards.variant)


def classes_of_task(wildcards):
    return list(STUDY.tasks[wildcards.task].classes)


def gpus(wildcards):
    """One slot of a GPU where a training will take one: by name, or where `auto` finds NVIDIA's driver."""
    wants = STUDY.compute.device == "cuda" or (
        STUDY.compute.device == "auto" and shutil.which("nvidia-smi")
    )
    return 1 if wants else 0


# --- evaluation ---------------------------------------------------------------------------------------------


def runs_of_variant(wildcards):
    """Predictions of every fold and seed of a variant."""
    return expand(
        "results/training/{task}/{system}/{variant}/fold{fold}/seed{seed}/predictions.csv",
        task=wildcards.task,
        system=wildcards.system,
        variant=wildcards.variant,
        fold=range(STUDY.tasks[wildcards.task].n_folds),
        seed=STUDY.seeds,
    )


# --- report -------------------------------------------------------------------------------------------------


def evaluations_of(system, variants, kind):
    """Scores or confusions of some variants on every task of the study."""
    return expand(
        "results/evaluation/{task}/{system}/{variant}/on_{task}/{kind}.csv",
        task=STUDY.tasks,
        system=system,
        variant=variants,
        kind=kind,
    )


def notes_of_study(wildcards):
    return expand("results/corpora/manifests/{corpus}.json", corpus=STUDY.corpora)


def tasks_of_study(wildcards):
    return {name: task.model_dump(mode="json") for name, task in STUDY.tasks.items()}


def confusions_of_table(wildcards):
    table = STUDY.tables[wildcards.table]
    return evaluations_of(table.system, table.rows, "confusion")


def scores_of_table(wildcards):
    table = STUDY.tables[wildcards.table]
    return evaluations_of(table.system, table.rows, "scores")


def table_settings(wildcards):
    return STUDY.tables[wildcards.table].model_dump(mode="json")


def overrides_of_table(wildcards):
    """Settings of the table's system that the study changes."""
    return STUDY.systems[STUDY.tables[wildcards.table].system].overrides


def sources_of_figure(wildcards):
    """What a figure is drawn from: evaluations, embeddings of fold 0 and the first seed, or a table."""
    figure = STUDY.figures[wildcards.figure]
    if figure.kind == "confusion":
        return evaluations_of(figure.system, figure.variants, "confusion")
    if figure.kind == "sweep":
        return [f"results/report/tables/{figure.table}.csv"]
    return expand(
        "results/training/{task}/{system}/{variant}/fold0/seed{seed}/embeddings.npz",
        task=STUDY.tasks,
        system=figure.system,
        variant=figure.variants,
        seed=STUDY.seeds[0],
    )


def figure_settings(wildcards):
    return STUDY.figures[wildcards.figure].model_dump(mode="json")


def sweep_settings(wildcards):
    """Settings of the table a sweep is drawn from."""
    figure = STUDY.figures[wildcards.figure]
    return (
        STUDY.tables[figure.table].model_dump(mode="json")
        if figure.kind == "sweep"
        else None
    )


def runs_of_study(wildcards):
    """What every run of the study says of itself."""
    return [
        f"results/training/{task}/{system}/{variant}/fold{fold}/seed{seed}/run.json"
        for task in STUDY.tasks
        for system in STUDY.systems
        for variant in STUDY.systems[system].variants
        for fold in range(STUDY.tasks[task].n_folds)
        for seed in STUDY.seeds
    ]


def whole_study(wildcards):
    return STUDY.model_dump(mode="json")


def template_hash(wildcards):
    """The page's template is no Python module: its content stands for it."""
    return sha256(
        (BASE / "src/emofactors/report/template.html").read_bytes()
    ).hexdigest()[:16]
