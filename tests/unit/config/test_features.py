import pytest
from pydantic import ValidationError

from emofactors.config.features import FEATURE_SECTIONS, FunctionalSettings, features_of
from emofactors.config.files import load_features


def test_lengths_in_samples_follow_from_milliseconds(config_dir):
    features, _ = load_features(config_dir, "log_mel_128")
    assert (features.win_length, features.hop_length, features.n_bins) == (640, 160, 128)
    assert (features.reach, features.min_samples) == (320, 321)
    assert load_features(config_dir, "log_stft_513")[0].n_bins == 513


def test_functionals_summarise_a_log_mel_spectrogram(config_dir):
    features, _ = load_features(config_dir, "functionals")
    assert isinstance(features, FunctionalSettings)
    assert features.n_bins == 575
    assert features.spectrogram.kind == "log_mel"


def test_every_file_loads_by_its_kind_and_names_its_modules(config_dir):
    loaded = [load_features(config_dir, file.stem)[0] for file in sorted((config_dir / "features").glob("*.yaml"))]
    assert {features.kind for features in loaded} == set(FEATURE_SECTIONS)
    for features in loaded:
        assert features_of(features.model_dump(mode="json")) == features
        assert bool(features.modules) == (features.use != "spectrogram")


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"win_ms": 80}, "1280 samples: expected at most n_fft (1024)"),
        ({"hop_ms": 0.01}, "'hop_ms' is 0.01: expected at least one sample"),
        ({"n_mels": None}, "'n_mels' is required"),
        ({"pad_to_longest": True}, "'pad_to_longest' requires 'image_frames'"),
        ({"f_max_hz": 9000}, "'f_max_hz' is 9000: expected above f_min_hz and at most half the sample rate"),
        ({"high_pass_hz": 8000}, "'high_pass_hz' is 8000: expected below half the sample rate"),
        ({"scale_db": (0, -80)}, "'scale_db' is [0.0, -80.0]: expected the lower end first"),
        ({"scale_db": (-80, 0), "min_max": True}, "'scale_db' excludes 'min_max'"),
        ({"exponent": 3}, "exponent"),
    ],
)
def test_impossible_spectrograms_are_refused(config_dir, keys, message):
    valid, _ = load_features(config_dir, "log_mel_128")
    with pytest.raises(ValidationError) as refused:
        features_of(valid.model_dump(mode="json") | keys)
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("name", "keys", "message"),
    [
        ("functionals", {"f0_min_hz": 500}, "'f0_max_hz' is 500: expected above f0_min_hz"),
        ("functionals", {"f0_max_hz": 9000}, "'f0_max_hz' is 9000: expected above f0_min_hz and at most half"),
        ("functionals", {"percentiles": (5, 5)}, "'percentiles' has a duplicate"),
        ("functionals", {"min_max": True}, "'min_max' is a key of spectrograms"),
        ("functionals", {"image_frames": 64}, "'image_frames' is a key of spectrograms"),
        ("functionals", {"n_mels": None}, "'n_mels' is required"),
        ("f0", {"min_hz": 600}, "'max_hz' is 600: expected above min_hz"),
        ("f0", {"max_hz": 9000}, "'max_hz' is 9000: expected above min_hz and at most half"),
        ("f0", {"hop_ms": 0.01}, "'hop_ms' is 0.01: expected at least one sample"),
        ("f0", {"method": "rapt"}, "method"),
    ],
)
def test_impossible_functionals_and_f0_are_refused(config_dir, name, keys, message):
    valid, _ = load_features(config_dir, name)
    with pytest.raises(ValidationError) as refused:
        features_of(valid.model_dump(mode="json") | keys)
    assert message in str(refused.value)
