import json

import numpy as np
import pandas as pd
import pytest
import soundfile

from emofactors.corpora.audio import Waveform
from emofactors.corpora.manifest import MANIFEST_COLUMNS
from emofactors.errors import InputError
from emofactors.features.pitch_pyin import f0_pyin
from emofactors.report.page.corpus_overview import (
    MOST_SPEAKERS,
    counts_of,
    labels_of,
    plot_corpus,
    read_corpus_overviews,
    spectrogram_db,
    spectrogram_picture,
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


def tracked(samples, sample_rate_hz, *, hop_ms, min_hz, max_hz):
    """An F0 that rises from 100 to 200 Hz, its first frame unvoiced."""
    assert (sample_rate_hz, hop_ms, min_hz, max_hz) == (RATE_HZ, 5, 75, 600)
    f0_hz = np.linspace(100, 200, 1 + len(samples) // 80)
    f0_hz[0] = 0
    return f0_hz


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """Two drawings of one corpus."""
    root = tmp_path_factory.mktemp("audio")
    for name, _, _, seconds in ROWS:
        soundfile.write(root / f"{name}.wav", harmonics(150, min(seconds, 1)), RATE_HZ)
    folders = [root / "one" / "tones", root / "two" / "tones"]
    for folder in folders:
        plot_corpus(manifest_of(*ROWS), root, folder, tracked, "pyin")
    return folders


def test_the_same_audio_makes_the_same_bytes(drawn):
    one, two = drawn
    files = sorted(file.name for file in one.iterdir())
    assert files == ["durations.svg", "overview.json", "spectrogram_anger.png", "spectrogram_sadness.png"]
    for name in files:
        assert (one / name).read_bytes() == (two / name).read_bytes()


def test_a_glance_counts_and_shades(drawn):
    glance = read_corpus_overviews(drawn[:1])["tones"]
    assert glance.labels == ("anger", "sadness", "other", "several")
    assert list(glance.speakers) == ["_ben", "ada"]
    assert [cell.count for cell in glance.speakers["ada"]] == [2, 0, 1, 0, 3]
    assert [cell.shade for cell in glance.speakers["ada"]] == [5, 0, 3, 0, 0]
    anger = glance.spread[0]
    assert (anger.utterances, anger.speakers, anger.median, anger.fewest, anger.most) == (3, 2, 1.5, 1, 2)
    assert anger.median_s == 0.6
    assert glance.n_speakers == 2
    assert glance.durations.startswith("data:image/svg+xml;base64,")


def test_the_utterance_of_median_duration_stands_for_its_emotion(drawn):
    glance = read_corpus_overviews(drawn[:1])["tones"]
    assert [typical.label for typical in glance.typical] == ["anger", "sadness"]
    assert glance.typical[0].words == ("a3, speaker _ben, 0.60 s; F0 150 Hz, its middle half 126 to 175 Hz")
    assert all(typical.picture.startswith("data:image/png;base64,") for typical in glance.typical)


def test_of_equally_near_utterances_the_first_by_name_is_chosen():
    rows = [("b", "x", "anger", 1.0), ("a", "x", "anger", 3.0), ("c", "x", "anger", 3.0), ("d", "x", "anger", 1.0)]
    for order in (rows, rows[::-1]):
        manifest = manifest_of(*order)
        assert list(typical_utterances(manifest.assign(label=manifest["emotion"]))["utterance"]) == ["a"]


def test_a_corpus_of_many_speakers_has_no_row_for_each(drawn, tmp_path):
    folder = tmp_path / "many"
    folder.mkdir()
    for file in drawn[0].iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    about = json.loads((folder / "overview.json").read_text(encoding="utf-8"))
    about["speakers"] = {f"s{number}": [number, 1, 1, 1] for number in range(MOST_SPEAKERS + 1)}
    (folder / "overview.json").write_text(json.dumps(about), encoding="utf-8")
    glance = read_corpus_overviews([folder])["many"]
    assert glance.speakers == {}
    assert glance.n_speakers == MOST_SPEAKERS + 1
    assert (glance.spread[0].speakers, glance.spread[0].fewest, glance.spread[0].most) == (24, 1, 24)


def test_a_missing_picture_is_said_in_one_line(drawn, tmp_path):
    (tmp_path / "overview.json").write_bytes((drawn[0] / "overview.json").read_bytes())
    with pytest.raises(InputError, match=r"durations\.svg"):
        read_corpus_overviews([tmp_path])


def test_labels_are_emotions_or_what_else_is_said():
    assert labels_of(pd.Series(["anger", "anger+fear", "", "other"])).to_list() == [
        "anger", "several", "unlabelled", "other",
    ]  # fmt: skip


def test_counts_have_a_row_a_speaker_and_emotions_first():
    manifest = manifest_of(*ROWS)
    counts = counts_of(manifest.assign(label=labels_of(manifest["emotion"])))
    assert list(counts.columns) == ["anger", "sadness", "other", "several"]
    assert counts.loc["_ben"].to_list() == [1, 1, 0, 1]


def test_a_spectrogram_shows_a_tone_where_it_is():
    time = np.arange(RATE_HZ) / RATE_HZ
    decibels = spectrogram_db(0.1 * np.sin(2 * np.pi * 1000 * time))
    assert decibels.shape == (160, 201)
    rows_hz = np.geomspace(60, 8000, 160)
    assert rows_hz[decibels[:, 100].argmax()] == pytest.approx(1000, rel=0.02)
    assert decibels.max() == pytest.approx(0)
    assert decibels.min() == -50


@pytest.mark.parametrize("n_samples", [1, 500, 1023, 1024])
def test_utterances_however_short_have_a_spectrogram(n_samples):
    samples = np.full(n_samples, 0.1, dtype=np.float32)
    assert np.isfinite(spectrogram_db(samples)).all()
    f0_hz = np.zeros(1 + n_samples // 80)
    assert spectrogram_picture(Waveform(samples, RATE_HZ), f0_hz, 0.1).startswith(b"\x89PNG")


def test_the_tracker_and_the_spectrogram_agree_where_the_voice_is():
    samples = harmonics(200, 0.6)
    f0_hz = f0_pyin(samples, RATE_HZ, hop_ms=5, min_hz=75, max_hz=600)
    lowest = spectrogram_db(samples)[: 160 // 3]  # up to 300 Hz
    assert len(f0_hz) == lowest.shape[1]
    rows_hz = np.geomspace(60, 8000, 160)[: 160 // 3]
    voiced = f0_hz > 0
    assert voiced.mean() > 0.9
    assert rows_hz[lowest.argmax(axis=0)][voiced][5:-5] == pytest.approx(f0_hz[voiced][5:-5], rel=0.04)
