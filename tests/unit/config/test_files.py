import pytest
import yaml

from emofactors.config.augmentations import AugmentationSettings
from emofactors.config.files import (
    DOCUMENTED_KEYS,
    check,
    check_kind,
    check_known,
    existing,
    load_documented,
    mapping,
    read_documented,
)
from emofactors.config.training import ComputeSettings
from emofactors.errors import InputError


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("tasks/synthetic4_groups2_held_out.yaml", "folds", "fold", "fold: is unknown"),
        (
            "features/log_mel_80.yaml",
            "n_fft: [1024",
            "n_fft: [1025",
            "n_fft: is 1025; Input should be a multiple",
        ),
        ("features/log_mel_80.yaml", "[16000", "[0", "sample_rate_hz: is 0"),
        ("features/log_mel_80.yaml", "[16000", "[16000, 1", "sample_rate_hz: is [16000, 1"),
        ("features/log_mel_80.yaml", "kind: [log_mel", "kind: [mel", "kind: is 'mel', expected one of log_mel, "),
        ("systems/cnn_bigru.yaml", "gru_units: [128, ", "gru_units: [", "expected [value, source or reason]"),
        (
            "corpora/synthetic.yaml",
            "reader: synthetic",
            "reader: synthetics",
            "reader: is 'synthetics', expected one",
        ),
        ("tables/center_loss.yaml", "rows", "- :", "YAML: "),
    ],
)
def test_a_fault_names_file_and_key(request_of, changed_config, refusal, file, old, new, message):
    refused = refusal(request_of(), changed_config(file, old, new))
    assert file in refused
    assert message in refused


def test_each_wrong_key_is_one_line():
    with pytest.raises(InputError) as refused:
        check(ComputeSettings, {"device": "gpu", "thread": 1, "threads": 0}, "here")
    lines = str(refused.value).splitlines()
    assert [line.split(": ")[:2] for line in lines] == [["here", key] for key in ("device", "threads", "thread")]


def test_an_unknown_kind_lists_the_known_ones():
    sections = {"one": ComputeSettings}
    with pytest.raises(InputError, match=r"f: kind: is 'two', expected one of one"):
        check_kind(sections, {"kind": "two"}, "f")
    with pytest.raises(InputError, match=r"f: reader: is None, expected one of one"):
        check_kind(sections, {}, "f", "reader")


def test_a_missing_file_lists_those_that_exist(config_dir):
    with pytest.raises(InputError, match=r"log_mel.yaml: is missing; expected one of compare, egemaps, "):
        existing(config_dir, "features", "log_mel")


def test_null_is_an_empty_mapping_and_a_list_is_refused():
    assert mapping(None, "here") == {}
    with pytest.raises(InputError, match=r"here: is \[1\], expected keys and values"):
        mapping([1], "here")


def test_the_first_unknown_key_is_refused():
    check_known(["a"], ["a", "b"], "here")
    with pytest.raises(InputError, match="here: c: is unknown, expected one of a, b"):
        check_known(["a", "c"], ["b", "a"], "here")


def test_documented_settings_keep_their_source(config_dir):
    settings, documented = load_documented(AugmentationSettings, config_dir, "augmentations", "noise_shift_speed")
    assert {d.key: d.value for d in documented}["seed"] == settings.seed
    assert all(d.why for d in documented)


def test_a_setting_is_published_or_assumed_but_not_both(tmp_path):
    content = {"published": {"a": [1, "paper"]}, "assumed": {"a": [2, "guess"]}}
    with pytest.raises(InputError, match="a: is both published and assumed, expected one of them"):
        read_documented(yaml.safe_load(yaml.safe_dump(content)), tmp_path / "f.yaml", DOCUMENTED_KEYS)
