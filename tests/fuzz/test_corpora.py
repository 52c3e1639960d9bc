"""Fuzz tests of corpora: random file names and tables of labels, and damaged real ones."""

import io
from pathlib import Path

import h5py
import numpy as np
import pytest
import soundfile
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from emofactors.config.corpora import TableCorpus, corpus_config
from emofactors.corpora.build_manifest import build_manifest
from emofactors.corpora.manifest import READER_COLUMNS
from emofactors.corpora.onboarding.check import check_corpus
from emofactors.corpora.readers import read_corpus
from emofactors.corpora.readers.delimited import read_rows

FUZZ = settings.get_profile("fuzz")
CONFIG = Path(__file__).parents[2] / "config" / "corpora"
CORPORA = {
    name: corpus_config(yaml.safe_load((CONFIG / f"{name}.yaml").read_text(encoding="utf-8")) | {"size": "any"})
    for name in ("emodb", "nemo", "ravdess", "savee", "crema_d", "iemocap", "mosei", "vctk", "synthetic")
} | {"table": TableCorpus(reader="table", folder="own", title="Own", file="own.csv", columns={"speaker": "who"})}

#: Malicious names of files and speakers, and random text.
WORDS = st.one_of(
    st.sampled_from(
        [
            "",
            "..",
            "../../x",
            "/etc/x",
            "<b>",
            "$(x)",
            "; rm",
            "=1",
            "a\nb",
            "\x1b[2J",
            "\u202ea",
            "a~noise",
            "\ud800",
        ]
    ),
    st.text(max_size=12),
)
#: Cells of labels.
CELLS = st.one_of(
    WORDS, st.sampled_from(["anger", "happiness", "03", "0", "1.5", "-1", "1e999", "nan", "inf", "Male", "F"])
)

#: An utterance of the synthetic corpus.
SYNTHETIC = (
    "_".join(
        next(iter(names))
        for names in (
            CORPORA["synthetic"].synthesis.voices,
            CORPORA["synthetic"].synthesis.sentences,
            CORPORA["synthetic"].synthesis.emotions,
        )
    )
    + ".wav"
)
#: Corpora whose names come from labels; other readers match names against a pattern.
BY_LABELS = ("nemo", "mosei", "mosei_csd", "table")

#: File names of each layout, and its additional file.
NAMES = {
    "emodb": ["wav/03a01Fa.wav", "wav/16b10Wb.wav"],
    "ravdess": ["Actor_12/03-01-06-01-02-01-12.wav", "a.wav"],
    "savee": ["AudioData/DC/a01.wav", "JE_sa12.wav"],
    "crema_d": ["AudioWAV/1001_DFA_ANG_XX.wav", "AudioWAV/1040_ITH_SAD_X.wav"],
    "vctk": ["wav48_silence_trimmed/p225/p225_001_mic1.flac", "wav48/p225/p225_002.wav", "wav48/s5/s5_003.wav"],
    "synthetic": [SYNTHETIC, f"{SYNTHETIC.removesuffix('.wav')}_x.wav", "_.wav"],
}
EXTRA = {
    "crema_d": ("VideoDemographics.csv", b"ActorID,Age,Sex\n1001,51,Male\n1040,30,Female\n"),
    "vctk": ("speaker-info.txt", b"ID AGE GENDER\np225  23  F  English\n225 23 M x\n"),
}


@st.composite
def damaged(draw, content: bytes) -> bytes:
    """Return content with bytes changed, removed, inserted or truncated."""
    changed = bytearray(content)
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.integers(0, max(0, len(changed) - 1)))
        match draw(st.sampled_from(["set", "cut", "put", "end"])):
            case "set":
                new = draw(st.binary(min_size=1, max_size=3))
                changed[place : place + len(new)] = new
            case "cut":
                del changed[place : place + draw(st.integers(1, 8))]
            case "put":
                changed[place:place] = draw(
                    st.sampled_from([b",", b"\n", b"\t", b'"', b"'", b"\0", b"\xff", b"\r"])
                )
            case "end":
                del changed[place:]
    return bytes(changed)


@st.composite
def renamed(draw, path: str) -> str:
    """Return a path with a part of its name changed."""
    if not draw(st.booleans()):
        return path
    start = draw(st.integers(0, len(path)))
    return path[:start] + draw(WORDS) + path[start + draw(st.integers(0, 3)) :]


def tables(columns, rows, delimiter=","):
    """Return a CSV of these columns with changed cells, lines or bytes."""
    cells = st.tuples(*(st.one_of(st.sampled_from(list(values)), CELLS) for values in zip(*rows, strict=True)))
    lines = st.lists(cells, min_size=1, max_size=3).map(
        lambda found: "\n".join(delimiter.join(line) for line in [columns, *found])
    )
    real = "\n".join(delimiter.join(line) for line in [columns, *rows]).encode()
    return st.one_of(
        lines.map(lambda text: text.encode("utf-8", "surrogatepass")), damaged(real), st.binary(max_size=60)
    )


def csd() -> bytes:
    content = io.BytesIO()
    with h5py.File(content, "w") as sequence:
        root = sequence.create_group("All Labels")
        root["data/video1/features"] = np.ones((2, 7), dtype=np.float32)
        root["data/video1/intervals"] = np.array([[0.0, 1.0], [1.0, 2.0]], dtype=np.float32)
    return content.getvalue()


SCORES = ("1.0", "0.5", "0", "0", "0", "0", "0")
LABELS = tables(
    ("video", "start_s", "end_s", "sentiment", "happy", "sad", "anger", "surprise", "disgust", "fear"),
    [("v1", "0.0", "1.5", *SCORES), ("v2", "1.5", "2.5", *SCORES)],
)
PYTHON = b"standard_train_fold = ['v1']\nstandard_valid_fold = ['v2']\nstandard_test_fold = ['v3']\n"
DIALOGUE = b"% header\n[6.2901 - 8.2357]\tSes01F_impro01_F000\tneu\t[2.5000, 2.5000, 2.5000]\nC-E2:\tneu;\n"
FILES = {
    "nemo": st.fixed_dictionaries(
        {
            "data.tsv": tables(
                ("file_id", "emotion", "raw_text", "speaker_id", "gender"),
                [
                    ("EB0_anger_1.wav", "anger", "tak", "EB0", "female"),
                    ("x.wav", "surprised", "nie", "03", "male"),
                ],
                "\t",
            )
        }
    ),
    "iemocap": st.dictionaries(
        renamed("Session1/dialog/EmoEvaluation/Ses01F_impro01.txt"), damaged(DIALOGUE), min_size=1, max_size=2
    ),
    "mosei": st.fixed_dictionaries(
        {},
        optional={
            "labels.csv": LABELS,
            "cmu_mosei_std_folds.py": damaged(PYTHON),
            "standard_folds.csv": tables(("video", "partition"), [("v1", "train"), ("v2", "test")]),
        },
    ),
    "mosei_csd": st.fixed_dictionaries({"x.csd": damaged(csd())}),
    "table": st.fixed_dictionaries(
        {
            "own.csv": tables(
                ("path", "who", "emotion", "start_s", "end_s", "utterance", "text"),
                [
                    ("a.wav", "03", "anger", "0.5", "1.5", "u1", "t"),
                    ("b/c.wav", "NA", "Neutral", "", "", "u2", ""),
                ],
            )
        }
    ),
} | {
    name: st.tuples(
        st.lists(st.sampled_from(paths).flatmap(renamed), min_size=1, max_size=3),
        damaged(EXTRA.get(name, ("", b""))[1]) | st.none(),
    ).map(
        lambda drawn, name=name: (
            dict.fromkeys(drawn[0], b"")
            | ({} if drawn[1] is None or name not in EXTRA else {EXTRA[name][0]: drawn[1]})
        )
    )
    for name, paths in NAMES.items()
}


@pytest.mark.parametrize("name", FILES)
@FUZZ
@given(data=st.data())
def test_a_corpus_is_read_or_rejected(tree, read_or_rejected, name, data):
    root = tree.write(data.draw(FILES[name]))
    corpus = CORPORA[name.removesuffix("_csd")]
    rows = read_or_rejected(lambda: read_corpus(root, corpus))
    if rows is not None:
        assert list(rows.columns) == list(READER_COLUMNS)
    if rows is not None and name in BY_LABELS:
        assert read_or_rejected(lambda: build_manifest(rows, root, corpus)) is None  # there is no audio


@FUZZ
@given(
    content=st.one_of(st.binary(max_size=200), st.text(alphabet="ab,;\"'\t\n\r=\0", max_size=60).map(str.encode)),
    delimiter=st.sampled_from(",\t"),
)
def test_random_bytes_are_a_table_or_rejected(tree, read_or_rejected, content, delimiter):
    root = tree.write({"a.csv": content})
    rows = read_or_rejected(lambda: read_rows(root / "a.csv", ["a"], delimiter=delimiter))
    assert rows is None or all("a" in cells for _, cells in rows)


@settings(FUZZ, max_examples=FUZZ.max_examples // 4)
@given(files=FILES["table"])
def test_errors_of_the_pipeline_are_faults_of_the_check(tree, read_or_rejected, sound, files):
    root = tree.write(files | {"a.wav": sound, "b/c.wav": sound[:-2]})
    corpus = CORPORA["table"]
    checked = read_or_rejected(lambda: check_corpus(root, corpus, min_s=0.0))
    manifest = read_or_rejected(lambda: build_manifest(read_corpus(root, corpus), root, corpus))
    faults = None if checked is None else [finding for finding in checked.findings if finding.is_fault]
    assert all(str(finding).isprintable() for finding in (checked.findings if checked else ()))
    if manifest is None:
        assert checked is None or faults
    else:
        # The check also finds the same audio with different labels, as the audit of the pipeline does.
        assert all("but a different" in finding.message for finding in faults)
        assert checked.utterances.equals(manifest.utterances)


@pytest.fixture(scope="module")
def sound() -> bytes:
    """A wav of two seconds of noise."""
    content = io.BytesIO()
    soundfile.write(content, np.random.default_rng(0).uniform(-0.5, 0.5, 4_000), 2_000, format="WAV")
    return content.getvalue()
