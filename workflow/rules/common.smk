"""The validated study, the names wildcards may take, and every input and params function; no rules."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from functools import cache
from hashlib import sha256
from pathlib import Path


from emofactors.config.tables import OF_HELD_OUT, PROBED
from emofactors.config.features import FeatureSettings
from emofactors.config.systems import Needs
from emofactors.errors import InputError
from emofactors.jobs.clock import clamp_future_mtimes
from emofactors.jobs.locks import hold_folder
from emofactors.jobs.fingerprint import fingerprint
from emofactors.config.study import ORIGINAL
from emofactors.config.checks import check_corpora, is_missing
from emofactors.config.load import load_study

BASE = Path(workflow.basedir)

# Ctrl-C reaches every process of a terminal. Jobs leave it to Snakemake, which tells them to end by SIGTERM: one that
# is still importing would print its traceback. Every job is one script, so its process takes the place of the shell.
shell.prefix("set -euo pipefail; trap '' INT; exec ")


def exit_with_message(error):
    """The end of a run that a user can do something about: its reason, without a traceback."""
    return SystemExit(
        "\n".join(f"emofactors: error: {line}" for line in str(error).splitlines())
    )


def fetches_corpora():
    """Whether this run, or this job of one, fetches corpora and nothing else: it begins without them.

    Asked of the command line, for Snakemake knows its targets only when all rules are known.
    """
    given = sys.argv[1:]
    is_job = any(word.startswith("download_corpus:") for word in given)
    return is_job or ("download_corpora" in given and "all" not in given)


def command_that_fetches():
    """The command line that fetches the open corpora of this study."""
    words = ["snakemake", "--cores", "2", "download_corpora"]
    if files := workflow.overwrite_configfiles:
        words += ["--configfile", *map(str, files)]
    if workflow.config_settings.config:
        words += [
            "--config",
            *(f"{k}={v}" for k, v in workflow.config_settings.config.items()),
        ]
    return shlex.join(words)


def forget_downloads():
    """A corpus that was fetched and is gone again is fetched again."""
    for mark in missing_open_corpora():
        Path(mark).unlink(missing_ok=True)


def missing_open_corpora(wildcards=None):
    """A mark of each open corpus of the study that has no folder."""
    return [
        f"results/corpora/downloads/{name}.txt"
        for name, corpus in STUDY.corpora.items()
        if corpus.download is not None and is_missing(STUDY, name)
    ]


try:
    STUDY = load_study(config, BASE / "config")
    if fetches_corpora():
        forget_downloads()
    else:
        check_corpora(STUDY, command_that_fetches())
except InputError as error:
    raise exit_with_message(error) from None


def hold_results():
    """Before the first job: no other run may be at work in this folder, until this one has ended."""
    try:
        hold_folder(Path(".snakemake/emofactors.lock"))
    except InputError as error:
        raise exit_with_message(error) from None


def set_clock_right():
    """Before the first job: results that a clock wrote while it was ahead are not of the future any more."""
    n_ahead = clamp_future_mtimes(Path("results"))
    if n_ahead:
        logger.warning(
            f"emofactors: {n_ahead} results have times to come, of a clock that was ahead: set to now"
        )


def one_of(names):
    """A wildcard takes the names of the study, letter for letter."""
    return "|".join(re.escape(name) for name in names) or "none"


def systems_by(method):
    """Names of the study's systems that are trained by a method."""
    return [name for name, system in STUDY.systems.items() if system.method == method]


# What a run is tested on: its own task, another corpus, or either as reconstructed by a decomposer.
TESTS = [f"on_{task}" for task in STUDY.tasks]
TESTS += [f"{test}/reconstructed_{name}" for test in TESTS for name in STUDY.reconstructed_variants]


# Module of what tracks F0 in pictures of a corpus.
F0_TRACKER = f"pitch_{STUDY.f0_method}"


wildcard_constraints:
    on_task=one_of(STUDY.tasks),
    test=one_of(TESTS),
    corpus=one_of(STUDY.corpora),
    task=one_of(STUDY.tasks),
    augmentation=one_of([ORIGINAL, *STUDY.augmentations]),
    features=one_of(STUDY.features),
    system=one_of(STUDY.systems),
    variant=one_of(
        sorted({v for system in STUDY.systems.values() for v in system.variants})
    ),
    table=one_of(STUDY.tables),
    figure=one_of(STUDY.figures),
    shard=r"\d+",
    fold=r"\d+",
    seed=r"\d+",


# --- code: what stands behind a result --------------------------------------------------------------------


@cache
def code_of(rule, *doors):
    """Fingerprint of the package code behind a rule's script."""
    return fingerprint(BASE / "workflow" / "scripts" / f"{rule}.py", *doors)


def manifest_code(wildcards):
    return code_of(
        "build_manifest", f"emofactors.corpora.readers.{STUDY.corpora[wildcards.corpus].reader}"
    )


def feature_code(wildcards):
    return code_of(
        "extract_features",
        *(f"emofactors.features.{module}" for module in modules_of_features(wildcards)),
    )


def training_code(wildcards):
    return code_of("train", f"emofactors.systems.{wildcards.system}")


def rebuilding_code(wildcards):
    return code_of("reconstruct_speech", f"emofactors.systems.{wildcards.system}")


def decomposer_code(wildcards):
    return code_of("train_decomposer", f"emofactors.systems.{wildcards.system}")


def test_code(wildcards):
    return code_of("test_run", f"emofactors.systems.{wildcards.system}")


def sound_code(wildcards):
    return code_of("render_audio_examples", f"emofactors.systems.{wildcards.system}")


def drawing_code(wildcards):
    return code_of("plot_corpus", f"emofactors.features.{F0_TRACKER}")


def inspection_code(wildcards):
    return code_of("extract_attention", f"emofactors.systems.{wildcards.system}")


# --- corpora ------------------------------------------------------------------------------------------------


def corpus_settings(wildcards):
    """What a corpus is; into how many shards it is divided, and where it is fetched from, makes no other manifest."""
    return STUDY.corpora[wildcards.corpus].model_dump(
        mode="json", exclude={"shards", "download"}
    )


def download_settings(wildcards):
    return STUDY.corpora[wildcards.corpus].model_dump(mode="json")


def n_shards(wildcards):
    return STUDY.corpora[wildcards.corpus].shards


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


def min_training_speakers(wildcards):
    return STUDY.min_training_speakers(wildcards.task)


def augmentation_of_task(wildcards):
    """How the task's utterances are copied, or None."""
    name = STUDY.tasks[wildcards.task].augmentation
    return name and STUDY.augmentations[name].model_dump(mode="json")


def manifest_of_task(wildcards):
    return f"results/corpora/manifests/{STUDY.tasks[wildcards.task].corpus}.csv"


def notes_of_task(wildcards):
    return f"results/corpora/manifests/{STUDY.tasks[wildcards.task].corpus}.json"


# --- features -----------------------------------------------------------------------------------------------


def feature_settings(wildcards):
    return STUDY.features[wildcards.features].model_dump(mode="json")


def modules_of_features(wildcards):
    """Modules behind the door of features that one kind of them goes through."""
    settings = STUDY.features[wildcards.features]
    match settings.kind:
        case "functionals":
            return ["functionals", f"pitch_{settings.f0_method}"]
        case "f0":
            return [f"pitch_{settings.method}"]
        case "opensmile":
            return ["opensmile_functionals"]
        case _:
            return []


def divided_corpus(wildcards):
    """Files about the shards of a corpus, once it has been divided."""
    return checkpoints.split_manifest.get(corpus=wildcards.corpus).output


def manifest_of_shard(wildcards):
    """Which utterances an extraction hears: those of its shard, or of the corpus where it is not divided."""
    if n_shards(wildcards) == 1:
        return f"results/corpora/manifests/{wildcards.corpus}.csv"
    return f"{divided_corpus(wildcards).shards}/{wildcards.shard}.csv"


def longest_of_corpus(wildcards):
    """The duration to which images of a shard's utterances are padded; other features know nothing of other shards."""
    settings = STUDY.features[wildcards.features]
    is_padded = isinstance(settings, FeatureSettings) and settings.pad_to_longest
    if not is_padded or n_shards(wildcards) == 1:
        return []
    return divided_corpus(wildcards).longest


def shards_of_archive(wildcards):
    return [
        f"results/features/shards/{wildcards.corpus}/{wildcards.augmentation}/{wildcards.features}/{shard}"
        for shard in range(n_shards(wildcards))
    ]


def extraction_threads(wildcards):
    """A small corpus is read by one thread, so that several kinds of features are made side by side."""
    return 1 if is_synthetic(wildcards.corpus) else 2


def augmentation_settings(wildcards):
    """How the utterances of an archive are copied; None where they are the corpus' own."""
    if wildcards.augmentation == ORIGINAL:
        return None
    return STUDY.augmentations[wildcards.augmentation].model_dump(mode="json")


# --- training -----------------------------------------------------------------------------------------------


def features_of_variant(wildcards):
    """What a variant hears: features of the corpus, and of the copies if the task has any; or reconstructed speech."""
    return heard_by(wildcards, wildcards.task, wildcards.variant)


def heard_by(wildcards, on_task, variant):
    """Archives of what a variant hears of a task, its own or another, in the fold and seed of the wildcards."""
    needs = STUDY.systems[wildcards.system].needs.get(variant, Needs())
    if needs.decomposer is not None:
        task, system, decomposer, fold = STUDY.decomposer_run(
            needs.decomposer, wildcards.task, int(wildcards.fold)
        )
        return [
            f"results/training/{task}/{system}/{decomposer}/fold{fold}/seed{wildcards.seed}/reconstructed/on_{on_task}"
        ]
    task = STUDY.tasks[on_task]
    features = STUDY.systems[wildcards.system].features(variant)
    copied = task.augmentation if on_task == wildcards.task else None
    return [
        f"results/features/{task.corpus}/{augmentation}/{features}"
        for augmentation in (ORIGINAL, copied)
        if augmentation is not None
    ]


def heard_in_training(wildcards):
    """The condition of the reconstructed speech a variant learns from, a folder of its archive; empty for speech as it is."""
    return STUDY.systems[wildcards.system].run(wildcards.variant).reconstructed or ""


def features_of_decomposer(wildcards, on_task, key):
    """The archive of a decomposer's spectrograms (``features``) or F0 (``pitch``) of a task's corpus."""
    name = STUDY.systems[wildcards.system].variant(wildcards.variant)[key]
    return f"results/features/{STUDY.tasks[on_task].corpus}/{ORIGINAL}/{name}"


def spectrograms_of_decomposer(wildcards):
    return features_of_decomposer(
        wildcards, wildcards.get("on_task", wildcards.task), "features"
    )


def pitch_of_decomposer(wildcards):
    return features_of_decomposer(
        wildcards, wildcards.get("on_task", wildcards.task), "pitch"
    )


def is_of_same_corpus(wildcards):
    """Whether the speakers a decomposer is to reconstruct may be those it has heard."""
    return STUDY.tasks[wildcards.task].corpus == STUDY.tasks[wildcards.on_task].corpus


def tested(wildcards):
    """Task and variant of what a run hears in a test: ``on_emodb4/reconstructed_cycle_content`` is heard as ``cycle_content`` is."""
    on_task, *heard = wildcards.test.split("/")
    variant = heard[0].removeprefix("reconstructed_") if heard else wildcards.variant
    return on_task.removeprefix("on_"), variant


def heard_in_test(wildcards):
    on_task, variant = tested(wildcards)
    return heard_by(wildcards, on_task, variant)


def condition_in_test(wildcards):
    _, variant = tested(wildcards)
    return STUDY.systems[wildcards.system].run(variant).reconstructed or ""


def folds_in_test(wildcards):
    return f"results/corpora/folds/{tested(wildcards)[0]}.csv"


def is_own_task(wildcards):
    return tested(wildcards)[0] == wildcards.task


def needed_runs(wildcards):
    """What a variant takes from runs before it: embeddings of its teacher, weights to start from."""
    needs = STUDY.systems[wildcards.system].needs.get(wildcards.variant)
    if needs is None:
        return {}
    files = {
        "teacher": "results/training/{task}/{system}/{needed}/fold{fold}/seed{seed}/embeddings.npz",
        "initial": "results/training/{task}/{system}/{needed}/fold{fold}/seed{seed}/model.safetensors",
    }
    return {
        split: file.format(needed=getattr(needs, split), **dict(wildcards.items()))
        for split, file in files.items()
        if getattr(needs, split) is not None
    }


def run_settings(wildcards):
    return (
        STUDY.systems[wildcards.system].run(wildcards.variant).model_dump(mode="json")
    )


def svm_settings(wildcards):
    return (
        STUDY.systems[wildcards.system].svm(wildcards.variant).model_dump(mode="json")
    )


def system_arguments(wildcards):
    return STUDY.systems[wildcards.system].arguments(wildcards.variant)


def input_spec_of_run(wildcards):
    """Which run it is, and what becomes of a recording before it is heard; reconstructed speech is no recording."""
    system = STUDY.systems[wildcards.system]
    reconstructed = system.needs.get(wildcards.variant, Needs()).decomposer is not None
    return {
        "task": wildcards.task,
        "corpus": STUDY.tasks[wildcards.task].corpus,
        "system": wildcards.system,
        "variant": wildcards.variant,
        "fold": int(wildcards.fold),
        "seed": int(wildcards.seed),
        "method": system.method,
        "classes": classes_of_task(wildcards),
        "features": (
            None
            if reconstructed
            else STUDY.features[system.features(wildcards.variant)].model_dump(
                mode="json"
            )
        ),
    }


def manifest_of_images(wildcards):
    """The manifest, which knows the longest utterance: where what a run hears is padded to it."""
    settings = input_spec_of_run(wildcards)["features"] or {}
    return (
        {"manifest": manifest_of_task(wildcards)}
        if settings.get("pad_to_longest")
        else {}
    )


def classes_of_task(wildcards):
    return list(STUDY.tasks[wildcards.task].classes)


@cache
def takes_gpus():
    """Whether trainings will run on GPUs: by name, or where `auto` finds NVIDIA's driver."""
    return STUDY.compute.device == "cuda" or (
        STUDY.compute.device == "auto" and shutil.which("nvidia-smi") is not None
    )


def gpus(wildcards):
    """One slot of a GPU where a training will take one."""
    return 1 if takes_gpus() else 0


def n_gpus():
    """GPUs of this machine: those CUDA is told to see, or those NVIDIA's driver lists; 0 where neither says."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return len([entry for entry in visible.split(",") if entry.strip()])
    if shutil.which("nvidia-smi") is None:
        return 0
    listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True)
    return len(re.findall(r"^GPU \d+", listed.stdout, flags=re.MULTILINE))


# As many trainings at a time as this machine has slots, unless --resources gpu=N says otherwise. Only a limit:
# who gets which slot, and whether one is free, is settled by leases. A cluster's scheduler knows its own GPUs.
if (
    workflow.is_main_process
    and workflow.resource_settings.nodes is None
    and "gpu" not in workflow.resource_settings.resources
    and takes_gpus()
    and (found := n_gpus())
):
    workflow.register_resource("gpu", found * STUDY.compute.slots_per_gpu)


# --- evaluation ---------------------------------------------------------------------------------------------


def runs_of_variant(wildcards):
    """Predictions of every fold and seed of a variant in one test; those of its own task it makes itself."""
    test = "" if wildcards.test == f"on_{wildcards.task}" else f"{wildcards.test}/"
    return expand(
        "results/training/{task}/{system}/{variant}/fold{fold}/seed{seed}/{test}predictions.csv",
        test=test,
        task=wildcards.task,
        system=wildcards.system,
        variant=wildcards.variant,
        fold=range(STUDY.tasks[wildcards.task].n_folds),
        seed=STUDY.seeds_of(wildcards.system),
    )


def codes_of_variant(wildcards):
    """Codes of every fold and seed of a decomposer."""
    return files_of_runs(
        wildcards.system, [wildcards.variant], [wildcards.task], "codes.npz"
    )


def true_factors_of_task(wildcards):
    return f"results/corpora/factors/{STUDY.tasks[wildcards.task].corpus}.csv"


def embeddings_of_variant(wildcards):
    """Embeddings of every fold and seed of a variant."""
    return files_of_runs(
        wildcards.system, [wildcards.variant], [wildcards.task], "embeddings.npz"
    )


# --- report -------------------------------------------------------------------------------------------------


def evaluations_of(system, variants, tasks, kind):
    """Scores or confusions of some variants on some tasks."""
    return expand(
        "results/evaluation/{task}/{system}/{variant}/on_{task}/{kind}.csv",
        task=tasks,
        system=system,
        variant=variants,
        kind=kind,
    )


def files_of_runs(system, variants, tasks, file):
    """A file of each run of some variants on some tasks, of every fold and seed."""
    return [
        f"results/training/{task}/{system}/{variant}/fold{fold}/seed{seed}/{file}"
        for task in tasks
        for variant in variants
        for fold in range(STUDY.tasks[task].n_folds)
        for seed in STUDY.seeds_of(system)
    ]


def files_of_first_runs(system, variants, tasks, file):
    """A file of fold 0 and the first seed of some variants on some tasks."""
    return expand(
        "results/training/{task}/{system}/{variant}/fold0/seed{seed}/{file}",
        task=tasks,
        system=system,
        variant=variants,
        seed=STUDY.seeds_of(system)[0],
        file=file,
    )


def notes_of_study(wildcards):
    return expand("results/corpora/manifests/{corpus}.json", corpus=STUDY.corpora)


def tasks_as_data(names):
    return {name: STUDY.tasks[name].model_dump(mode="json") for name in names}


def tasks_of_table(wildcards):
    return tasks_as_data(STUDY.table_tasks[wildcards.table])


def evaluations_of_table(wildcards, kind):
    """One kind of evaluation of each row of a table on each of its tasks."""
    return [
        file
        for system, variant in STUDY.tables[wildcards.table].runs.values()
        for file in evaluations_of(
            system, [variant], STUDY.table_tasks[wildcards.table], kind
        )
    ]


def confusions_of_table(wildcards):
    """Confusions of each row on each task; of classifiers of reconstructed speech also those on the other corpus."""
    table = STUDY.tables[wildcards.table]
    match table.kind:
        case "code_information" | "true_factors":
            return []
        case "factor_ablation":
            return [
                f"results/evaluation/{task}/{system}/{variant}/{test}/confusion.csv"
                for task in STUDY.table_tasks[wildcards.table]
                for row, (system, variant) in table.runs.items()
                for test in STUDY.tests_of_row(wildcards.table, task, row)
            ]
        case _:
            return evaluations_of_table(wildcards, "confusion")


def scores_of_table(wildcards):
    """Scores beside confusions, where a table shows means over folds."""
    table = STUDY.tables[wildcards.table]
    of_folds = table.kind in ("variants", "protocols")
    return evaluations_of_table(wildcards, "scores") if of_folds else []


def codes_of_table(wildcards):
    """What a table about codes is made of."""
    table = STUDY.tables[wildcards.table]
    match table.kind:
        case "code_information":
            kinds = ["code_information", "code_information_leave_one_out"]
        case "true_factors":
            kinds = ["true_factors"]
        case _:
            return []
    return [
        file for kind in kinds for file in evaluations_of_table(wildcards, kind)
    ] + [
        file
        for system, variant in table.runs.values()
        for file in files_of_runs(
            system, [variant], STUDY.table_tasks[wildcards.table], "run.json"
        )
    ]


def other_tasks_of_table(wildcards):
    """Task of a table of classifiers -> the other task it is tested on, as plain data with its name."""
    return {
        task: {"name": other} | STUDY.tasks[other].model_dump(mode="json")
        for task in STUDY.table_tasks[wildcards.table]
        if STUDY.tables[wildcards.table].kind == "factor_ablation"
        and (other := STUDY.tested_on.get(task)) is not None
    }


def probes_of_table(wildcards):
    """What the metrics of a table need beside confusions and scores; nothing for most tables."""
    metrics = set(STUDY.tables[wildcards.table].metrics)
    kinds = ["held_out_confusion"] if metrics & set(OF_HELD_OUT) else []
    kinds += ["probes", "mutual_information"] if metrics & set(PROBED) else []
    return [file for kind in kinds for file in evaluations_of_table(wildcards, kind)]


def table_settings(wildcards):
    return STUDY.tables[wildcards.table].model_dump(mode="json")


def systems_of_table(wildcards):
    """The systems of a table's rows, with what the study changes of each."""
    systems = [system for system, _ in STUDY.tables[wildcards.table].runs.values()]
    return {
        name: STUDY.systems[name].model_dump(mode="json")
        for name in dict.fromkeys(systems)
    }


def tasks_of_figure(wildcards):
    return tasks_as_data(STUDY.figure_tasks[wildcards.figure])


def sources_of_figure(wildcards):
    """What a figure is drawn from."""
    figure = STUDY.figures[wildcards.figure]
    of = (figure.system, figure.variants, STUDY.figure_tasks[wildcards.figure])
    match figure.kind:
        case "confusion":
            return evaluations_of(*of, "confusion")
        case "sweep" | "trade_off" | "code_information" | "true_factors":
            return [f"results/report/tables/{figure.table}.csv"]
        case "embedding_pca" | "embedding_speakers":
            return files_of_first_runs(*of, "embeddings.npz")
        case "attention":
            return files_of_first_runs(*of, "attention.npz")
        case "losses":
            return files_of_runs(*of, "history.csv")
        case "cost":
            return evaluations_of(*of, "confusion") + files_of_first_runs(
                *of, "run.json"
            )


def figure_settings(wildcards):
    return STUDY.figures[wildcards.figure].model_dump(mode="json")


def intervals_of_figure(wildcards):
    """Settings of the intervals a figure makes itself; others have none, or those of their table."""
    kind = STUDY.figures[wildcards.figure].kind
    return STUDY.intervals.model_dump(mode="json") if kind == "cost" else None


def sweep_settings(wildcards):
    """Settings of the table a sweep or a trade-off is drawn from."""
    name = STUDY.figures[wildcards.figure].table
    return None if name is None else STUDY.tables[name].model_dump(mode="json")


def runs_of_study(wildcards):
    """What every run of the study says of itself."""
    return [
        file
        for training in STUDY.trainings
        for file in files_of_runs(
            training.system, [training.variant], [training.task], "run.json"
        )
    ]


def sounds_of_study(wildcards):
    """What is listened to: of each task and decomposer a folder."""
    return [
        f"results/report/sounds/{task}/{run_key}"
        for task, run_keys in STUDY.audio_examples.items()
        for run_key in run_keys
    ]


def decomposer_of_sounds(wildcards):
    """Weights of the decomposer that is listened to: fold 0 and the first seed."""
    return run_of_sounds(wildcards, "model.safetensors")


def run_of_sounds(wildcards, file):
    """A file of the decomposer that is listened to."""
    task, system, variant, fold = STUDY.decomposer_run(
        f"{wildcards.system}/{wildcards.variant}", wildcards.task, 0
    )
    seed = STUDY.seeds_of(system)[0]
    return f"results/training/{task}/{system}/{variant}/fold{fold}/seed{seed}/{file}"


def folds_of_decomposer(wildcards):
    """Folds of the task that trains the decomposer of a task."""
    task, *_ = STUDY.decomposer_run(
        f"{wildcards.system}/{wildcards.variant}", wildcards.task, 0
    )
    return f"results/corpora/folds/{task}.csv"


def spectrogram_settings(wildcards):
    """Settings of the spectrograms a decomposer hears and reconstructs."""
    name = STUDY.systems[wildcards.system].features(wildcards.variant)
    return STUDY.features[name].model_dump(mode="json")


def shuffles_of_study(wildcards):
    """What becomes of a run when frames are heard in random order: of every run whose attention is drawn."""
    return list(
        dict.fromkeys(
            file
            for name, figure in STUDY.figures.items()
            if figure.kind == "attention"
            for file in files_of_first_runs(
                figure.system,
                figure.variants,
                STUDY.figure_tasks[name],
                "column_shuffle.json",
            )
        )
    )


def whole_study(wildcards):
    """All of the study but where corpora are fetched from, which no page says."""
    return STUDY.model_dump(mode="json", exclude={"corpora": {"__all__": {"download"}}})


def rules_in_order(wildcards):
    """Names of all rules, in the order of the chapters."""
    return [rule.name for rule in workflow.rules]


def templates_hash(wildcards):
    """The page's templates are no Python modules: their content stands for them."""
    digest = sha256()
    for file in sorted((BASE / "src/emofactors/report/page/templates").iterdir()):
        digest.update(file.name.encode() + file.read_bytes())
    return digest.hexdigest()[:16]
