import time
from pathlib import Path

import espeakng_loader
import numpy as np
import pytest

from emofactors.corpora.readers.espeak import fresh_synthesizer
from emofactors.errors import InputError

NEUTRAL = {"voice": "en-us+f1", "rate_wpm": 175, "pitch": 50, "pitch_range": 50}
TEXT = "I opened the small window."


@pytest.mark.parametrize("variant", ["m1", "f2"])  # f2 is breathy and contains noise
def test_a_fresh_synthesizer_is_reproducible_at_any_time(variant):
    outputs = []
    for pause_s in (0.0, 1.1):
        time.sleep(pause_s)  # by default eSpeak seeds its noise with the time in seconds
        with fresh_synthesizer() as synthesizer:
            outputs.append(
                [synthesizer.synthesize(TEXT, **NEUTRAL | {"voice": f"en-us+{variant}"}) for _ in range(2)]
            )

    assert np.array_equal(outputs[0][0], outputs[1][0])
    assert np.array_equal(outputs[0][1], outputs[1][1])
    assert not np.array_equal(outputs[0][0], outputs[0][1])  # the state of an instance carries over


@pytest.mark.parametrize("voice", ["en-us+f99", "xx-yy", "xx-yy+f1", "en-us+"])
def test_an_unknown_voice_is_an_error(voice):
    with fresh_synthesizer() as synthesizer, pytest.raises(InputError, match="unknown to eSpeak NG"):
        synthesizer.synthesize(TEXT, **NEUTRAL | {"voice": voice})


def test_a_text_without_words_is_an_error():
    with fresh_synthesizer() as synthesizer, pytest.raises(InputError, match="gives no speech"):
        synthesizer.synthesize("...", **NEUTRAL)


def test_speech_has_no_silence_at_its_ends():
    with fresh_synthesizer() as synthesizer:
        speech = synthesizer.synthesize(TEXT, **NEUTRAL)

    loud = np.flatnonzero(np.abs(speech) > 0.003 * np.abs(speech).max())
    assert loud[0] < 0.03 * 22_050
    assert len(speech) - loud[-1] < 0.03 * 22_050


def test_a_long_path_to_the_data_works(tmp_path, monkeypatch):
    deep = tmp_path / ("a" * 100) / ("b" * 100)
    deep.mkdir(parents=True)
    (deep / "espeak-ng-data").symlink_to(Path(espeakng_loader.get_data_path()))
    monkeypatch.setattr(espeakng_loader, "get_data_path", lambda: str(deep / "espeak-ng-data"))

    with fresh_synthesizer() as synthesizer:
        assert len(synthesizer.synthesize(TEXT, **NEUTRAL)) > 0
