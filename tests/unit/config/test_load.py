import pytest
import yaml

from emofactors.config.load import load_study

GROUPS, SPEAKERS = "synthetic4_groups3", "synthetic4_speakers"
ROWS = {
    "functionals_svm/functionals": "log-Mel and F0",
    "functionals_svm/compare": "ComParE",
    "cnn_bigru/mel_softmax": "CNN-BiGRU",
}


def needs(what):
    """A line of a system's file, and the same line with a need."""
    return "mel_softmax: {center_lambda: 0.0}", f"mel_softmax: {{center_lambda: 0.0, needs: {{{what}}}}}"


def trained(study):
    return {(t.task, t.system, t.variant) for t in study.trainings}


def test_the_default_study_trains_every_system(config_dir):
    study = load_study(yaml.safe_load((config_dir / "config.yaml").read_text()), config_dir)
    assert set(study.systems) == {file.stem for file in (config_dir / "systems").glob("*.yaml")}
    assert len(study.systems["cnn_bigru"].variants) == 4
    assert {t.task for t in study.trainings if t.system == "cnn_bigru"} == {"synthetic4_groups2_held_out"}
    assert study.tasks[study.table_tasks["vit_protocols"][0]].shows_leak


def test_every_study_loads_and_has_the_name_of_its_file(config_dir):
    files = sorted((config_dir / "studies").glob("*.yaml"))
    assert len(files) > 20
    loaded = {file.stem: load_study(yaml.safe_load(file.read_text()), config_dir).study for file in files}
    assert [name for name, study in loaded.items() if name != study] == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sedes": [0]}, "sedes: is unknown, expected one of study"),
        ({"tasks": ["emodb8"]}, "emodb8.yaml: is missing; expected one of "),
        ({"tasks": []}, "tasks: is []"),
        ({"tasks": ["../tasks/emodb7_speakers"]}, "tasks.0: is '../tasks/emodb7_speakers'"),
        ({"tables": ["centre_loss"]}, "centre_loss.yaml: is missing; expected one of adversarial"),
        ({"seeds": [-1]}, "seeds.0: is -1"),
        ({"seeds": ["a; rm"]}, "seeds.0: is 'a; rm'"),
        (
            {"compute": {"device": "gpu"}},
            "compute.device: is 'gpu'; Input should be 'auto', 'cpu', 'cuda' or 'mps'",
        ),
        ({"compute": {"thread": 1}}, "compute.thread: is unknown"),
        ({"systems": {"cnn_bigrus": {}}}, "cnn_bigrus: is unknown, expected one of cnn_bigru"),
        ({"systems": None}, "systems: is None"),
        ({"corpora": {"emobd": {}}}, "corpora: emobd: is unknown"),
        (
            {"tables": "center_loss"},
            "'tables' and 'figures' are names, or names with their tasks, not 'center_loss'",
        ),
        ({"tables": {"center_loss": ["emodb7_speakers"]}}, "tables: center_loss: emodb7_speakers: is unknown"),
        ({"tables": {"center_loss": 3}}, "tables.center_loss: is 3; Input should be a valid tuple"),
    ],
)
def test_a_fault_of_the_study_is_one_line_with_key_and_expectation(request_of, refusal, change, message):
    refused = refusal(request_of(**change))
    assert message in refused
    assert len(refused.splitlines()) <= 2  # the element, and the list it is the only element of


def test_needed_variants_are_trained_first_and_on_the_same_tasks(request_of, changed_config):
    folder = changed_config("systems/cnn_bigru.yaml", *needs("initial: lambda_3"))
    tables = {"center_loss": [GROUPS], "center_alpha": [SPEAKERS]}
    study = load_study(request_of(tasks=[GROUPS, SPEAKERS], tables=tables, figures=[]), folder)
    variants = {
        task: [t.variant for t in study.trainings if (t.task, t.system) == (task, "cnn_bigru")]
        for task in (GROUPS, SPEAKERS)
    }
    assert variants[GROUPS] == ["lambda_3", "mel_softmax", "mel_center", "stft_softmax", "stft_center"]
    assert sorted(variants[SPEAKERS]) == ["alpha_0.1", "alpha_0.3", "alpha_0.7", "alpha_0.9", "mel_center"]


def test_tables_and_figures_are_made_for_all_tasks_or_those_they_name(request_of, config_dir):
    figures = {"confusion": None, "embedding_pca": [SPEAKERS]}
    study = load_study(request_of(tasks=[GROUPS, SPEAKERS], tables=["center_loss"], figures=figures), config_dir)
    assert study.table_tasks == {"center_loss": (GROUPS, SPEAKERS)}
    assert study.figure_tasks == {"confusion": (GROUPS, SPEAKERS), "embedding_pca": (SPEAKERS,)}


def test_rows_of_missing_packages_are_left_out_with_their_labels(study_of_table, monkeypatch):
    differences = [
        {"variant": "cnn_bigru/mel_softmax", "minus": "functionals_svm/compare"},
        {"variant": "cnn_bigru/mel_softmax", "minus": "functionals_svm/functionals"},
    ]
    monkeypatch.setattr("emofactors.config.load.find_spec", lambda name: None)
    study = load_study(*study_of_table(rows=ROWS, differences=differences))
    assert list(study.tables["own"].rows) == ["functionals_svm/functionals", "cnn_bigru/mel_softmax"]
    assert study.tables["own"].left_out == ("ComParE (package opensmile)",)
    assert [pair.minus for pair in study.tables["own"].differences] == ["functionals_svm/functionals"]
    assert list(study.systems["functionals_svm"].variants) == ["functionals"]
    assert set(study.features) == {"functionals", "log_mel_128"}


def test_with_the_package_no_row_is_left_out(study_of_table, monkeypatch):
    monkeypatch.setattr("emofactors.config.load.find_spec", lambda name: "found")
    study = load_study(*study_of_table(rows=ROWS))
    assert list(study.tables["own"].rows) == list(ROWS)
    assert study.tables["own"].left_out == ()
    assert study.features["compare"].n_bins == 6_373


def test_a_table_whose_rows_all_miss_a_package_is_refused(study_of_table, refusal, monkeypatch):
    rows = {"functionals_svm/egemaps": "eGeMAPS", "functionals_svm/compare": "ComParE"}
    monkeypatch.setattr("emofactors.config.load.find_spec", lambda name: None)
    assert "own.yaml: rows: all need a package that is not installed: eGeMAPS (package opensmile)" in refusal(
        *study_of_table(rows=rows)
    )


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (
            {"rows": {"cnn_bigrus/mel_softmax": "a"}},
            "rows: cnn_bigrus/mel_softmax: system: cnn_bigrus: is unknown, expected one of cnn_bigru, ",
        ),
        (
            {"system": "cnn_bigrus", "rows": {"mel_softmax": "a"}},
            "rows: mel_softmax: system: cnn_bigrus: is unknown, expected one of cnn_bigru, ",
        ),
        (
            {"rows": {"cnn_bigru/mel_soft": "a"}},
            "variant 'mel_soft' is unknown; expected one of mel_softmax, mel_center",
        ),
        ({"rows": {"mel_softmax": "a"}}, "'rows' names 'mel_softmax': expected system/mel_softmax, or 'system'"),
        ({"rows": {"a/b/c": "a"}}, "rows.a/b/c.[key]: is 'a/b/c'; String should match pattern"),
        ({"kind": "variant"}, "kind: is 'variant', expected one of variants, "),
    ],
)
def test_a_fault_of_a_table_is_one_line_that_names_its_file(study_of_table, refusal, keys, message):
    content, folder = study_of_table(**keys)
    assert refusal(content, folder).startswith(f"{folder / 'tables' / 'own.yaml'}: {message}")
    assert len(refusal(content, folder).splitlines()) == 1


def test_a_factor_ablation_trains_its_classifiers_and_decomposers(request_of, config_dir):
    table = "factor_ablation_small"
    study = load_study(request_of(tasks=["synthetic4_voices"], figures=[], tables=[table]), config_dir)
    assert len([v for _, system, v in trained(study) if system == "factor_classifier"]) == 2 + 2 * 9
    assert {v for _, system, v in trained(study) if system == "speechflow"} == {"original_small", "cycle_small"}
    assert {"log_mel_80", "f0"} <= set(study.features)


def test_a_frozen_classifier_is_trained_once(request_of, config_dir):
    table = "factor_ablation_kept_small"
    study = load_study(request_of(tasks=["synthetic4_voices"], figures=[], tables=[table]), config_dir)
    assert {v for _, system, v in trained(study) if system == "factor_classifier"} == {"raw"}
    assert {v for _, system, v in trained(study) if system == "speechflow"} == {"original_small", "cycle_small"}
    assert "cycle_small_pitch" in study.reconstructed_variants


def test_another_corpus_trains_the_decomposer_if_the_task_names_it(config_dir):
    study = load_study(yaml.safe_load((config_dir / "studies" / "iemocap_factors.yaml").read_text()), config_dir)
    assert ("vctk_external", "speechflow", "cycle") in trained(study)
    assert ("iemocap4_session5", "speechflow", "cycle") not in trained(study)


def test_cross_corpus_tasks_are_loaded_without_a_table(request_of, config_dir):
    tested_on = {"nemo4_groups3": "emodb4_groups3"}
    content = request_of(
        tasks=["nemo4_groups3"], tested_on=tested_on, figures=[], tables=["factor_ablation_small"]
    )
    study = load_study(content, config_dir)
    assert set(study.tasks) == {"nemo4_groups3", "emodb4_groups3"}
    assert study.table_tasks["factor_ablation_small"] == ("nemo4_groups3",)
    assert {task for task, *_ in trained(study)} == {"nemo4_groups3"}
