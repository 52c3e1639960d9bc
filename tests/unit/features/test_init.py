import pytest

from emofactors.config.features import OpensmileSettings
from emofactors.errors import InputError
from emofactors.features import feature_transform, pitch_tracker
from emofactors.features.pitch_praat import f0_praat
from emofactors.features.pitch_pyin import f0_pyin


@pytest.mark.parametrize("name", ["log_mel_128", "log_stft_513", "log_mel_128x128"])
def test_spectrograms_have_no_transform_of_their_own(settings_of, name):
    assert feature_transform(settings_of(name)) is None


def test_trackers_are_found_by_name():
    assert pitch_tracker("praat") is f0_praat
    assert pitch_tracker("pyin") is f0_pyin


def test_missing_package_is_named(monkeypatch):
    settings = OpensmileSettings(kind="opensmile", feature_set="eGeMAPSv02", sample_rate_hz=16_000)
    monkeypatch.setattr("emofactors.features.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"expected package opensmile to be installed; see docs/features\.md"):
        feature_transform(settings)
