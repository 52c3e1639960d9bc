import yaml

from emofactors.config.load import load_study

HELD_OUT, UNSEEN = "synthetic4_groups2_held_out", "synthetic4_groups3"


def test_a_support_vector_machine_has_the_first_seed_alone(study_of_table):
    rows = {"functionals_svm/functionals": "SVM", "cnn_bigru/mel_softmax": "CNN-BiGRU"}
    content, folder = study_of_table(rows=rows)
    study = load_study(content | {"seeds": [5, 6]}, folder)
    assert study.seeds_of("functionals_svm") == (5,)
    assert study.seeds_of("cnn_bigru") == (5, 6)
    assert study.systems_by("svm") == ["functionals_svm"]


def test_folds_need_as_many_training_speakers_as_systems_and_probes(study_of_table, config_dir):
    assert load_study(*study_of_table()).min_training_speakers(UNSEEN) == 1
    probed = load_study(*study_of_table(metrics=["ua", "emotion_information"]))
    assert probed.min_training_speakers(UNSEEN) == 2
    gap = load_study(*study_of_table(tasks=[HELD_OUT], metrics=["ua", "held_out_gap"]))
    assert gap.min_training_speakers(HELD_OUT) == 1

    rows = {"cnn_bigru/mel_softmax": "a", "speaker_adversarial/none": "b"}
    adversarial = yaml.safe_load((config_dir / "systems" / "speaker_adversarial.yaml").read_text())
    assert (
        load_study(*study_of_table(rows=rows)).min_training_speakers(UNSEEN)
        == adversarial["min_training_speakers"]
    )
    assert adversarial["min_training_speakers"] >= 2


def test_probes_need_speakers_only_on_the_tasks_of_their_table(study_of_table):
    content, folder = study_of_table(tasks=[HELD_OUT, UNSEEN], metrics=["ua", "speaker_linear"])
    study = load_study(content | {"tables": {"own": [HELD_OUT], "center_loss": [UNSEEN]}}, folder)
    assert (study.min_training_speakers(HELD_OUT), study.min_training_speakers(UNSEEN)) == (2, 1)


def test_the_summary_tells_documented_from_changed_sizes(request_of, study_of_table, config_dir):
    changed = load_study(request_of(), config_dir).size_summary()
    assert changed.startswith("documented settings: functionals_svm; settings changed by the study: ")
    assert "cnn_bigru (9)" in changed
    assert load_study(*study_of_table()).size_summary() == "documented settings: cnn_bigru"


def test_f0_is_tracked_as_in_the_features_or_by_pyin(study_of_table, request_of, config_dir):
    assert load_study(request_of(), config_dir).f0_method == "praat"
    assert load_study(*study_of_table()).f0_method == "pyin"


def test_a_corpus_is_missing_without_its_folder(request_of, config_dir, tmp_path):
    content = request_of(tasks=["emodb7_speakers"], tables=["center_loss"], figures=[], corpora_root=str(tmp_path))
    study = load_study(content, config_dir)
    assert study.is_missing("emodb")
    study.corpus_folder("emodb").mkdir()
    assert not study.is_missing("emodb")


def test_numbers_of_the_command_line_are_numbers(request_of, config_dir):
    content = request_of()
    content["systems"]["cnn_bigru"]["batch_size"] = "8"
    assert load_study(content, config_dir).systems["cnn_bigru"].run("mel_center").batch_size == 8
