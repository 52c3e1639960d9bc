import json

import numpy as np
import pandas as pd
import pytest
import soundfile

from emofactors.corpora.audio import Waveform
from emofactors.corpora.manifest import MANIFEST_COLUMNS
from emofactors.features.pitch_pyin import f0_pyin
from emofactors.report.page.plot_corpus import (
    counts_of,
    labels_of,
    plot_corpus,
    spectrogram_db,
    spectrogram_png,
    typical_utterances,
)

RATE_HZ = 16_000


def manifest_of(*rows) -> pd.DataFrame:
    """A manifest of (utterance, speaker, emotion, duration)."""
    names = dict(zip(("utterance", "speaker", "emotion", "duration_s"), zip(*rows, strict=True), strict=True))
    table = pd.DataFrame(names)
    table["path"] = table["utterance"] + ".wav"
    for column in MANIFEST_COLUMNS:
        if column not in table:
            table[column] = np.nan if column in ("start_s", "end_s") else ""
    return table


ROWS = (
    ("a1", "ada", "anger", 1.0),
    ("a2", "ada", "anger", 0.5),
    ("a3", "_ben", "anger", 0.6),
    ("s1", "_ben", "sadness", 0.4),
    ("m1", "_ben", "anger+sadness", 9.0),
    ("o1", "ada", "other", 0.3),
)


def harmonics(pitch_hz: float, seconds: float) -> np.ndarray:
    time = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    return (0.1 * sum(np.sin(2 * np.pi * k * pitch_hz * time) / k for k in range(1, 12))).astype(np.float32)


def rising_f0(samples, sample_rate_hz, *, hop_ms, min_hz, max_hz):
    """An F0 that rises from 100 to 200 Hz, its first frame unvoiced."""
    assert (sample_rate_hz, hop_ms, min_hz, max_hz) == (RATE_HZ, 5, 75, 600)
    f0_hz = np.linspace(100, 200, 1 + len(samples) // 80)
    f0_hz[0] = 0
    return f0_hz


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Two overviews of the same corpus."""
    root = tmp_path_factory.mktemp("audio")
    for name, _, _, seconds in ROWS:
        soundfile.write(root / f"{name}.wav", harmonics(150, min(seconds, 1)), RATE_HZ)
    folders = [root / "one", root / "two"]
    for folder in folders:
        plot_corpus(manifest_of(*ROWS), root, folder, rising_f0, "pyin")
    return folders


def test_equal_audio_gives_equal_bytes(folders):
    one, two = folders
    files = sorted(file.name for file in one.iterdir())
    assert files == ["durations.svg", "overview.json", "spectrogram_anger.png", "spectrogram_sadness.png"]
    for name in files:
        assert (one / name).read_bytes() == (two / name).read_bytes()


def test_the_overview_has_counts_and_typical_utterances(folders):
    overview = json.loads((folders[0] / "overview.json").read_text(encoding="utf-8"))
    assert overview["labels"] == ["anger", "sadness", "other", "several"]
    assert overview["speakers"] == {"_ben": [1, 1, 0, 1], "ada": [2, 0, 1, 0]}
    assert overview["median_s"]["anger"] == 0.6
    anger, sadness = overview["typical"]
    assert (anger["label"], anger["utterance"], anger["speaker"], anger["duration_s"]) == (
        "anger",
        "a3",
        "_ben",
        0.6,
    )
    assert anger["f0_quartiles_hz"] == pytest.approx([126, 150, 175], abs=1)
    assert sadness["label"] == "sadness"


def test_of_equally_near_utterances_the_first_by_name_is_chosen():
    rows = [("b", "x", "anger", 1.0), ("a", "x", "anger", 3.0), ("c", "x", "anger", 3.0), ("d", "x", "anger", 1.0)]
    for order in (rows, rows[::-1]):
        manifest = manifest_of(*order)
        assert list(typical_utterances(manifest.assign(label=manifest["emotion"]))["utterance"]) == ["a"]


def test_labels_are_emotions_several_or_unlabelled():
    labels = labels_of(pd.Series(["anger", "anger+fear", "", "other"]))
    assert labels.to_list() == ["anger", "several", "unlabelled", "other"]


def test_counts_have_one_row_per_speaker_and_emotions_first():
    manifest = manifest_of(*ROWS)
    counts = counts_of(manifest.assign(label=labels_of(manifest["emotion"])))
    assert list(counts.columns) == ["anger", "sadness", "other", "several"]
    assert counts.loc["_ben"].to_list() == [1, 1, 0, 1]


def test_a_tone_is_in_the_row_of_its_frequency():
    time = np.arange(RATE_HZ) / RATE_HZ
    decibels = spectrogram_db(0.1 * np.sin(2 * np.pi * 1000 * time))
    assert decibels.shape == (160, 201)
    rows_hz = np.geomspace(60, 8000, 160)
    assert rows_hz[decibels[:, 100].argmax()] == pytest.approx(1000, rel=0.02)
    assert decibels.max() == pytest.approx(0)
    assert decibels.min() == -50


@pytest.mark.parametrize("n_samples", [1, 500, 1023, 1024])
def test_short_utterances_have_a_spectrogram(n_samples):
    samples = np.full(n_samples, 0.1, dtype=np.float32)
    assert np.isfinite(spectrogram_db(samples)).all()
    f0_hz = np.zeros(1 + n_samples // 80)
    assert spectrogram_png(Waveform(samples, RATE_HZ), f0_hz, 0.1).startswith(b"\x89PNG")


def test_f0_lies_on_the_lowest_harmonic_of_the_spectrogram():
    samples = harmonics(200, 0.6)
    f0_hz = f0_pyin(samples, RATE_HZ, hop_ms=5, min_hz=75, max_hz=600)
    lowest = spectrogram_db(samples)[: 160 // 3]  # up to 300 Hz
    assert len(f0_hz) == lowest.shape[1]
    rows_hz = np.geomspace(60, 8000, 160)[: 160 // 3]
    voiced = f0_hz > 0
    assert voiced.mean() > 0.9
    assert rows_hz[lowest.argmax(axis=0)][voiced][5:-5] == pytest.approx(f0_hz[voiced][5:-5], rel=0.04)
