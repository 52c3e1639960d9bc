import pytest
import yaml

from emofactors.config.checks import check_corpora
from emofactors.config.load import load_study
from emofactors.errors import InputError

DEPENDENT = "synthetic4_random3_augmented"
HELD_OUT, UNSEEN = "synthetic4_groups2_held_out", "synthetic4_groups3"
SVM = {"functionals_svm/functionals": "SVM", "cnn_bigru/mel_softmax": "CNN-BiGRU"}


@pytest.fixture
def factors(request_of):
    """Function of changes: a study of a factor ablation with small decomposers."""

    def make(**changes):
        tables = ["factor_ablation_small"]
        return request_of(tasks=["synthetic4_voices"], figures=[], tables=tables, systems={}) | changes

    return make


def test_every_missing_corpus_is_named_with_its_folder(request_of, config_dir, tmp_path):
    tasks = ["emodb7_speakers", "savee4_speakers"]
    content = request_of(tasks=tasks, tables=["center_loss"], figures=[], corpora_root=str(tmp_path))
    study = load_study(content, config_dir)
    with pytest.raises(InputError) as refused:
        check_corpora(study)
    first, second = str(refused.value).splitlines()
    assert f"expected {tmp_path / 'emodb'} with EmoDB" in first
    assert f"expected {tmp_path / 'savee'} with SAVEE" in second

    (tmp_path / "emodb").mkdir()
    (tmp_path / "savee").mkdir()
    check_corpora(study)


def test_a_synthetic_corpus_needs_no_folder(request_of, config_dir, tmp_path):
    check_corpora(load_study(request_of(corpora_root=str(tmp_path / "missing")), config_dir))


@pytest.mark.parametrize(
    ("system", "old", "new", "message"),
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
    ],
)
def test_features_must_fit_the_method(study_of_table, refusal, system, old, new, message):
    assert message in refusal(*study_of_table(rows=SVM, change=(f"systems/{system}.yaml", old, new)))


@pytest.mark.parametrize("kind", ["losses", "attention", "cost"])
def test_figures_of_networks_refuse_an_svm(study_of_table, refusal, kind):
    content, folder = study_of_table(rows=SVM)
    figure = {
        "kind": kind,
        "title": "t",
        "caption": "c",
        "system": "functionals_svm",
        "variants": {"functionals": "f"},
    }
    figure |= {"loss": "center"} if kind == "losses" else {}
    (folder / "figures" / "own.yaml").write_text(yaml.safe_dump(figure))
    message = refusal(content | {"figures": ["own"]}, folder)
    assert "own.yaml: system: 'functionals_svm' is svm; expected " in message
    assert f"for kind {kind!r}" in message


def test_a_table_of_decomposers_refuses_a_classifier(changed_config, refusal, factors):
    folder = changed_config(
        "tables/code_information_small.yaml", "system: speechflow", "system: factor_classifier"
    )
    file = folder / "tables" / "code_information_small.yaml"
    file.write_text(file.read_text().replace("cycle_small", "cycle_all").replace("original_small", "raw"))
    message = refusal(factors(tables=["code_information_small"]), folder)
    assert "system: 'factor_classifier' is network; expected a decomposer" in message


def test_a_table_of_unseen_speakers_refuses_speaker_dependent_tasks(study_of_table, refusal):
    message = refusal(*study_of_table(tasks=[UNSEEN, DEPENDENT], unseen_speakers=True))
    assert message.startswith("study (config/config.yaml")
    assert f"tables: own: task {DEPENDENT} is speaker-dependent, " in message
    assert "\n" not in message
    load_study(*study_of_table(tasks=[UNSEEN, DEPENDENT]))
    load_study(*study_of_table(tasks=[UNSEEN, HELD_OUT], unseen_speakers=True))


@pytest.mark.parametrize("metric", ["held_out_ua", "held_out_gap", "speaker_held_out"])
def test_metrics_of_held_out_utterances_need_a_task_with_them(study_of_table, refusal, metric):
    message = refusal(*study_of_table(tasks=[HELD_OUT, UNSEEN], metrics=["ua", metric]))
    assert f"tables: own: task {UNSEEN} " in message
    assert "'held_out'" in message
    assert metric in message
    assert "\n" not in message
    load_study(*study_of_table(tasks=[HELD_OUT], metrics=["ua", metric]))


def test_a_sweep_needs_its_table_for_the_same_tasks(request_of, refusal):
    tasks = ["synthetic4_groups3", "synthetic4_speakers"]
    content = request_of(tasks=tasks, tables={"center_alpha": tasks[:1]}, figures=["center_alpha"])
    assert "'center_alpha' is not made for synthetic4_speakers in this study" in refusal(content)


def test_a_sweep_of_a_table_without_an_axis_or_that_is_not_made_is_refused(request_of, changed_config, refusal):
    content = request_of(tables=["center_loss"], figures=["center_alpha"])
    assert "table: 'center_alpha' is not made in this study; expected one of" in refusal(content)
    folder = changed_config("figures/center_alpha.yaml", "table: center_alpha", "table: center_loss")
    assert "table: 'center_loss' is no sweep" in refusal(content, folder)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"tested_on": {"synthetic4_voices": "synthetic4_groups3"}},
            "tested_on: synthetic4_voices: task synthetic4_groups3 is of corpus synthetic",
        ),
        (
            {"tested_on": {"synthetic4_voices": "emodb7_speakers"}},
            "expected another corpus than synthetic, with classes anger, happiness, sadness, neutral in this order",
        ),
        ({"tested_on": {"nemo4_speakers": "emodb4_groups3"}}, "nemo4_speakers: is unknown"),
        ({"tasks": ["iemocap4_random5"]}, "task iemocap4_random5 is speaker-dependent, 5 stratified random folds"),
        (
            {"audio_examples": {"synthetic4_voices": ["cnn_bigru/mel_center"]}},
            "audio_examples: synthetic4_voices: 'cnn_bigru/mel_center' is network; expected a decomposer",
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
def test_a_study_whose_parts_do_not_fit_is_refused(factors, refusal, changes, message):
    assert message in refusal(factors(**changes))


def test_another_corpus_with_the_same_classes_is_accepted(factors, config_dir):
    tested_on = {"synthetic4_voices": "nemo4_speakers"}
    assert load_study(factors(tested_on=tested_on), config_dir).tested_on == tested_on


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("raw: {}", "raw: {reconstructed: all}", "expected 'reconstructed' (a condition) and 'needs: decomposer'"),
        (
            "needs: {decomposer: speechflow/original_small}",
            "needs: {decomposer: cnn_bigru/mel_center}",
            "needs: system 'cnn_bigru' is network; expected a decomposer",
        ),
    ],
)
def test_only_variants_on_reconstructed_speech_name_a_decomposer(
    changed_config, refusal, factors, old, new, message
):
    assert message in refusal(factors(), changed_config("systems/factor_classifier.yaml", old, new))
