from emofactors.config.load import load_study
from emofactors.config.systems import Needs


def test_a_variant_differs_from_the_base_in_its_own_settings(request_of, config_dir):
    system = load_study(request_of(), config_dir).systems["cnn_bigru"]
    base = system.variant("mel_center")
    stft = {"features": "log_stft_513", "conv_strides": [4, 1, 1, 1], "batch_size": 8, "max_steps": 120}
    changed = {key for key, value in system.variant("stft_softmax").items() if value != base[key]}
    assert changed == {"center_lambda", *stft}  # the study sets all but the first
    mel = {"features": "log_mel_80"}
    assert system.variant_overrides == {
        "mel_softmax": mel,
        "mel_center": mel,
        "stft_softmax": stft,
        "stft_center": stft,
    }


def test_run_settings_and_arguments_are_a_partition(request_of, config_dir):
    system = load_study(request_of(), config_dir).systems["cnn_bigru"]
    run, arguments = system.run("mel_center").model_dump(), system.arguments("mel_center")
    assert not set(run) & set(arguments)
    assert set(system.variant("mel_center")) <= set(run) | set(arguments)


def test_a_support_vector_machine_has_typed_settings(study_of_table):
    study = load_study(*study_of_table(rows={"functionals_svm/functionals": "SVM"}))
    svm = study.systems["functionals_svm"].svm("functionals")
    assert (svm.kernel, svm.features) == ("rbf", "functionals")


def test_needed_variants_have_no_duplicates():
    assert Needs(teacher="a", initial="a").variants == ("a",)
    assert Needs(initial="b").variants == ("b",)
