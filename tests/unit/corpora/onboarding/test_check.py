"""Tests of all kinds of faults of a user's own corpus, with their lines."""

import numpy as np
import pytest
import soundfile

from emofactors.config.corpora import TableCorpus
from emofactors.corpora.build_manifest import build_manifest
from emofactors.corpora.manifest import MANIFEST_COLUMNS
from emofactors.corpora.onboarding.check import Finding, check_corpus
from emofactors.corpora.readers.table import read
from emofactors.errors import InputError

RATE = 8_000
HEADER = "path,speaker,emotion"


@pytest.fixture
def write(tmp_path):
    """Return a function that writes a corpus: the lines of its CSV, and a wav with noise for each name in it."""

    def write(*lines, header=HEADER, files=()):
        rng = np.random.default_rng(0)
        for name in sorted({line.split(",")[0] for line in lines} | set(files)):
            if name.endswith(".wav") and not name.startswith(("/", "..", "missing")):
                (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
                soundfile.write(tmp_path / name, rng.normal(scale=0.1, size=RATE), RATE)
        (tmp_path / "own.csv").write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
        return tmp_path

    return write


def config(**changes):
    return TableCorpus(**({"reader": "table", "folder": "own", "file": "own.csv", "title": "Own"} | changes))


def check(root, **changes):
    return check_corpus(root, config(**changes), min_s=0.05)


def findings_of(root, **changes):
    """Return faults and warnings as lines."""
    findings = check(root, **changes).findings
    return [str(f) for f in findings if f.is_fault], [str(f) for f in findings if not f.is_fault]


GOOD = ("a.wav,anna,anger", "b.wav,anna,sadness", "c.wav,ben,anger", "d.wav,ben,sadness")


def test_a_valid_corpus_has_no_findings_and_the_manifest_of_the_pipeline(write):
    root = write(*GOOD)
    checked = check(root)
    assert checked.findings == ()
    manifest = build_manifest(read(root, config()), root, config())
    assert checked.utterances.equals(manifest.utterances)


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ("x.wav,anna,angry", "emotion is 'angry', expected one of anger, happiness, sadness"),
        ("x.wav,anna,ANGR", "no_agreement; did you mean anger?"),
        ("x.wav,anna,joy", "no_agreement; did you mean happiness?"),
        ("x.wav,anna,qqq", "frustration, other, no_agreement"),
        ("x.wav,,anger", "speaker is empty, expected a value"),
        ("x.wav,anna,", "emotion is empty, expected a value"),
        (",anna,anger", "path is empty, expected a value"),
        ("/x.wav,anna,anger", "path is '/x.wav', expected a path within the corpus folder"),
        ("../x.wav,anna,anger", "path is '../x.wav', expected a path within the corpus folder"),
        ("x.wav,anna", "has 2 cells, expected 3"),
        ("missing.wav,anna,anger", "missing.wav: is missing"),
        ("text.mp3,anna,anger", "text.mp3: cannot be decoded"),
        ("silent.flac,anna,anger", "silent.flac: is silent"),
        ("empty.wav,anna,anger", "empty.wav: is empty"),
        ("nan.w64,anna,anger", "nan.w64: has samples that are not finite"),
        ("short.flac,anna,anger", "lasts 0.020 s, expected at least 0.050 s"),
        ("x~noise.wav,anna,anger", "utterance 'x~noise': has '~' in its name"),
        ("x.wav,an\u202ena,anger", r"speaker is 'an\u202ena', expected no control characters"),
    ],
)
def test_an_invalid_row_is_one_fault_with_its_line(write, row, fault):
    root = write(*GOOD, row)
    (root / "text.mp3").write_text("no audio", encoding="utf-8")
    soundfile.write(root / "silent.flac", np.zeros(RATE), RATE)
    soundfile.write(root / "empty.wav", np.zeros(0), RATE)
    soundfile.write(root / "nan.w64", np.full(RATE, np.nan, dtype=np.float32), RATE, subtype="FLOAT")
    soundfile.write(root / "short.flac", 0.1 * np.ones(160), RATE)
    (line,), _ = findings_of(root)
    assert line.startswith("line 6: ")
    assert fault in line
    with pytest.raises(InputError):  # the pipeline stops as well; short audio stops its features
        check_as_the_pipeline(root)


def check_as_the_pipeline(root):
    manifest = build_manifest(read(root, config()), root, config())
    if (manifest.utterances["duration_s"] < 0.05).any():
        raise InputError("short")


@pytest.mark.parametrize(
    ("times", "fault"),
    [
        ("soon,1", "start_s is 'soon', expected seconds"),
        ("0.5,0.2", "start_s is 0.5, end_s 0.2; expected start_s < end_s"),
        ("0.5,2", "r.wav: ends at 1.000 s, before end_s 2"),
        ("3,", "r.wav: is empty"),
        ("0.5,0.51", "lasts 0.010 s, expected at least 0.050 s"),
    ],
)
def test_an_invalid_segment_is_a_fault(write, times, fault):
    rows = ("r.wav,anna,anger,0,0.2", "r.wav,anna,sadness,0.2,0.4", f"r.wav,anna,anger,{times}")
    (line,), _ = findings_of(write(*rows, header=f"{HEADER},start_s,end_s"))
    assert line.startswith("line 4: ")
    assert fault in line


def test_all_faults_are_listed_and_bad_labels_do_not_hide_bad_audio(write):
    root = write("missing.wav,anna,angry", "x.wav,,anger", "a.wav,anna,anger,1", "missing2.wav,ben,anger")
    faults, _ = findings_of(root)
    assert [line.split(": ")[0] for line in faults] == ["line 2", "line 2", "line 3", "line 4", "line 5"]
    assert "line 2: missing.wav: is missing" in faults
    assert "line 5: missing2.wav: is missing" in faults


def test_a_missing_column_does_not_hide_bad_audio(write):
    faults, _ = findings_of(write("a.wav,anna,anger", "missing.wav,anna,anger", header="path,who,emotion"))
    assert faults == [
        "has no column speaker; its columns are path, who, emotion",
        "line 3: missing.wav: is missing",
    ]
    assert findings_of(write(*GOOD, header="path,who,emotion"), columns={"speaker": "who"}) == ([], [])


def test_a_table_without_paths_or_rows_or_with_a_duplicate_column_is_a_fault(write):
    assert findings_of(write(*GOOD, header="file,speaker,emotion"))[0] == [
        "has no column path; its columns are file, speaker, emotion"
    ]
    assert findings_of(write())[0] == ["has no row below its header, expected one for each utterance"]
    assert findings_of(write("a.wav,a,a", header="path,path,emotion"))[0][1].startswith(
        "its columns are path, path, emotion"
    )


def test_a_missing_table_is_an_error(tmp_path):
    with pytest.raises(InputError, match=r"own\.csv: cannot be read, expected a table"):
        check(tmp_path)


def test_a_duplicate_path_is_a_fault_with_both_lines(write):
    faults, _ = findings_of(write(*GOOD, "a.wav,anna,anger"))
    assert faults == ["lines 2, 6: utterance 'a': is the name of a.wav, a.wav; expected one file or segment"]


def test_the_same_audio_is_a_fault_with_different_labels_and_else_a_warning(write):
    root = write(*GOOD, "e.wav,eva,anger", "f.wav,anna,anger")
    for name in ("e.wav", "f.wav"):
        (root / name).write_bytes((root / "a.wav").read_bytes())
    faults, warnings = findings_of(root)
    assert faults == ["lines 2, 6: a.wav and e.wav have the same audio but a different speaker; expected the same"]
    assert "lines 2, 7: a.wav and f.wav have the same audio: it is counted twice" in warnings


def test_overlapping_segments_are_found(write):
    rows = ("r.wav,anna,anger,0,0.3", "r.wav,ben,anger,0.2,0.5", "r.wav,anna,sadness,0.6,0.9")
    (line,), _ = findings_of(write(*rows, header=f"{HEADER},start_s,end_s"))
    assert line.startswith("lines 2, 3: r.wav and r.wav have overlapping audio of r.wav but a different speaker")


def test_a_missing_recording_is_one_fault_of_many_lines(write):
    rows = [f"missing.wav,anna,anger,{start},{start + 1}" for start in range(9)]
    faults, _ = findings_of(write(*GOOD_SEGMENTS, *rows, header=f"{HEADER},start_s,end_s"))
    assert faults == ["lines 4, 5, 6, 7, 8 and 4 more: missing.wav: is missing"]


GOOD_SEGMENTS = ("r.wav,anna,anger,0,0.2", "r.wav,anna,sadness,0.2,0.4")


def test_if_all_files_are_missing_their_folder_is_named(write):
    root = write("missing1.wav,anna,anger", "missing2.wav,anna,sadness")
    assert findings_of(root)[0][0] == f"no file was found: paths are relative to the folder of the CSV, {root}"


def test_speakers_with_one_emotion_similar_names_and_other_labels_are_warnings(write):
    rows = ("e.wav,eva,anger", "f.wav,eva,anger", "g.wav,Ben,anger", "h.wav,Ben,sadness", "i.wav,anna,other")
    assert findings_of(write(*GOOD, *rows)) == (
        [],
        [
            "1 utterance(s) of other and no_agreement are left out",
            "speaker 'eva': all 2 utterance(s) are anger: the voice predicts the emotion",
            "speakers 'Ben' and 'ben' differ in case only: are they the same speaker?",
        ],
    )


def test_a_finding_lists_a_few_lines_and_counts_the_others():
    assert str(Finding("is odd")) == "is odd"
    assert str(Finding("is \x1b[31m")) == r"is \x1b[31m"
    assert str(Finding("is odd", (7,))) == "line 7: is odd"
    assert str(Finding("is odd", tuple(range(2, 9)))) == "lines 2, 3, 4, 5, 6 and 2 more: is odd"


def test_utterances_with_a_fault_are_left_out(write):
    checked = check(write(*GOOD, "missing.wav,anna,anger", "e.wav,anna,angry"))
    assert tuple(checked.utterances.columns) == MANIFEST_COLUMNS
    assert checked.utterances["utterance"].tolist() == ["a", "b", "c", "d"]
