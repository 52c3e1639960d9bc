"""The graph of jobs, by dry runs: a study makes what it requests, and a wrong study ends in one line."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from emofactors.config.load import load_study

CONFIG = Path(__file__).parents[2] / "config"
#: A result of the default study that needs few jobs.
A_RESULT = "results/corpora/manifests/synthetic.csv"
STUDIES = [CONFIG / "config.yaml", *sorted((CONFIG / "studies").glob("*.yaml"))]


def read(file):
    return yaml.safe_load(file.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def project(fresh_project):
    """A copy of the project whose corpora exist, but are empty: a dry run reads no audio."""
    project = fresh_project()
    for file in (project.folder / "config" / "corpora").glob("*.yaml"):
        (project.folder / "data" / read(file).get("folder", "")).mkdir(parents=True, exist_ok=True)
    return project


def line_with(output, start):
    """Return the one line of the output that starts like this."""
    (line,) = [line for line in output.splitlines() if line.startswith(start)]
    return line


def runs_of(item):
    """Return system and variant of all that a table or figure shows."""
    return item.runs.values() if isinstance(item.runs, dict) else item.runs


def cross_evaluations(study):
    """Return task, system, variant, other task and reconstructed variant of all evaluations outside of a run."""
    return {
        (task, *run, on_task, table.reconstructed_variant(row))
        for name, table in study.tables.items()
        if table.kind == "factor_ablation"
        for task in study.table_tasks[name]
        for row, run in table.runs.items()
        for on_task in {task, study.tested_on.get(task, task)}
        if on_task != task or table.reconstructed_variant(row)
    }


def decomposer_of(study, task, system, variant):
    """Return task, system and variant of the decomposer whose speech a variant reads in a task, or None."""
    needs = study.systems[system].needs.get(variant)
    if needs is None or needs.decomposer is None:
        return None
    return (study.tasks[task].decomposed_by or task, *needs.decomposer.split("/"))


def test_there_are_studies():
    assert len(STUDIES) >= 2


@pytest.mark.parametrize("file", STUDIES, ids=lambda file: file.stem)
def test_a_study_makes_what_it_requests_and_nothing_else(project, file):
    """The default study, which runs without a configfile, with two seeds, and each other with one."""
    is_default = file == CONFIG / "config.yaml"
    seeds = [0, 1] if is_default else [0]
    study = load_study(read(file) | {"seeds": seeds}, CONFIG)
    shown = [(table, study.table_tasks[name]) for name, table in study.tables.items()]
    shown += [
        (figure, study.figure_tasks[name])
        for name, figure in study.figures.items()
        if figure.kind in ("confusion", "cost")
    ]
    probed = {
        (task, *run)
        for name, table in study.tables.items()
        if table.probes
        for task in study.table_tasks[name]
        for run in table.runs.values()
    }
    shown = [(item, tasks) for item, tasks in shown if item.kind not in ("code_information", "true_factors")]
    scored = {
        (task, *run, task, "")
        for item, tasks in shown
        for task in tasks
        for run in runs_of(item)
        if not getattr(item, "frozen_classifier", False) or run[1].endswith("raw")
    } | cross_evaluations(study)
    coded = {
        kind: {
            (task, *run)
            for name, table in study.tables.items()
            if table.kind == kind
            for task in study.table_tasks[name]
            for run in table.runs.values()
        }
        for kind in ("code_information", "true_factors")
    }
    archives, reconstructed = set(), set()
    for training in study.trainings:
        if decomposer := decomposer_of(study, training.task, training.system, training.variant):
            reconstructed.add((training.task, decomposer, training.task))
            continue
        task, system = study.tasks[training.task], study.systems[training.system]
        archives |= {
            (task.corpus, augmentation, system.features(training.variant))
            for augmentation in {None, task.augmentation}
        }
        if pitch := system.variant(training.variant).get("pitch"):
            archives.add((task.corpus, None, pitch))
    for task, system, variant, on_task, other in cross_evaluations(study):
        if decomposer := decomposer_of(study, task, system, other or variant):
            reconstructed.add((task, decomposer, on_task))
        else:
            archives.add((study.tasks[on_task].corpus, None, study.systems[system].features(variant)))
    n_reconstructed = set()
    for _, (of_task, system, variant), on_task in reconstructed:
        settings = study.systems[system].variant(variant)
        archives |= {(study.tasks[on_task].corpus, None, settings[key]) for key in ("features", "pitch")}
        n_reconstructed |= {
            (of_task, system, variant, fold, seed, on_task)
            for fold in range(study.tasks[of_task].n_folds)
            for seed in study.seeds
        }
    for task, run_keys in study.audio_examples.items():
        for system, variant in (run_key.split("/") for run_key in run_keys):
            settings = study.systems[system].variant(variant)
            archives |= {(study.tasks[task].corpus, None, settings[key]) for key in ("features", "pitch")}
    n_tested = sum(study.tasks[task].n_folds * len(study.seeds) for task, *_ in cross_evaluations(study))
    n_runs = {"network": 0, "svm": 0, "decomposer": 0}
    for training in study.trainings:
        n_seeds = len(study.seeds_of(training.system))
        n_runs[study.systems[training.system].method] += study.tasks[training.task].n_folds * n_seeds
    synthetic = [corpus for corpus in study.corpora.values() if corpus.reader == "synthetic"]
    expected = {
        "all": 1,
        "synthesize_corpus": len(synthetic),
        "build_manifest": len(study.corpora),
        "make_folds": len(study.tasks),
        "audit_task": len(study.tasks),
        "split_manifest": sum(study.corpora[corpus].shards > 1 for corpus in {corpus for corpus, *_ in archives}),
        "extract_features": sum(study.corpora[corpus].shards for corpus, *_ in archives),
        "gather_features": len(archives),
        "train": n_runs["network"],
        "fit_svm": n_runs["svm"],
        "train_decomposer": n_runs["decomposer"],
        "reconstruct_speech": len(n_reconstructed),
        "evaluate_cross_corpus": n_tested,
        "estimate_code_information": len(coded["code_information"]),
        "probe_true_factors": len(coded["true_factors"]),
        "render_audio_examples": sum(map(len, study.audio_examples.values())),
        "score_variant": len(scored),
        "probe_embeddings": len(probed),
        "make_table": len(study.tables),
        "make_claims": 1,
        "make_figure": len(study.figures),
        "plot_corpus": len(study.corpora),
        "make_page": 1,
    }
    options = [] if is_default else ["--configfile", str(file)]
    found = project.jobs(*options, "--config", f"seeds={seeds}")
    assert {rule: found.get(rule, 0) for rule in expected} == expected


def test_a_support_vector_machine_is_fitted_once_per_fold_whatever_the_seeds(project):
    baseline = {
        "title": "Baseline",
        "caption": "A support vector machine.",
        "rows": {"functionals_svm/functionals": "SVM", "cnn_bigru/mel_softmax": "CNN-BiGRU"},
    }
    (project.folder / "config" / "tables" / "baseline.yaml").write_text(yaml.safe_dump(baseline, sort_keys=False))
    study = read(CONFIG / "config.yaml") | {
        "figures": [],
        "audio_examples": {},
        "tables": {"baseline": ["synthetic4_groups3"]},
    }
    file = project.folder / "baseline.yaml"
    file.write_text(yaml.safe_dump(study | {"tasks": ["synthetic4_groups3"], "seeds": [3, 4]}))
    jobs = project.jobs("--configfile", str(file))
    assert (jobs["fit_svm"], jobs["train"], jobs["extract_features"], jobs["score_variant"]) == (3, 6, 2, 2)
    run = "results/training/synthetic4_groups3/functionals_svm/functionals/fold1/seed3"
    assert project.jobs("--configfile", str(file), "--", f"{run}/predictions.csv")["fit_svm"] == 1
    history = project.snakemake("-n", "--configfile", str(file), "--", f"{run}/history.csv")
    assert line_with(history.stdout, "No rule to produce").startswith(f"No rule to produce {run}/history")


def test_a_missing_corpus_ends_in_one_line(project):
    options = ["--configfile", str(CONFIG / "studies" / "emodb.yaml"), "--config", "corpora_root=elsewhere"]
    dry_run = project.snakemake("-n", *options)

    assert dry_run.returncode != 0
    assert "corpora_root: elsewhere: has no folder 'emodb'" in line_with(dry_run.stdout, "emofactors: error: ")
    assert "Traceback" not in dry_run.stdout
    assert "Building DAG" not in dry_run.stdout


def test_a_mistyped_key_ends_in_one_line(project):
    dry_run = project.snakemake("-n", "--config", "tabels=[center_loss]")

    assert dry_run.returncode != 0
    assert ": tabels: is unknown, expected one of study, " in line_with(dry_run.stdout, "emofactors: error: ")
    assert "Traceback" not in dry_run.stdout


@pytest.mark.parametrize(
    "target",
    [
        "results/training/synthetic4_groups3/cnn_bigru/mel_centre/fold0/seed0/model.safetensors",
        "results/evaluation/emodb7_speakers/cnn_bigru/mel_center/on_emodb7_speakers/scores.csv",
        "results/report/default/tables/center_los.csv",
    ],
)
def test_a_name_outside_the_study_matches_no_wildcard(project, target):
    dry_run = project.snakemake("-n", target)

    assert dry_run.returncode != 0
    assert line_with(dry_run.stdout, "No rule to produce").startswith(f"No rule to produce {target}")


def snakemake_in(folder, project, *arguments):
    """Run a dry run of a project from another folder."""
    command = [sys.executable, "-m", "snakemake", "-n", "--quiet", "rules", "--cores", "1", *arguments]
    return subprocess.run(
        command, cwd=folder, env=project.environment, capture_output=True, text=True, check=False
    )


def test_a_run_from_another_folder_names_the_folder_of_its_results(project, tmp_path):
    snakefile = project.folder / "Snakefile"
    refused = snakemake_in(tmp_path, project, "-s", str(snakefile))
    assert refused.returncode != 0
    line = line_with(refused.stdout + refused.stderr, "emofactors: error: ")
    assert f"expected `cd {project.folder}` first, or -d FOLDER" in line
    assert "Traceback" not in refused.stdout + refused.stderr
    assert not list(tmp_path.iterdir())


def test_another_working_directory_runs_the_default_study(project, tmp_path):
    for folder in (str(project.folder), str(tmp_path)):
        options = ("-s", str(project.folder / "Snakefile"), "-d", folder)
        planned = snakemake_in(tmp_path, project, *options, "--", A_RESULT)
        assert planned.returncode == 0, planned.stdout + planned.stderr
        assert "build_manifest" in planned.stdout + planned.stderr
