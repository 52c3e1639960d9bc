from pathlib import Path

import pytest

from emofactors.config.claims import LedgerSettings
from emofactors.config.page import PageSettings
from emofactors.plan.report import ReportPlan, templates_hash


@pytest.fixture
def report(default_study):
    return ReportPlan(default_study)


def test_a_table_of_variants_reads_scores_and_confusions(report, wildcards):
    files = report.table_evaluations(wildcards(table="center_loss"))
    folder = "results/evaluation/synthetic4_groups2_held_out/cnn_bigru/mel_center/on_synthetic4_groups2_held_out"
    assert {f"{folder}/confusion.csv", f"{folder}/scores.csv"} <= set(files)
    assert report.table_runs(wildcards(table="center_loss")) == []
    assert report.cross_tasks(wildcards(table="center_loss")) == {}


def test_metrics_ask_for_their_files(report, wildcards):
    names = {file.rpartition("/")[2] for file in report.table_evaluations(wildcards(table="adversarial_gap"))}
    assert {"held_out_confusion.csv", "probes.csv"} <= names


def test_tables_of_codes_read_the_metadata_of_runs(report, wildcards, default_study):
    runs = report.table_runs(wildcards(table="code_information_small"))
    assert len(runs) == 2 * default_study.tasks["synthetic4_voices"].n_folds
    names = {
        file.rpartition("/")[2] for file in report.table_evaluations(wildcards(table="code_information_small"))
    }
    assert names == {"code_information.csv", "code_information_leave_one_out.csv"}


def test_a_factor_ablation_is_evaluated_on_the_other_corpus_too(study_of, wildcards):
    plan = ReportPlan(study_of("nemo_factors_quick"))
    (task, other), *_ = plan._study.tested_on.items()
    table = next(name for name, table in plan._study.tables.items() if table.kind == "factor_ablation")
    files = plan.table_evaluations(wildcards(table=table))
    assert {file.split("/")[5] for file in files} == {f"on_{task}", f"on_{other}"}
    assert plan.cross_tasks(wildcards(table=table))[task]["name"] == other


def test_systems_of_a_table_are_those_of_its_rows(report, wildcards):
    assert list(report.table_systems(wildcards(table="center_loss"))) == ["cnn_bigru", "functionals_svm"]
    assert list(report.table_tasks(wildcards(table="center_loss"))) == ["synthetic4_groups2_held_out"]
    assert report.table(wildcards(table="center_loss"))["kind"] == "variants"


@pytest.mark.parametrize(
    ("figure", "name", "n_files"),
    [
        ("confusion", "confusion.csv", 4),
        ("embedding_pca", "embeddings.npz", 2),
        ("vit_attention", "attention.npz", 2),
        ("code_information_small", "code_information_small.csv", 1),
    ],
)
def test_a_figure_reads_the_files_of_its_kind(report, wildcards, figure, name, n_files):
    files = report.figure_files(wildcards(figure=figure))
    assert {file.rpartition("/")[2] for file in files} == {name}
    assert len(files) == n_files


def test_a_figure_of_a_table_has_its_settings(report, wildcards):
    assert report.figure_table(wildcards(figure="confusion")) is None
    table = report.figure_table(wildcards(figure="code_information_small"))
    assert table == report.table(wildcards(table="code_information_small"))
    assert report.figure(wildcards(figure="confusion"))["kind"] == "confusion"
    assert len(report.figure_tasks(wildcards(figure="confusion"))) == 1


def test_the_ledger_reads_the_tables_that_test_a_claim(report, wildcards, default_study):
    tables = [Path(file).stem for file in report.claim_tables(wildcards())]
    assert set(tables) == set(default_study.tables) - {"true_factors_small", "vit_protocols"}
    assert report.claim_runs(wildcards()) == [
        f"results/training/synthetic4_groups2_augmented/vit_transfer/{variant}/fold0/seed0/run.json"
        for variant in ("student", "teacher")
    ]


def test_ledger_settings_are_plain_data_of_the_study(report, wildcards):
    settings = report.claims(wildcards())
    ledger = LedgerSettings(**settings)
    assert ledger.model_dump(mode="json") == settings
    assert set(ledger.sources) == {"dai_2019", "kim_2024", "li_2020", "sun_2021"}
    assert ledger.corpora["synthetic"].is_synthetic
    assert "speechflow" in ledger.systems, "decomposers of classifiers"
    assert "default" not in ledger.studies["center_loss"]
    assert ledger.studies["center_loss"][:2] == ("crema_d", "emodb")


def test_a_study_of_human_speech_is_not_synthetic(study_of, wildcards):
    ledger = LedgerSettings(**ReportPlan(study_of("emodb_quick")).claims(wildcards()))
    assert {name: corpus.is_synthetic for name, corpus in ledger.corpora.items()} == {"emodb": False}


def test_the_page_reads_runs_shuffles_and_examples(report, wildcards, default_study):
    n_runs = sum(default_study.tasks[t.task].n_folds for t in default_study.trainings)
    assert len(report.runs(wildcards())) == n_runs
    assert {file.rpartition("/")[2] for file in report.shuffles(wildcards())} == {"column_shuffle.json"}
    assert report.audio_examples(wildcards()) == [
        "results/report/default/audio_examples/synthetic4_voices/speechflow/cycle_small"
    ]
    assert report.corpora_metadata(wildcards()) == ["results/corpora/manifests/synthetic.json"]


def test_page_settings_are_plain_data_of_the_study(report, wildcards, default_study):
    settings = report.page_settings(wildcards())
    page = PageSettings(**settings)
    assert page.study == "default"
    assert page.tables == tuple(default_study.tables)
    assert len(page.trainings) == len(default_study.trainings)
    assert page.model_dump(mode="json") == settings


def test_a_changed_template_changes_the_hash(tmp_path):
    (tmp_path / "page.html").write_text("a")
    before = templates_hash(tmp_path)
    assert templates_hash(tmp_path) == before
    (tmp_path / "page.html").write_text("b")
    assert templates_hash(tmp_path) != before
