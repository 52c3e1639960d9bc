import pytest

from emofactors.config.load import load_study


def needs(what):
    """A line of a system's file, and the same line with a need."""
    return "mel_softmax: {center_lambda: 0.0}", f"mel_softmax: {{center_lambda: 0.0, needs: {{{what}}}}}"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"batchsize": 8}, "systems: cnn_bigru: batchsize: is unknown"),
        ({"gru_units": "many"}, "gru_units: is 'many', expected something like 128"),
        ({"batch_size": 0}, "batch_size: is 0; Input should be greater than or equal"),
        ({"center_lambda": 0.3}, "'mel_softmax' and 'mel_center' have the same settings"),
        (
            {"variants": {"mel_centre": {"batch_size": 8}}},
            "systems: cnn_bigru: variants: mel_centre: is unknown",
        ),
        (
            {"variants": {"mel_center": {"batchsize": 8}}},
            "systems: cnn_bigru: variants: mel_center: batchsize: is unknown",
        ),
    ],
)
def test_a_fault_of_changed_settings_names_the_key(request_of, refusal, settings, message):
    assert message in refusal(request_of(systems={"cnn_bigru": settings}))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("alpha_0.1: {center_alpha", "alpha_0.1: {centre_alpha", "centre_alpha: is unknown"),
        ("mel_center:", "mel_centre:", "variant 'mel_center' is unknown; expected one of"),
        (*needs("teacher: mel_centre"), "needs: variant 'mel_centre' is unknown"),
        (*needs("teachers: mel_center"), "mel_softmax: needs: teachers: is unknown"),
        (*needs("initial: mel_softmax"), "mel_softmax: needs itself, through mel_softmax"),
    ],
)
def test_a_fault_of_a_systems_file_names_the_variant(request_of, changed_config, refusal, old, new, message):
    refused = refusal(request_of(), changed_config("systems/cnn_bigru.yaml", old, new))
    assert message in refused
    assert "cnn_bigru.yaml" in refused


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[rbf,", "[sigmoid,", "kernel: is 'sigmoid'; Input should be 'linear' or 'rbf'"),
        ("penalty: [1.0,", "penalty: [0.0,", "penalty: is 0.0"),
        ("penalty: [1.0,", "c: [1.0,", "c: is unknown, expected one of features, kernel"),
    ],
)
def test_settings_of_a_support_vector_machine_are_checked(study_of_table, refusal, old, new, message):
    rows = {"functionals_svm/functionals": "SVM"}
    change = ("systems/functionals_svm.yaml", old, new)
    assert message in refusal(*study_of_table(rows=rows, change=change))


def test_a_study_changes_one_variant_alone(request_of, config_dir):
    content = request_of()
    changed = {"variants": {"mel_center": {"batch_size": 7}}}
    content["systems"]["cnn_bigru"] |= changed
    system = load_study(content, config_dir).systems["cnn_bigru"]
    assert system.run("mel_center").batch_size == 7
    assert system.run("mel_softmax").batch_size == 16
    assert system.variant_overrides == changed["variants"]


@pytest.mark.parametrize(
    ("decomposer", "message"),
    [("speechflow/big", "variant 'big' is unknown"), ("speechflow", "decomposer: is 'speech")],
)
def test_an_unknown_decomposer_is_refused(request_of, changed_config, refusal, decomposer, message):
    content = request_of(tasks=["synthetic4_voices"], figures=[], tables=["factor_ablation_small"], systems={})
    old = "needs: {decomposer: speechflow/original_small}"
    folder = changed_config("systems/factor_classifier.yaml", old, f"needs: {{decomposer: {decomposer}}}")
    assert message in refusal(content, folder)
