import struct
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from emofactors.config.corpora import CorpusConfig, ExpectedSize
from emofactors.corpora import audio
from emofactors.corpora.build_manifest import build_manifest
from emofactors.corpora.manifest import (
    MANIFEST_COLUMNS,
    READER_COLUMNS,
    read_manifest,
    utterance_table,
    write_manifest,
)
from emofactors.errors import InputError

RATE_HZ = 16000


def own_corpus(**settings: object) -> CorpusConfig:
    return CorpusConfig(reader="table", folder="own", title="Own", file="own.csv", **settings)


def row(utterance: str, **changes: object) -> dict[str, object]:
    return {
        "utterance": utterance,
        "path": f"{utterance}.wav",
        "speaker": "03",
        "emotion": "anger",
    } | changes


@pytest.fixture
def broken(write_wavs) -> Path:
    """A folder with one sound file and one of each fault."""
    root = write_wavs(["sound.wav"])
    soundfile.write(root / "empty.wav", np.zeros(0, dtype=np.float32), RATE_HZ)
    soundfile.write(root / "silent.wav", np.zeros(800, dtype=np.float32), RATE_HZ)
    soundfile.write(root / "infinite.wav", np.array([0.1, np.inf], dtype=np.float32), RATE_HZ, subtype="FLOAT")
    (root / "corrupt.wav").write_bytes(b"RIFF and no more")
    (root / "nothing.wav").touch()
    return root


FAULTS = {
    "corrupt.wav": "cannot be decoded",
    "empty.wav": "is empty",
    "infinite.wav": "has samples that are not finite",
    "missing.wav": "is missing",
    "nothing.wav": "cannot be decoded",
    "silent.wav": "is silent",
}


def rows_of_broken() -> pd.DataFrame:
    return utterance_table(row(Path(path).stem) for path in ["sound.wav", *FAULTS])


# --- rows ----------------------------------------------------------------------------------------------------


def test_absent_columns_are_empty_and_absent_times_are_nan():
    table = utterance_table([row("b"), row("a", start_s=1, end_s=2.5)])
    assert tuple(table.columns) == READER_COLUMNS
    assert table["utterance"].tolist() == ["a", "b"]
    assert table["session"].tolist() == ["", ""]
    assert table["start_s"].tolist()[0] == 1.0
    assert np.isnan(table["start_s"].tolist()[1])


def test_duplicates_empty_speakers_unknown_emotions_and_times_are_all_named_at_once(tmp_path):
    rows = utterance_table(
        [
            row("twice", path="one.wav"),
            row("twice", path="two.wav"),
            row("nobody", speaker=" "),
            row("odd", emotion="angry"),
            row("unlabelled", emotion=""),
            row("backwards", start_s=2, end_s=1),
            row("before", start_s=-1, end_s=1),
        ]
    )
    with pytest.raises(InputError) as caught:
        build_manifest(rows, tmp_path, own_corpus())
    message = str(caught.value)
    assert len(message.splitlines()) == 6
    assert "utterance 'twice': stands for one.wav, two.wav; expected one" in message
    assert "utterance 'nobody': speaker is empty" in message
    assert "utterance 'odd': emotion is 'angry', expected anger, happiness" in message
    assert "utterance 'unlabelled': emotion is ''" in message
    assert "utterance 'backwards': start_s is 2, end_s 1" in message
    assert "utterance 'before': start_s is -1" in message


def test_the_mark_of_copies_in_a_name_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"^utterance 'a~noise': has '~' in its name, expected none.*$"):
        build_manifest(utterance_table([row("a"), row("a~noise")]), tmp_path, own_corpus())


def test_a_corpus_without_utterances_is_an_error(tmp_path):
    with pytest.raises(InputError, match="no utterance was found"):
        build_manifest(utterance_table([]), tmp_path, own_corpus())


@pytest.mark.parametrize("emotion", ["other", "no_agreement", "anger+disgust"])
def test_labels_beside_the_emotions_are_kept(write_wavs, emotion: str):
    root = write_wavs(["a.wav"])
    manifest = build_manifest(utterance_table([row("a", emotion=emotion)]), root, own_corpus())
    assert manifest.utterances["emotion"].tolist() == [emotion]


# --- audio ---------------------------------------------------------------------------------------------------


def test_every_bad_audio_is_listed_at_once(broken: Path):
    with pytest.raises(InputError) as caught:
        build_manifest(rows_of_broken(), broken, own_corpus())
    *lines, last = str(caught.value).splitlines()
    assert lines == [f"{broken / path}: {fault}" for path, fault in FAULTS.items()]
    assert "6 fault(s); expected none, or on_bad_audio: drop" in last


def test_bad_audio_is_dropped_and_said_where_the_config_asks_for_it(broken: Path):
    manifest = build_manifest(rows_of_broken(), broken, own_corpus(on_bad_audio="drop"))
    assert manifest.utterances["utterance"].tolist() == ["sound"]
    assert dict(manifest.dropped) == FAULTS


def test_a_corpus_of_bad_audio_only_is_an_error(broken: Path):
    with pytest.raises(InputError, match="no utterance is left"):
        build_manifest(utterance_table([row("silent")]), broken, own_corpus(on_bad_audio="drop"))


def test_known_bad_audio_is_dropped_and_said(broken: Path):
    rows = utterance_table([row("sound"), row("silent")])
    manifest = build_manifest(rows, broken, own_corpus(known_bad=("silent.wav", "absent.wav")))
    assert manifest.utterances["utterance"].tolist() == ["sound"]
    assert manifest.dropped == (("silent.wav", "is known to be bad"),)


def test_what_is_heard_of_an_utterance(write_wavs):
    root = write_wavs(["a.wav", "b.wav"])
    soundfile.write(root / "c.wav", np.full(4410, 0.5), 44100)
    heard = build_manifest(utterance_table(row(name) for name in "abc"), root, own_corpus()).utterances
    assert tuple(heard.columns) == MANIFEST_COLUMNS
    assert heard["duration_s"].tolist() == [0.05, 0.05, 0.1]
    assert heard["sample_rate_hz"].tolist() == [16000, 16000, 44100]
    same, other, third = heard["audio_sha256"]
    assert same == other != third


# --- segments ------------------------------------------------------------------------------------------------


@pytest.fixture
def recording(tmp_path) -> Path:
    """One second: sound, but for silence from 0.5 s."""
    samples = np.random.default_rng(0).uniform(-0.5, 0.5, RATE_HZ)
    samples[RATE_HZ // 2 :] = 0
    soundfile.write(tmp_path / "day.wav", samples, RATE_HZ)
    return tmp_path


def segment(utterance: str, start_s: float, end_s: float) -> dict[str, object]:
    return row(utterance, path="day.wav", start_s=start_s, end_s=end_s)


def test_segments_of_one_recording_are_utterances_of_their_own(recording: Path):
    rows = utterance_table([segment("a", 0.0, 0.2), segment("b", 0.2, 0.5), segment("again", 0.0, 0.2)])
    heard = build_manifest(rows, recording, own_corpus()).utterances.set_index("utterance")
    assert heard["duration_s"].round(6).to_dict() == {"a": 0.2, "again": 0.2, "b": 0.3}
    hashes = heard["audio_sha256"]
    assert hashes["a"] == hashes["again"] != hashes["b"]


def test_faults_of_segments_name_the_utterance(recording: Path):
    rows = utterance_table([segment("late", 0.4, 1.2), segment("quiet", 0.6, 0.9), segment("rounded", 0.3, 1.05)])
    with pytest.raises(InputError) as caught:
        build_manifest(rows, recording, own_corpus())
    lines = str(caught.value).splitlines()
    assert len(lines) == 3
    assert lines[0].endswith("day.wav: ends at 1.000 s, before end_s 1.2 (utterance late)")
    assert lines[1].endswith("day.wav: is silent (utterance quiet)")


def test_a_missing_recording_is_named_once(tmp_path):
    rows = utterance_table([segment("a", 0.0, 0.2), segment("b", 0.2, 0.5)])
    with pytest.raises(InputError) as caught:
        build_manifest(rows, tmp_path, own_corpus())
    assert str(caught.value).count("day.wav: is missing") == 1


# --- size ----------------------------------------------------------------------------------------------------

SIZE = ExpectedSize(utterances=3, speakers=2, emotions={"anger": 2, "fear": 1}, per_speaker={"03": 2, "08": 1})
WHOLE = (row("a"), row("b"), row("c", speaker="08", emotion="fear"))


def test_a_corpus_of_the_published_size_is_whole(write_wavs):
    root = write_wavs(["a.wav", "b.wav", "c.wav"])
    assert build_manifest(utterance_table(WHOLE), root, own_corpus(expected=SIZE)).whole is True
    assert build_manifest(utterance_table(WHOLE), root, own_corpus()).whole is None


def test_what_lacks_of_the_published_size_is_said(write_wavs):
    root = write_wavs(["a.wav", "b.wav"])
    with pytest.raises(InputError) as caught:
        build_manifest(utterance_table(WHOLE[:2]), root, own_corpus(expected=SIZE))
    (line,) = str(caught.value).splitlines()
    for difference in (
        "2 of 3 utterances",
        "1 of 2 speakers",
        "emotion fear has 0 of 1",
        "speaker 08 has 0 of 1",
        "size: any",
    ):
        assert difference in line


def test_a_subset_is_accepted_where_the_config_says_so_and_is_not_whole(write_wavs):
    root = write_wavs(["a.wav", "b.wav"])
    manifest = build_manifest(utterance_table(WHOLE[:2]), root, own_corpus(expected=SIZE, size="any"))
    assert manifest.whole is False
    assert len(manifest.utterances) == 2


def test_a_corpus_whose_bad_audio_was_dropped_is_not_whole(write_wavs):
    root = write_wavs(["a.wav", "b.wav"])
    dropping = {"expected": SIZE, "on_bad_audio": "drop"}
    assert build_manifest(utterance_table(WHOLE), root, own_corpus(size="any", **dropping)).whole is False
    with pytest.raises(InputError, match="2 of 3 utterances"):
        build_manifest(utterance_table(WHOLE), root, own_corpus(**dropping))


# --- file ----------------------------------------------------------------------------------------------------


def test_a_manifest_is_read_as_it_was_written(recording: Path):
    rows = utterance_table(
        [
            segment("a", 0.0, 0.2) | {"text": 'says "tak", żółw', "session": "NA", "partition": "valid"},
            row("b", path="day.wav", speaker="08"),
        ]
    )
    written = build_manifest(rows, recording, own_corpus()).utterances
    write_manifest(written, recording / "manifest.csv")

    read = read_manifest(recording / "manifest.csv")

    pd.testing.assert_frame_equal(read, written, check_dtype=False)
    assert read["speaker"].tolist() == ["03", "08"]
    assert read["partition"].tolist() == ["valid", ""]
    assert b"\r" not in (recording / "manifest.csv").read_bytes()


# --- names of strangers --------------------------------------------------------------------------------------

#: What a name may hold, and still is a name: nothing of ours runs it, opens it or reads it as markup.
HARMLESS = [
    "<script>alert(1)</script>",
    "$(touch x)",
    "; rm -rf .",
    '"',
    "'",
    "`id`",
    "=1+1",
    "-rf",
    "a|b",
    "ł",
    "$x$",
    "../x",
]
#: What no name may hold: ends of lines, control characters, marks of direction, half a surrogate pair.
UNPRINTABLE = [
    "a\nb",
    "a\rb",
    "a\tb",
    "a\0b",
    "a\x1b[2J",
    "a\x7f",
    "a\x85",
    "a\u2028b",
    "\u202eb",
    "a\u200f",
    "a\ud800",
]


@pytest.mark.parametrize("column", ["utterance", "speaker", "session"])
@pytest.mark.parametrize("name", HARMLESS)
def test_a_strange_name_stays_what_it_is(recording: Path, column: str, name: str):
    manifest = build_manifest(utterance_table([segment("a", 0.0, 0.2) | {column: name}]), recording, own_corpus())
    write_manifest(manifest.utterances, recording / "manifest.csv")
    assert read_manifest(recording / "manifest.csv")[column].tolist() == [name]


@pytest.mark.parametrize(
    "column", ["utterance", "path", "speaker", "gender", "session", "partition", "style", "language"]
)
@pytest.mark.parametrize("name", UNPRINTABLE)
def test_a_name_that_cannot_be_shown_is_refused_in_one_line(recording: Path, column: str, name: str):
    with pytest.raises(InputError, match=f"{column} is '.*', expected no control characters") as error:
        build_manifest(utterance_table([segment("a", 0.0, 0.2) | {column: name}]), recording, own_corpus())
    assert str(error.value).isprintable()


def test_a_text_may_have_lines_and_run_from_right_to_left(recording: Path):
    text = "שלום\n\u200fעולם\t!"
    manifest = build_manifest(utterance_table([segment("a", 0.0, 0.2) | {"text": text}]), recording, own_corpus())
    write_manifest(manifest.utterances, recording / "manifest.csv")
    assert read_manifest(recording / "manifest.csv")["text"].tolist() == [text]
    with pytest.raises(InputError, match="text is"):
        build_manifest(utterance_table([segment("a", 0.0, 0.2) | {"text": "a\0b"}]), recording, own_corpus())


@pytest.mark.parametrize("path", ["../day.wav", "/etc/passwd", "a/../../day.wav"])
def test_a_path_that_leaves_the_corpus_is_refused(recording: Path, path: str):
    with pytest.raises(InputError, match="expected one within the corpus' folder"):
        build_manifest(utterance_table([segment("a", 0.0, 0.2) | {"path": path}]), recording, own_corpus())


# --- long recordings -----------------------------------------------------------------------------------------


def test_segments_of_a_recording_too_long_to_be_decoded_at_once_are_heard_alike(recording: Path, monkeypatch):
    rows = utterance_table([segment("a", 0.0, 0.2), segment("b", 0.2, 0.5), segment("late", 0.4, 1.5)])
    corpus = own_corpus(on_bad_audio="drop")
    whole = build_manifest(rows, recording, corpus)
    monkeypatch.setattr(audio, "MAX_DURATION_S", 0.5)
    by_parts = build_manifest(rows, recording, corpus)
    pd.testing.assert_frame_equal(by_parts.utterances, whole.utterances)
    assert len(by_parts.dropped) == len(whole.dropped) == 1


def test_an_utterance_too_long_to_be_decoded_at_once_is_refused(recording: Path, monkeypatch):
    monkeypatch.setattr(audio, "MAX_DURATION_S", 0.25)
    rows = utterance_table([segment("a", 0.0, 0.2), segment("b", 0.2, 0.5)])
    with pytest.raises(InputError, match=r"has 0.3 s in 1 channel.*\(utterance b\)"):
        build_manifest(rows, recording, own_corpus())
    with pytest.raises(InputError, match="to decode at once"):
        build_manifest(utterance_table([segment("a", None, None)]), recording, own_corpus())


def test_ten_hours_with_segments_are_heard_in_little_memory(tmp_path):
    n_bytes, rate = 2 * 16_000 * 36_000, 16_000
    header = (
        b"RIFF"
        + struct.pack("<I", 36 + n_bytes)
        + b"WAVEfmt "
        + struct.pack("<IHHIIHH", 16, 1, 1, rate, 2 * rate, 2, 16)
    )
    with (tmp_path / "day.wav").open("wb") as file:
        file.write(header + b"data" + struct.pack("<I", n_bytes))
        for start_s in (0, 17_999, 35_990):
            file.seek(44 + 2 * rate * start_s)
            file.write((8000 * np.sin(np.arange(2 * rate))).astype("<i2").tobytes())
        file.truncate(44 + n_bytes)
    rows = utterance_table([segment(f"u{start}", start, start + 2) for start in (0, 17_999, 35_990)])
    tracemalloc.start()
    manifest = build_manifest(rows, tmp_path, own_corpus())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert manifest.utterances["duration_s"].tolist() == [2.0] * 3
    assert manifest.utterances["audio_sha256"].nunique() == 1
    assert peak < 16 * 2**20
