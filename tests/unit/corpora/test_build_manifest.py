import json
import struct
import tracemalloc

import numpy as np
import pandas as pd
import pytest
import soundfile

from emofactors.config.corpora import ExpectedSize, TableCorpus
from emofactors.corpora import audio
from emofactors.corpora.build_manifest import build_manifest
from emofactors.corpora.manifest import MANIFEST_COLUMNS, read_manifest, utterance_table, write_manifest
from emofactors.errors import InputError

RATE_HZ = 16000


def own_corpus(**settings):
    return TableCorpus(reader="table", folder="own", title="Own", file="own.csv", **settings)


def row(utterance, **changes):
    return {
        "utterance": utterance,
        "path": f"{utterance}.wav",
        "speaker": "03",
        "emotion": "anger",
    } | changes


@pytest.fixture
def broken(write_wavs):
    """A folder with one valid file and one of each fault."""
    root = write_wavs(["valid.wav"])
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


def rows_of_broken():
    return utterance_table(row(path.removesuffix(".wav")) for path in ["valid.wav", *FAULTS])


# --- rows ----------------------------------------------------------------------------------------------------


def test_all_faults_of_rows_are_listed(tmp_path):
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
    assert "utterance 'twice': is the name of one.wav, two.wav; expected one" in message
    assert "utterance 'nobody': speaker is empty" in message
    assert "utterance 'odd': emotion is 'angry', expected anger, happiness" in message
    assert "utterance 'unlabelled': emotion is ''" in message
    assert "utterance 'backwards': start_s is 2, end_s 1" in message
    assert "utterance 'before': start_s is -1" in message


def test_the_mark_of_copies_in_a_name_is_an_error(tmp_path):
    with pytest.raises(InputError, match=r"^utterance 'a~noise': has '~' in its name, expected none.*$"):
        build_manifest(utterance_table([row("a"), row("a~noise")]), tmp_path, own_corpus())


def test_a_corpus_without_utterances_is_an_error(tmp_path):
    with pytest.raises(InputError, match="no utterance was found"):
        build_manifest(utterance_table([]), tmp_path, own_corpus())


@pytest.mark.parametrize("emotion", ["other", "no_agreement", "anger+disgust"])
def test_other_labels_are_accepted(write_wavs, emotion):
    root = write_wavs(["a.wav"])
    manifest = build_manifest(utterance_table([row("a", emotion=emotion)]), root, own_corpus())
    assert manifest.utterances["emotion"].tolist() == [emotion]


# --- audio ---------------------------------------------------------------------------------------------------


def test_all_bad_audio_is_listed(broken):
    with pytest.raises(InputError) as caught:
        build_manifest(rows_of_broken(), broken, own_corpus())
    *lines, last = str(caught.value).splitlines()
    assert lines == [f"{broken / path}: {fault}" for path, fault in FAULTS.items()]
    assert "6 fault(s); expected none, or on_bad_audio: drop" in last


def test_bad_audio_is_dropped_and_recorded_with_on_bad_audio_drop(broken):
    manifest = build_manifest(rows_of_broken(), broken, own_corpus(on_bad_audio="drop"))
    assert manifest.utterances["utterance"].tolist() == ["valid"]
    assert dict(manifest.dropped) == FAULTS


def test_a_corpus_of_bad_audio_only_is_an_error(broken):
    with pytest.raises(InputError, match="no utterance is left"):
        build_manifest(utterance_table([row("silent")]), broken, own_corpus(on_bad_audio="drop"))


def test_known_bad_audio_is_dropped_and_recorded(broken):
    rows = utterance_table([row("valid"), row("silent")])
    manifest = build_manifest(rows, broken, own_corpus(known_bad=("silent.wav", "absent.wav")))
    assert manifest.utterances["utterance"].tolist() == ["valid"]
    assert manifest.dropped == (("silent.wav", "is known to be bad"),)


def test_audio_properties_of_an_utterance(write_wavs):
    root = write_wavs(["a.wav", "b.wav"])
    soundfile.write(root / "c.wav", np.full(4410, 0.5), 44100)
    utterances = build_manifest(utterance_table(row(name) for name in "abc"), root, own_corpus()).utterances
    assert tuple(utterances.columns) == MANIFEST_COLUMNS
    assert utterances["duration_s"].tolist() == [0.05, 0.05, 0.1]
    assert utterances["sample_rate_hz"].tolist() == [16000, 16000, 44100]
    same, other, third = utterances["audio_sha256"]
    assert same == other != third


# --- segments ------------------------------------------------------------------------------------------------


@pytest.fixture
def recording(tmp_path):
    """One second: half noise, half silence."""
    samples = np.random.default_rng(0).uniform(-0.5, 0.5, RATE_HZ)
    samples[RATE_HZ // 2 :] = 0
    soundfile.write(tmp_path / "day.wav", samples, RATE_HZ)
    return tmp_path


def segment(utterance, start_s, end_s):
    return row(utterance, path="day.wav", start_s=start_s, end_s=end_s)


def test_segments_of_one_recording_are_separate_utterances(recording):
    rows = utterance_table([segment("a", 0.0, 0.2), segment("b", 0.2, 0.5), segment("again", 0.0, 0.2)])
    utterances = build_manifest(rows, recording, own_corpus()).utterances.set_index("utterance")
    assert utterances["duration_s"].round(6).to_dict() == {"a": 0.2, "again": 0.2, "b": 0.3}
    hashes = utterances["audio_sha256"]
    assert hashes["a"] == hashes["again"] != hashes["b"]


def test_faults_of_segments_name_the_utterance(recording):
    rows = utterance_table([segment("late", 0.4, 1.2), segment("quiet", 0.6, 0.9), segment("rounded", 0.3, 1.05)])
    with pytest.raises(InputError) as caught:
        build_manifest(rows, recording, own_corpus())
    lines = str(caught.value).splitlines()
    assert len(lines) == 3
    assert lines[0].endswith("day.wav: ends at 1.000 s, before end_s 1.2 (utterance late)")
    assert lines[1].endswith("day.wav: is silent (utterance quiet)")


def test_a_missing_recording_is_listed_once(tmp_path):
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


def test_all_differences_from_the_published_size_are_listed(write_wavs):
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


def test_a_subset_is_accepted_with_size_any_and_is_not_whole(write_wavs):
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


# --- metadata ------------------------------------------------------------------------------------------------


def test_corpus_metadata_describes_the_corpus_as_a_whole(write_wavs):
    root = write_wavs(["a.wav", "b.wav"])
    corpus = own_corpus(
        source="Ä 2026", licence="CC0", language="de", expected=SIZE, size="any", on_bad_audio="drop"
    )
    metadata = build_manifest(utterance_table(WHOLE), root, corpus).corpus_metadata(corpus)
    assert metadata.endswith("}\n")
    assert "Ä" in metadata
    assert json.loads(metadata) == {
        "title": "Own",
        "source": "Ä 2026",
        "licence": "CC0",
        "language": "de",
        "utterances": 2,
        "speakers": 1,
        "duration_s": 0.1,
        "published_utterances": 3,
        "whole": False,
        "dropped": [["c.wav", "is missing"]],
    }


# --- untrusted names -----------------------------------------------------------------------------------------

#: Names that are unusual but allowed: no later step executes or interprets them.
ALLOWED = (
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
)
#: Names with line ends, control characters, direction marks or a lone surrogate.
UNPRINTABLE = (
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
)


def test_unusual_names_are_written_and_read_unchanged(recording):
    rows = [
        segment(f"{column} {name}", 0.0, 0.2) | {column: name}
        for column in ("utterance", "speaker", "session")
        for name in (*ALLOWED, "../x")
    ]
    table = utterance_table(rows)
    write_manifest(build_manifest(table, recording, own_corpus()).utterances, recording / "manifest.csv")
    read = read_manifest(recording / "manifest.csv")
    for column in ("utterance", "speaker", "session"):
        assert read[column].tolist() == table[column].tolist()


@pytest.mark.parametrize(
    "column", ["utterance", "path", "speaker", "gender", "session", "partition", "style", "language"]
)
def test_an_unprintable_name_is_an_error_of_one_printable_line(recording, column):
    rows = [segment(f"u{number}", 0.0, 0.2) | {column: name} for number, name in enumerate(UNPRINTABLE)]
    with pytest.raises(InputError) as error:
        build_manifest(utterance_table(rows), recording, own_corpus())
    lines = str(error.value).splitlines()
    assert len(lines) == len(UNPRINTABLE)
    for line in lines:
        assert line.isprintable()
        assert f"{column} is '" in line
        assert "expected no control characters" in line


def test_a_text_may_have_several_lines_and_direction_marks(recording):
    text = "שלום\n\u200fעולם\t!"
    manifest = build_manifest(utterance_table([segment("a", 0.0, 0.2) | {"text": text}]), recording, own_corpus())
    write_manifest(manifest.utterances, recording / "manifest.csv")
    assert read_manifest(recording / "manifest.csv")["text"].tolist() == [text]
    with pytest.raises(InputError, match="text is"):
        build_manifest(utterance_table([segment("a", 0.0, 0.2) | {"text": "a\0b"}]), recording, own_corpus())


def test_a_path_that_leaves_the_corpus_is_an_error(recording):
    paths = ("../day.wav", "/etc/passwd", "a/../../day.wav")
    rows = [segment(f"u{number}", 0.0, 0.2) | {"path": path} for number, path in enumerate(paths)]
    with pytest.raises(InputError) as error:
        build_manifest(utterance_table(rows), recording, own_corpus())
    lines = [line.partition(": ")[2] for line in str(error.value).splitlines()]
    assert lines == [f"path is {path!r}, expected a path within the corpus folder" for path in paths]


# --- long recordings -----------------------------------------------------------------------------------------


def test_a_recording_that_is_too_long_is_decoded_by_segments(recording, monkeypatch):
    rows = utterance_table([segment("a", 0.0, 0.2), segment("b", 0.2, 0.5), segment("late", 0.4, 1.5)])
    corpus = own_corpus(on_bad_audio="drop")
    whole = build_manifest(rows, recording, corpus)
    monkeypatch.setattr(audio, "MAX_DURATION_S", 0.5)
    by_segments = build_manifest(rows, recording, corpus)
    pd.testing.assert_frame_equal(by_segments.utterances, whole.utterances)
    assert len(by_segments.dropped) == len(whole.dropped) == 1


def test_an_utterance_that_is_too_long_is_an_error(recording, monkeypatch):
    monkeypatch.setattr(audio, "MAX_DURATION_S", 0.25)
    rows = utterance_table([segment("a", 0.0, 0.2), segment("b", 0.2, 0.5)])
    with pytest.raises(InputError, match=r"has 0.3 s in 1 channel.*\(utterance b\)"):
        build_manifest(rows, recording, own_corpus())
    with pytest.raises(InputError, match="more than 0 s or"):
        build_manifest(utterance_table([segment("a", None, None)]), recording, own_corpus())


def test_segments_of_ten_hours_are_decoded_in_little_memory(tmp_path):
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
