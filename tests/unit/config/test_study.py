from pathlib import Path

import pytest
import yaml

from emofactors.config.augmentations import AugmentationSettings
from emofactors.config.checks import check_corpora
from emofactors.config.features import FeatureSettings
from emofactors.config.load import load_study
from emofactors.config.tasks import TaskConfig
from emofactors.config.training import RunSettings
from emofactors.errors import InputError

CONFIG = Path(__file__).parents[3] / "config"
STUDIES = sorted((CONFIG / "studies").glob("*.yaml"))


def default_study():
    """The default study, but for its sounds: they name a task that tests leave out."""
    return yaml.safe_load((CONFIG / "config.yaml").read_text()) | {"audio_examples": {}}


@pytest.fixture
def own_config(tmp_path):
    """A copy of the config folder that a test may spoil."""

    def spoil(file, old=None, new=None):
        for source in CONFIG.rglob("*.yaml"):
            target = tmp_path / source.relative_to(CONFIG)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(source.read_text())
        if old is not None:
            text = (tmp_path / file).read_text()
            assert old in text
            (tmp_path / file).write_text(text.replace(old, new, 1))
        return tmp_path

    return spoil


def refusal(config, config_dir=CONFIG):
    with pytest.raises(InputError) as refused:
        load_study(config, config_dir)
    return str(refused.value)


def test_the_default_study_is_sound():
    study = load_study(yaml.safe_load((CONFIG / "config.yaml").read_text()), CONFIG)
    assert {"center_loss", "vit_protocols", "vit_transfer", "factor_ablation_small"} < set(study.tables)
    assert len(study.systems["cnn_bigru"].variants) == 4
    assert set(study.systems) == {file.stem for file in (CONFIG / "systems").glob("*.yaml")}, (
        "every system is there"
    )
    assert {t.task for t in study.trainings if t.system == "cnn_bigru"} == {"synthetic4_groups3_held_out"}
    assert study.tasks[study.table_tasks["vit_protocols"][0]].shows_leak


@pytest.mark.parametrize("file", STUDIES, ids=lambda file: file.stem)
def test_every_study_is_sound_and_named_as_its_file(file):
    study = load_study(yaml.safe_load(file.read_text()), CONFIG)
    assert study.study == file.stem


def test_there_are_studies():
    assert {"emodb", "emodb_quick", "nemo", "iemocap"} <= {file.stem for file in STUDIES}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"sedes": [0]}, "sedes: is unknown, expected one of study"),
        ({"tasks": ["emodb8"]}, "emodb8.yaml: is named but missing; tasks here:"),
        ({"tasks": []}, "tasks: is []"),
        ({"tasks": ["../tasks/emodb7_speakers"]}, "tasks.0: is '../tasks/emodb7_speakers'"),
        ({"tables": ["centre_loss"]}, "centre_loss.yaml: is named but missing; tables here: adversarial"),
        ({"seeds": [-1]}, "seeds.0: is -1"),
        ({"seeds": ["a; rm"]}, "seeds.0: is 'a; rm'"),
        (
            {"compute": {"device": "gpu"}},
            "compute.device: is 'gpu'; Input should be 'auto', 'cpu', 'cuda' or 'mps'",
        ),
        ({"compute": {"thread": 1}}, "compute.thread: is unknown"),
        ({"systems": {"cnn_bigru": {"batchsize": 8}}}, "systems: cnn_bigru: batchsize: is unknown"),
        ({"systems": {"cnn_bigru": {"gru_units": "many"}}}, "gru_units: is 'many', expected something like 128"),
        ({"systems": {"cnn_bigru": {"batch_size": 0}}}, "batch_size: is 0; Input should be greater than or equal"),
        (
            {"systems": {"cnn_bigru": {"center_lambda": 0.3}}},
            "'mel_softmax' and 'mel_center' have the same settings",
        ),
        ({"systems": {"cnn_bigrus": {}}}, "cnn_bigrus: is unknown, expected one of cnn_bigru"),
        ({"corpora": {"emobd": {}}}, "corpora: emobd: is unknown"),
        (
            {"tables": ["center_loss"], "figures": ["center_alpha"]},
            "table: 'center_alpha' is no sweep of this study",
        ),
        (
            {"tables": "center_loss"},
            "'tables' and 'figures' are names, or names with their tasks, not 'center_loss'",
        ),
        ({"tables": {"center_loss": ["emodb7_speakers"]}}, "tables: center_loss: emodb7_speakers: is unknown"),
        ({"tables": {"center_loss": 3}}, "tables.center_loss: is 3; Input should be a valid tuple"),
        (
            {"systems": {"cnn_bigru": {"variants": {"mel_centre": {"batch_size": 8}}}}},
            "systems: cnn_bigru: variants: mel_centre: is unknown",
        ),
        (
            {"systems": {"cnn_bigru": {"variants": {"mel_center": {"batchsize": 8}}}}},
            "systems: cnn_bigru: variants: mel_center: batchsize: is unknown",
        ),
    ],
)
def test_a_fault_of_the_study_is_one_line_with_key_and_expectation(change, said):
    message = refusal(default_study() | change)
    assert said in message
    assert len(message.splitlines()) <= 11  # one line a fault; eleven variants may share one


def needs(what):
    """A line of a system's file, and the same line with a need."""
    return "mel_softmax: {center_lambda: 0.0}", f"mel_softmax: {{center_lambda: 0.0, needs: {{{what}}}}}"


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        (
            "tasks/synthetic4_groups3_held_out.yaml",
            "folds",
            "fold",
            "synthetic4_groups3_held_out.yaml: fold: is unknown",
        ),
        (
            "tasks/synthetic4_groups3_held_out.yaml",
            "anger",
            "angry",
            "'angry' is no emotion; expected one of anger",
        ),
        ("features/log_mel_128.yaml", "win_ms: [40", "win_ms: [80", "1280 samples: expected at most n_fft (1024)"),
        (
            "features/log_mel_128.yaml",
            "n_fft: [1024",
            "n_fft: [1025",
            "n_fft: is 1025; Input should be a multiple of 2",
        ),
        ("features/log_mel_128.yaml", "[16000", "[0", "sample_rate_hz: is 0"),
        ("features/log_mel_128.yaml", "[16000", "[16000, 1", "sample_rate_hz: is [16000, 1"),
        ("systems/cnn_bigru.yaml", "gru_units: [128, ", "gru_units: [", "expected [value, where or why]"),
        (
            "systems/cnn_bigru.yaml",
            "alpha_0.1: {center_alpha",
            "alpha_0.1: {centre_alpha",
            "centre_alpha: is unknown",
        ),
        (
            "systems/cnn_bigru.yaml",
            "mel_center:",
            "mel_centre:",
            "variant 'mel_center' is unknown; expected one of",
        ),
        ("corpora/synthetic.yaml", "reader: synthetic", "reader: synthetics", "reader: is 'synthetics'"),
        ("tables/center_loss.yaml", "rows", "- :", "center_loss.yaml: is no YAML"),
        ("systems/cnn_bigru.yaml", *needs("teacher: mel_centre"), "needs: variant 'mel_centre' is unknown"),
        ("systems/cnn_bigru.yaml", *needs("teachers: mel_center"), "mel_softmax: needs: teachers: is unknown"),
        (
            "systems/cnn_bigru.yaml",
            *needs("initial: mel_softmax"),
            "mel_softmax: needs itself, by way of mel_softmax",
        ),
    ],
)
def test_a_fault_of_a_file_names_file_and_key(own_config, file, old, new, said):
    config_dir = own_config(file, old, new)
    message = refusal(default_study(), config_dir)
    assert said in message
    assert Path(file).name in message


def test_what_a_variant_needs_is_trained_before_it_on_the_same_tasks(own_config):
    config_dir = own_config("systems/cnn_bigru.yaml", *needs("initial: lambda_3"))
    tasks = ["synthetic4_groups3", "synthetic4_speakers"]
    tables = {"center_loss": tasks[:1], "center_alpha": tasks[1:]}
    study = load_study(default_study() | {"tasks": tasks, "tables": tables, "figures": []}, config_dir)
    assert study.systems["cnn_bigru"].needs["mel_softmax"].variants == ("lambda_3",)
    on = {t: [x.variant for x in study.trainings if (x.task, x.system) == (t, "cnn_bigru")] for t in tasks}
    assert on[tasks[0]] == ["lambda_3", "mel_softmax", "mel_center", "stft_softmax", "stft_center"]
    assert sorted(on[tasks[1]]) == ["alpha_0.1", "alpha_0.3", "alpha_0.7", "alpha_0.9", "mel_center"]


def test_tables_and_figures_are_made_for_every_task_or_those_they_name():
    tasks = ["synthetic4_groups3", "synthetic4_speakers"]
    figures = {"confusion": None, "embedding_pca": tasks[1:]}
    study = load_study(default_study() | {"tasks": tasks, "tables": ["center_loss"], "figures": figures}, CONFIG)
    assert study.table_tasks == {"center_loss": tuple(tasks)}
    assert study.figure_tasks == {"confusion": tuple(tasks), "embedding_pca": (tasks[1],)}


def test_a_sweep_is_drawn_for_tasks_of_its_table_only():
    tasks = ["synthetic4_groups3", "synthetic4_speakers"]
    study = default_study() | {"tasks": tasks, "tables": {"center_alpha": tasks[:1]}, "figures": ["center_alpha"]}
    assert "'center_alpha' is not made for synthetic4_speakers in this study" in refusal(study)


def test_a_study_changes_one_variant_alone():
    changed = {"variants": {"mel_center": {"batch_size": 7}}}
    study = default_study()
    study["systems"]["cnn_bigru"] |= changed
    system = load_study(study, CONFIG).systems["cnn_bigru"]
    assert system.run("mel_center").batch_size == 7
    assert system.run("mel_softmax").batch_size == 16
    assert system.variant_overrides == changed["variants"]


def test_variants_differ_from_the_base_in_what_they_say():
    system = load_study(default_study(), CONFIG).systems["cnn_bigru"]
    base = system.variant("mel_center")
    changed = {k for k, v in system.variant("stft_softmax").items() if v != base[k]}
    # The study sets the length of all, and of the two STFT variants once more.
    assert changed == {"features", "center_lambda", "max_steps"}
    assert system.variant_overrides == {v: {"max_steps": 40} for v in ("stft_softmax", "stft_center")}


def test_run_settings_and_arguments_share_no_key_and_lose_none():
    system = load_study(default_study(), CONFIG).systems["cnn_bigru"]
    run, arguments = system.run("mel_center").model_dump(), system.arguments("mel_center")
    assert not set(run) & set(arguments)
    assert set(system.variant("mel_center")) <= set(run) | set(arguments)


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"protocol": "speaker_groups", "dev_speakers": 1}, "'folds' is needed with protocol 'speaker_groups'"),
        ({"protocol": "speaker_groups", "folds": 3}, "'dev_speakers' or 'dev_fraction' is needed with protocol"),
        (
            {"protocol": "speaker_groups", "folds": 3, "dev_speakers": 1, "dev_fraction": 0.2},
            "expected one of them, not both",
        ),
        (
            {"protocol": "leave_one_session_out", "folds": 3, "dev_fraction": 0.2},
            "'dev_fraction' does not go with protocol 'leave_one_session_out'",
        ),
        ({"protocol": "all_train", "folds": 3}, "'folds' does not go with protocol 'all_train'"),
        ({"protocol": "holdout", "column": "session", "dev": ["1"], "test": ["1"]}, "share ['1']"),
        ({"protocol": "all_train", "augmentation": "a"}, "go together"),
        ({"protocol": "all_train", "augmentation": "a", "augmented": "before_split"}, "'stratified_folds' only"),
        ({"protocol": "all_train", "shows_leak": True}, "'shows_leak' goes with 'augmented: before_split' only"),
        ({"protocol": "stratified_folds", "strata": ("emotion",)}, "'folds' is needed with protocol"),
        ({"protocol": "all_train", "merge": {"excitement": "boredom"}}, "expected a non-class -> a class"),
    ],
)
def test_a_task_that_does_not_fit_its_protocol_is_refused(keys, said):
    with pytest.raises(ValueError, match="'") as refused:
        TaskConfig(corpus="c", classes=("anger", "sadness"), **keys)
    assert said in str(refused.value)


def test_a_leaking_task_says_so_first():
    keys = {"corpus": "emodb", "classes": ("anger", "sadness"), "protocol": "stratified_folds", "folds": 5}
    keys |= {"strata": ("emotion",), "augmentation": "a", "augmented": "before_split", "shows_leak": True}
    assert TaskConfig(**keys).protocol_label == (
        "LEAKS, copies of test utterances are in training: speaker-dependent, 5 stratified random folds "
        "(dev: half a fold), augmented before the split"
    )
    assert not TaskConfig(**keys).speaker_independent


def test_speaker_independence_is_what_the_protocol_promises_or_the_task_claims():
    task = TaskConfig(corpus="c", classes=("anger", "sadness"), protocol="stratified_random", strata=("gender",))
    assert not task.speaker_independent
    assert task.protocol_label.startswith("speaker-dependent, ")
    assert task.model_copy(update={"claims_unseen_speakers": True}).speaker_independent


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({}, "'max_steps' is None, 'max_epochs' None: expected one of the two"),
        ({"max_steps": 8, "max_epochs": 2}, "'max_steps' is 8, 'max_epochs' 2: expected one of the two"),
        ({"max_steps": 8, "select_after_step": 8}, "'select_after_step' is 8: expected below max_steps (8)"),
        ({"max_epochs": 2, "select": "last", "patience": 3}, "'patience' goes with 'select: dev_ua' only"),
        ({"max_epochs": 2, "weight_decay": -1}, "weight_decay"),
    ],
)
def test_a_run_that_cannot_end_or_select_is_refused(keys, said):
    with pytest.raises(ValueError, match="validation error") as refused:
        RunSettings(features="f", batch_size=8, pool_batches=1, learning_rate=0.1, **keys)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"copies": ("noise", "noise")}, "'copies' names a kind twice"),
        ({"copies": ()}, "at least 1 item"),
        ({"copies": ("echo",)}, "'noise', 'shift' or 'speed'"),
        ({"speed": (0.9, 3.0)}, "'speed' is [0.9, 3.0]: expected lowest and highest value between 0.5 and 2.0"),
        ({"noise_snr_db": (30, 10)}, "'noise_snr_db' is [30.0, 10.0]: expected lowest"),
        ({"shift": (-0.6, 0.1)}, "'shift' is [-0.6, 0.1]: expected lowest"),
    ],
)
def test_an_impossible_augmentation_is_refused(keys, said):
    sound = {"copies": ("noise",), "noise_snr_db": (10, 30), "shift": (-0.1, 0.1), "speed": (0.9, 1.1), "seed": 0}
    assert AugmentationSettings(**sound)
    with pytest.raises(ValueError, match="validation error") as refused:
        AugmentationSettings(**(sound | keys))
    assert said in str(refused.value)


def test_lengths_in_samples_follow_from_milliseconds():
    features = load_study(default_study(), CONFIG).features["log_mel_128"]
    assert isinstance(features, FeatureSettings)
    assert (features.win_length, features.hop_length, features.n_bins) == (640, 160, 128)
    assert load_study(default_study(), CONFIG).features["log_stft_513"].n_bins == 513


def test_every_corpus_that_is_not_there_is_named_with_its_folder(tmp_path):
    tasks = {"tasks": ["emodb7_speakers", "savee4_speakers"], "tables": ["center_loss"], "figures": []}
    study = load_study(default_study() | tasks | {"corpora_root": str(tmp_path)}, CONFIG)
    with pytest.raises(InputError) as refused:
        check_corpora(study)
    first, second = str(refused.value).splitlines()
    assert f"expected {tmp_path / 'emodb'} with EmoDB" in first
    assert f"expected {tmp_path / 'savee'} with SAVEE" in second

    (tmp_path / "emodb").mkdir()
    (tmp_path / "savee").mkdir()
    check_corpora(study)


def test_a_synthetic_corpus_needs_no_folder(tmp_path):
    check_corpora(load_study(default_study() | {"corpora_root": str(tmp_path / "nowhere")}, CONFIG))


# --- a support vector machine beside networks ------------------------------------------------------------------


FLOOR_ROWS = {
    "functionals_svm/functionals": "log-Mel and F0",
    "functionals_svm/compare": "ComParE",
    "cnn_bigru/mel_softmax": "CNN-BiGRU",
}


@pytest.fixture
def floor(own_config):
    """Function of rows, differences and what is changed of which file: a study of one table, and its config."""

    def make(rows, differences=(), spoiled=()):
        config_dir = own_config(*(spoiled or [None]))
        table = {"title": "t", "caption": "c", "rows": rows, "differences": list(differences)}
        (config_dir / "tables" / "floor.yaml").write_text(yaml.safe_dump(table, sort_keys=False))
        study = default_study() | {"tables": ["floor"], "figures": [], "tasks": ["synthetic4_groups3"]}
        return study | {"seeds": [5, 6], "systems": {}}, config_dir

    return make


def test_rows_of_missing_packages_are_left_out_with_their_labels(floor, monkeypatch):
    pairs = [
        {"variant": "cnn_bigru/mel_softmax", "minus": "functionals_svm/compare"},
        {"variant": "cnn_bigru/mel_softmax", "minus": "functionals_svm/functionals"},
    ]
    config = floor(FLOOR_ROWS, pairs)
    monkeypatch.setattr("emofactors.config.study.find_spec", lambda name: None)
    study = load_study(*config)
    assert list(study.tables["floor"].rows) == ["functionals_svm/functionals", "cnn_bigru/mel_softmax"]
    assert study.tables["floor"].left_out == ("ComParE (package opensmile)",)
    assert [pair.minus for pair in study.tables["floor"].differences] == ["functionals_svm/functionals"]
    assert list(study.systems["functionals_svm"].variants) == ["functionals"]
    assert set(study.features) == {"functionals", "log_mel_128"}


def test_with_the_package_every_row_is_there(floor, monkeypatch):
    monkeypatch.setattr("emofactors.config.study.find_spec", lambda name: "found")
    study = load_study(*floor(FLOOR_ROWS))
    assert list(study.tables["floor"].rows) == list(FLOOR_ROWS)
    assert study.tables["floor"].left_out == ()
    assert study.features["compare"].n_bins == 6_373


def test_a_table_of_missing_rows_alone_is_refused(floor, monkeypatch):
    config = floor({"functionals_svm/egemaps": "eGeMAPS", "functionals_svm/compare": "ComParE"})
    monkeypatch.setattr("emofactors.config.study.find_spec", lambda name: None)
    assert "floor.yaml: rows: all need a package that is not installed: eGeMAPS (package opensmile)" in refusal(
        *config
    )


def test_an_svm_has_one_seed_and_typed_settings(floor):
    study = load_study(*floor(FLOOR_ROWS))
    assert study.seeds_of("functionals_svm") == (5,)
    assert study.seeds_of("cnn_bigru") == (5, 6)
    svm = study.systems["functionals_svm"].svm("functionals")
    assert (svm.kernel, svm.features) == ("rbf", "functionals")
    assert study.features["functionals"].n_bins == 575


@pytest.mark.parametrize(
    ("system", "old", "new", "said"),
    [
        (
            "functionals_svm",
            "[functionals,",
            "[log_mel_40,",
            "is 'log_mel', which variant 'functionals' cannot use",
        ),
        (
            "cnn_bigru",
            "[log_mel_128,",
            "[functionals,",
            "is 'functionals', which variant 'mel_softmax' cannot use",
        ),
        ("functionals_svm", "[rbf,", "[sigmoid,", "kernel: is 'sigmoid'; Input should be 'linear' or 'rbf'"),
        ("functionals_svm", "penalty: [1.0,", "penalty: [0.0,", "penalty: is 0.0"),
        ("functionals_svm", "penalty: [1.0,", "c: [1.0,", "c: is unknown, expected one of features, kernel"),
    ],
)
def test_features_and_settings_fit_the_method(floor, system, old, new, said):
    assert said in refusal(*floor(FLOOR_ROWS, spoiled=(f"systems/{system}.yaml", old, new)))


@pytest.mark.parametrize("kind", ["losses", "attention", "cost"])
def test_figures_of_what_only_networks_have_refuse_an_svm(floor, kind):
    config, config_dir = floor(FLOOR_ROWS)
    figure = {
        "kind": kind,
        "title": "t",
        "caption": "c",
        "system": "functionals_svm",
        "variants": {"functionals": "f"},
    }
    figure |= {"loss": "center"} if kind == "losses" else {}
    (config_dir / "figures" / "floor.yaml").write_text(yaml.safe_dump(figure))
    message = refusal(config | {"figures": ["floor"]}, config_dir)
    assert (
        f"system: 'functionals_svm' is trained as 'svm'; expected another, as the figure is of kind '{kind}'"
        in message
    )


# --- what a table asks of its tasks and systems ------------------------------------------------------------------

DEPENDENT = "synthetic4_random3_augmented"
SEEN, UNSEEN = "synthetic4_groups3_held_out", "synthetic4_groups3"


@pytest.fixture
def of_table(own_config):
    """Function of a table's keys and tasks: a study of this table, and its config."""

    def make(tasks=(UNSEEN,), **keys):
        config_dir = own_config(None)
        table = {"title": "t", "caption": "c", "rows": {"cnn_bigru/mel_softmax": "CNN-BiGRU"}} | keys
        (config_dir / "tables" / "asked.yaml").write_text(yaml.safe_dump(table, sort_keys=False))
        study = default_study() | {"tables": ["asked"], "figures": [], "tasks": list(tasks), "systems": {}}
        return study, config_dir

    return make


def test_a_table_of_unseen_speakers_refuses_a_task_that_hears_them(of_table):
    message = refusal(*of_table(tasks=[UNSEEN, DEPENDENT], unseen_speakers=True))
    assert message.startswith("study (config/config.yaml")
    assert f"tables: asked: task {DEPENDENT} is speaker-dependent, " in message
    assert message.endswith("expected one whose test speakers are unseen in training, as the table is about those")
    assert "\n" not in message
    load_study(*of_table(tasks=[UNSEEN, DEPENDENT]))
    load_study(*of_table(tasks=[UNSEEN, SEEN], unseen_speakers=True))


@pytest.mark.parametrize("metric", ["held_out_ua", "held_out_gap", "speaker_held_out"])
def test_metrics_of_seen_speakers_refuse_a_task_without_such_utterances(of_table, metric):
    message = refusal(*of_table(tasks=[SEEN, UNSEEN], metrics=["ua", metric]))
    assert f"tables: asked: task {UNSEEN} holds out no utterances of its training speakers" in message
    assert message.endswith(f"expected a task with 'held_out', as the table shows {metric}")
    assert "\n" not in message
    load_study(*of_table(tasks=[SEEN], metrics=["ua", metric]))


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        (
            {"rows": {"cnn_bigrus/mel_softmax": "a"}},
            "rows: cnn_bigrus/mel_softmax: system 'cnn_bigrus' is unknown; expected one of cnn_bigru, factor_classifier, ",
        ),
        (
            {"system": "cnn_bigrus", "rows": {"mel_softmax": "a"}},
            "rows: mel_softmax: system 'cnn_bigrus' is unknown; expected one of cnn_bigru, ",
        ),
        (
            {"rows": {"cnn_bigru/mel_soft": "a"}},
            "variant 'mel_soft' is unknown; expected one of mel_softmax, mel_center",
        ),
        ({"rows": {"mel_softmax": "a"}}, "'rows' names 'mel_softmax': expected system/mel_softmax, or 'system'"),
        ({"rows": {"a/b/c": "a"}}, "rows.a/b/c.[key]: is 'a/b/c'; String should match pattern"),
        ({"metrics": ["wa"]}, "'metrics' is ['wa']: expected ua, and each metric once"),
        ({"metrics": ["ua", "uar"]}, "metrics.1: is 'uar'; Input should be 'ua', 'wa', 'held_out_ua'"),
    ],
)
def test_a_fault_of_a_table_is_one_line_that_names_its_file(of_table, keys, said):
    config, config_dir = of_table(**keys)
    message = refusal(config, config_dir)
    assert message.startswith(f"{config_dir / 'tables' / 'asked.yaml'}: {said}")
    assert "\n" not in message


def test_a_fold_trains_as_many_speakers_as_its_systems_and_probes_need(of_table):
    rows = {"cnn_bigru/mel_softmax": "a"}
    plain = load_study(*of_table(rows=rows))
    assert plain.min_training_speakers(UNSEEN) == 1
    probed = load_study(*of_table(rows=rows, metrics=["ua", "emotion_information"]))
    assert probed.min_training_speakers(UNSEEN) == 2
    of_held_out = load_study(*of_table(tasks=[SEEN], rows=rows, metrics=["ua", "held_out_gap"]))
    assert of_held_out.min_training_speakers(SEEN) == 1

    config, config_dir = of_table(rows=rows | {"speaker_adversarial/none": "b"})
    least = load_study(config, config_dir).min_training_speakers(UNSEEN)
    assert (
        least
        == yaml.safe_load((CONFIG / "systems" / "speaker_adversarial.yaml").read_text())["min_training_speakers"]
    )
    assert least >= 2


def test_speakers_are_needed_only_on_the_tasks_that_ask(of_table):
    config, config_dir = of_table(tasks=[SEEN, UNSEEN], metrics=["ua", "speaker_linear"])
    study = load_study(config | {"tables": {"asked": [SEEN], "center_loss": [UNSEEN]}}, config_dir)
    assert (study.min_training_speakers(SEEN), study.min_training_speakers(UNSEEN)) == (2, 1)


# --- decomposers, and classifiers of what they reconstruct ---------------------------------------------------------------


def factors(**changes):
    """A study of classifiers of speech that small decomposers reconstruct."""
    config = default_study() | {"tasks": ["synthetic4_voices"], "figures": [], "tables": ["factor_ablation_small"]}
    return config | changes


def trained(study):
    return {(t.task, t.system, t.variant) for t in study.trainings}


def test_a_table_of_judges_trains_them_and_the_decomposers_they_need():
    study = load_study(factors(), CONFIG)
    classifiers = {variant for _, system, variant in trained(study) if system == "factor_classifier"}
    assert len(classifiers) == 1 + 2 * 9
    assert {v for _, system, v in trained(study) if system == "speechflow"} == {"original_small", "cycle_small"}
    assert {"log_mel_80", "f0"} <= set(study.features)
    assert study.tests_of_row("factor_ablation_small", "synthetic4_voices", "raw") == ("on_synthetic4_voices",)


def test_a_judge_that_is_kept_is_trained_once_and_hears_all_rows():
    study = load_study(factors(tables=["factor_ablation_kept_small"]), CONFIG)
    classifiers = {variant for _, system, variant in trained(study) if system == "factor_classifier"}
    assert classifiers == {"raw"}
    assert {v for _, system, v in trained(study) if system == "speechflow"} == {"original_small", "cycle_small"}
    tests = study.tests_of_row("factor_ablation_kept_small", "synthetic4_voices", "cycle_small_pitch")
    assert tests == ("on_synthetic4_voices/reconstructed_cycle_small_pitch",)


def test_another_corpus_trains_the_decomposer_where_a_task_says_so():
    config = yaml.safe_load((CONFIG / "studies" / "iemocap_factors.yaml").read_text())
    study = load_study(config, CONFIG)
    assert study.decomposer_run("speechflow/cycle", "iemocap4_session5", 0) == (
        "vctk_external",
        "speechflow",
        "cycle",
        0,
    )
    assert study.decomposer_run("speechflow/cycle", "iemocap4_sessions", 3) == (
        "iemocap4_sessions",
        "speechflow",
        "cycle",
        3,
    )
    assert ("vctk_external", "speechflow", "cycle") in trained(study)
    assert ("iemocap4_session5", "speechflow", "cycle") not in trained(study)


def test_tasks_of_other_corpora_are_loaded_though_no_table_is_made_for_them():
    config = factors(tasks=["nemo4_groups3"], tested_on={"nemo4_groups3": "emodb4_groups3"})
    study = load_study(config, CONFIG)
    assert set(study.tasks) == {"nemo4_groups3", "emodb4_groups3"}
    assert study.table_tasks["factor_ablation_small"] == ("nemo4_groups3",)
    assert {task for task, *_ in trained(study)} == {"nemo4_groups3"}
    tests = study.tests_of_row("factor_ablation_small", "nemo4_groups3", "cycle_small_all")
    assert tests == ("on_nemo4_groups3", "on_emodb4_groups3")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"tested_on": {"synthetic4_voices": "nemo4_speakers"}, "tasks": ["synthetic4_voices"]},
            None,
        ),
        (
            {"tested_on": {"synthetic4_voices": "synthetic4_groups3"}},
            "tested_on: synthetic4_voices: task synthetic4_groups3 is of corpus synthetic",
        ),
        (
            {"tested_on": {"synthetic4_voices": "emodb7_speakers"}},
            "expected another corpus than synthetic, with classes anger, happiness, sadness, neutral in this order",
        ),
        ({"tested_on": {"nemo4_speakers": "emodb4_groups3"}}, "nemo4_speakers: is unknown"),
        (
            {"tasks": ["iemocap4_random5"]},
            "task iemocap4_random5 is speaker-dependent, 5 stratified random folds, dev and test halves; expected one "
            "that tests each speaker in one fold",
        ),
        (
            {"audio_examples": {"synthetic4_voices": ["cnn_bigru/mel_center"]}},
            "audio_examples: synthetic4_voices: 'cnn_bigru/mel_center' is no decomposer",
        ),
        (
            {"tables": ["center_loss"], "tasks": ["vctk_external"]},
            "tables: center_loss: task vctk_external has one class; expected at least 2",
        ),
        (
            {"systems": {"factor_classifier": {"segment_frames": 96}}},
            "segment_frames: is 96; expected 192, reconstructed_frames of speechflow/original_small",
        ),
    ],
)
def test_what_does_not_go_together_is_refused(changes, said):
    config = factors() | {"systems": {}} | changes
    if said is None:
        assert load_study(config, CONFIG).tested_on == changes["tested_on"]
    else:
        assert said in refusal(config)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "raw: {}",
            "raw: {reconstructed: all}",
            "variants: raw: expected 'reconstructed' (what is kept) and 'needs: decomposer' together",
        ),
        (
            "needs: {decomposer: speechflow/original_small}",
            "needs: {decomposer: cnn_bigru/mel_center}",
            "needs: system 'cnn_bigru' is no decomposer; expected one",
        ),
        (
            "needs: {decomposer: speechflow/original_small}",
            "needs: {decomposer: speechflow/big}",
            "variant 'big' is unknown",
        ),
        (
            "needs: {decomposer: speechflow/original_small}",
            "needs: {decomposer: speechflow}",
            "needs: decomposer: is 'speechflow'",
        ),
    ],
)
def test_a_judge_that_cannot_hear_is_refused(own_config, old, new, said):
    assert said in refusal(factors(systems={}), own_config("systems/factor_classifier.yaml", old, new))


def test_codes_are_of_decomposers_and_emotions_are_not(own_config):
    table = CONFIG / "tables" / "code_information_small.yaml"
    folder = own_config(f"tables/{table.name}", "system: speechflow", "system: factor_classifier")
    text = (folder / "tables" / table.name).read_text()
    (folder / "tables" / table.name).write_text(
        text.replace("cycle_small", "cycle_all").replace("original_small", "raw")
    )
    message = refusal(factors(tables=["code_information_small"]), folder)
    assert "system: 'factor_classifier' is network; expected a decomposer" in message


def test_the_second_judge_can_be_kept_as_well(own_config):
    folder = own_config(
        "tables/factor_ablation_cnn_bigru.yaml",
        "classifier: judge_\n",
        "classifier: judge_\nfrozen_classifier: true\n",
    )
    study = load_study(factors(tables=["factor_ablation_cnn_bigru"], systems={}), folder)
    heard = "judge_cycle_pitch"
    assert study.tests_of_row("factor_ablation_cnn_bigru", "synthetic4_voices", heard)[0].endswith(
        f"/reconstructed_{heard}"
    )
    assert set(study.reconstructed_variants) <= set(study.systems["cnn_bigru"].variants)
