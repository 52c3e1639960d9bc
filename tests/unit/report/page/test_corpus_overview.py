import json

import pytest

from emofactors.errors import InputError
from emofactors.report.page.corpus_overview import MAX_SPEAKERS, read_corpus_overviews

OVERVIEW = {
    "labels": ["anger", "sadness", "other"],
    "speakers": {"_ben": [1, 1, 0], "ada": [2, 0, 1]},
    "median_s": {"anger": 0.6, "sadness": 0.4, "other": 0.3},
    "typical": [
        {
            "label": "anger",
            "utterance": "a3",
            "speaker": "_ben",
            "duration_s": 0.6,
            "f0_quartiles_hz": [126, 150, 175],
        },
        {"label": "sadness", "utterance": "s1", "speaker": "_ben", "duration_s": 0.4, "f0_quartiles_hz": []},
    ],
    "f0_method": "pyin",
}


@pytest.fixture
def overview_of(tmp_path):
    """Function of changes: the overview of a corpus ``tones`` that is read."""

    def read(**changes):
        folder = tmp_path / "tones"
        folder.mkdir(exist_ok=True)
        (folder / "overview.json").write_text(json.dumps(OVERVIEW | changes), encoding="utf-8")
        for name in ("durations.svg", "spectrogram_anger.png", "spectrogram_sadness.png"):
            (folder / name).write_bytes(name.encode())
        return read_corpus_overviews([folder])["tones"]

    return read


def test_utterances_are_counted_and_shaded(overview_of):
    overview = overview_of()
    assert overview.labels == ("anger", "sadness", "other")
    assert list(overview.speakers) == ["_ben", "ada"]
    assert [cell.count for cell in overview.speakers["ada"]] == [2, 0, 1, 3]
    assert [cell.shade for cell in overview.speakers["ada"]] == [5, 0, 3, 0]
    anger = overview.statistics[0]
    assert (anger.utterances, anger.speakers, anger.median, anger.fewest, anger.most) == (3, 2, 1.5, 1, 2)
    assert anger.median_s == 0.6
    assert overview.n_speakers == 2
    assert overview.durations.startswith("data:image/svg+xml;base64,")


def test_typical_utterances_have_a_description_and_a_spectrogram(overview_of):
    anger, sadness = overview_of().typical
    assert anger.description == "a3, speaker _ben, 0.60 s; median F0 150 Hz, quartiles 126 and 175 Hz"
    assert sadness.description == "s1, speaker _ben, 0.40 s; no F0 was found"
    assert anger.spectrogram.startswith("data:image/png;base64,")


def test_a_corpus_of_many_speakers_has_no_row_for_each(overview_of):
    speakers = {f"s{number}": [number, 1, 1] for number in range(MAX_SPEAKERS + 1)}
    overview = overview_of(speakers=speakers)
    assert overview.speakers == {}
    assert overview.n_speakers == MAX_SPEAKERS + 1
    anger = overview.statistics[0]
    assert (anger.speakers, anger.fewest, anger.most) == (24, 1, 24)


def test_a_missing_plot_is_an_error_of_one_line(tmp_path):
    (tmp_path / "overview.json").write_text(json.dumps(OVERVIEW))
    with pytest.raises(InputError, match=r"durations\.svg"):
        read_corpus_overviews([tmp_path])
