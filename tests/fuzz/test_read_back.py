"""Fuzz tests of files between jobs: damaged files are read or rejected."""

import io
import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emofactors.corpora.manifest import MANIFEST_COLUMNS, read_manifest
from emofactors.corpora.splits import FOLD_COLUMNS, read_fold, read_folds
from emofactors.evaluation.code_information import read_codes
from emofactors.evaluation.embedding_probes import read_embeddings
from emofactors.evaluation.scores import read_confusion, read_predictions, read_probes
from emofactors.evaluation.true_factors import FACTORS, read_factors
from emofactors.features.archive import FeatureArchive
from emofactors.io.csv import csv_text
from emofactors.io.json import read_json
from emofactors.io.npz import read_npz
from emofactors.report.tables.tidy import COLUMNS, read_tidy

FUZZ = settings.get_profile("fuzz")

#: Cells of damaged or malicious tables.
CELLS = st.one_of(
    st.sampled_from(
        ["", "0", "1", "-1", "0.5", "nan", "inf", "1e999", "9" * 30, "train", "anger", '"', ",", "\n", "'=1", "=1"]
    ),
    st.text(max_size=8),
)


def table_of(columns, rows) -> bytes:
    return csv_text(pd.DataFrame(rows, columns=list(columns))).encode()


TABLES = {
    "manifest": (
        read_manifest,
        table_of(
            MANIFEST_COLUMNS,
            [["a", "a.wav", 0.0, 1.0, 1.0, 16000, "03", "female", "", "", "", "en", "t", "anger", "0f"]] * 2,
        ),
    ),
    "folds": (
        read_folds,
        table_of(FOLD_COLUMNS, [["a", "a", "03", "anger", 0, "train"], ["b", "b", "04", "anger", 0, "test"]]),
    ),
    "fold": (
        lambda path: read_fold(path, 0),
        table_of(FOLD_COLUMNS, [["a", "a", "03", "anger", 0, "train"], ["b", "b", "04", "anger", 1, "test"]]),
    ),
    "predictions": (
        read_predictions,
        table_of(
            ["utterance", "speaker", "split", "truth", "prediction", "p_anger"],
            [["a", "03", "test", "anger", "anger", 1.0]],
        ),
    ),
    "confusion": (
        read_confusion,
        table_of(["seed", "speaker", "truth", "prediction", "count"], [[0, "03", "anger", "anger", 3]]),
    ),
    "probes": (
        read_probes,
        table_of(
            ["probe", "fold", "seed", "speaker", "truth", "prediction", "count"],
            [["speaker_linear", 0, 0, "03", "03", "04", 2]],
        ),
    ),
    "factors": (read_factors, table_of(["utterance", *FACTORS.values()], [["a", "s1", "v1", 120.0, 3.0]])),
    "tidy": (
        read_tidy,
        table_of(
            COLUMNS,
            [
                [
                    *("t", "r", "c", "ua", 1.0, 0.5, 1.5, 0.2, 0.1, 4.2, 3, 1, 10, 2, "p"),
                    *(None, None, None, "", "v", "", "x", 25.0),
                ]
            ],
        ),
    ),
    "index": (
        lambda path: FeatureArchive(path.parent),
        table_of(
            ["utterance", "shard", "offset", "n_frames"],
            [["a", "shard000.npy", 0, 2], ["b", "shard000.npy", 2, 3]],
        ),
    ),
}


def shard() -> bytes:
    content = io.BytesIO()
    np.save(content, np.zeros((5, 2), dtype=np.float32))
    return content.getvalue()


@st.composite
def damaged(draw, content: bytes) -> bytes:
    """Return content with bytes changed, removed, inserted or truncated."""
    changed = bytearray(content)
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, max(0, len(changed) - 1)))
        match draw(st.sampled_from(["set", "cut", "put", "end"])):
            case "set":
                new = draw(st.binary(min_size=1, max_size=4))
                changed[place : place + len(new)] = new
            case "cut":
                del changed[place : place + draw(st.integers(1, 16))]
            case "put":
                changed[place:place] = draw(
                    st.sampled_from([b",", b"\n", b'"', b"'", b"\0", b"\xff", b"\r", b"-1", b"nan"])
                )
            case "end":
                del changed[place:]
    return bytes(changed)


@st.composite
def other_cells(draw, content: bytes) -> bytes:
    """Return a table with changed cells, columns and lines."""
    lines = [line.split(",") for line in content.decode().splitlines()]
    for _ in range(draw(st.integers(1, 4))):
        line = draw(st.sampled_from(lines))
        place = draw(st.integers(0, len(line) - 1)) if line else 0
        match draw(st.sampled_from(["cell", "cell", "drop", "add"])):
            case "cell" if line:
                line[place] = draw(CELLS)
            case "drop" if line:
                del line[place]
            case _:
                line.insert(place, draw(CELLS))
    return ("\n".join(",".join(line) for line in lines) + "\n").encode("utf-8", "surrogatepass")


@pytest.mark.parametrize("kind", TABLES)
@FUZZ
@given(data=st.data())
def test_a_damaged_table_is_read_or_rejected(tree, read_or_rejected, kind, data):
    read, content = TABLES[kind]
    content = data.draw(st.one_of(damaged(content), other_cells(content), st.binary(max_size=100)))
    name = (
        "x/fold0/seed0/predictions.csv" if kind == "predictions" else "index.csv" if kind == "index" else "a.csv"
    )
    root = tree.write({name: content, "shard000.npy": shard()})
    read_or_rejected(lambda: read(root / name))


@FUZZ
@given(content=st.one_of(damaged(shard()), st.binary(max_size=100)))
def test_a_damaged_shard_is_read_or_rejected(tree, read_or_rejected, content):
    root = tree.write({"index.csv": TABLES["index"][1], "shard000.npy": content})
    read_or_rejected(lambda: FeatureArchive(root)["a"])


def archive(**arrays) -> bytes:
    content = io.BytesIO()
    np.savez(content, **arrays)
    return content.getvalue()


NAMES = np.array(["a", "b"])
EMBEDDINGS = archive(
    embedding=np.eye(2, dtype=np.float32), utterance=NAMES, split=NAMES, emotion=NAMES, speaker=NAMES
)
CODES = archive(
    **{name: np.ones((3, 2), dtype=np.float32) for name in ("spectrogram", "content", "rhythm", "pitch")},
    **{"utterance": np.array([0, 0, 1]), "utterances": NAMES, "speakers": NAMES, "splits": NAMES},
)
ARCHIVES = {
    "embeddings": (read_embeddings, EMBEDDINGS),
    "codes": (read_codes, CODES),
    "arrays": (lambda path: read_npz(path, "arrays", ["embedding"]), EMBEDDINGS),
}


@pytest.mark.parametrize("kind", ARCHIVES)
@FUZZ
@given(data=st.data())
def test_a_damaged_archive_is_read_or_rejected(tree, read_or_rejected, kind, data):
    read, content = ARCHIVES[kind]
    root = tree.write({"a.npz": data.draw(st.one_of(damaged(content), st.binary(max_size=100)))})
    read_or_rejected(lambda: read(root / "a.npz"))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@FUZZ
@given(
    content=st.one_of(
        st.binary(max_size=100),
        JSON.map(lambda value: json.dumps(value).encode()),
        damaged(
            json.dumps({"title": "ä", "utterances": 3, "dropped": [["a", "is silent"]], "whole": None}).encode()
        ),
    )
)
def test_damaged_json_is_read_or_rejected(tree, read_or_rejected, content):
    root = tree.write({"a.json": content})
    read_or_rejected(lambda: read_json(root / "a.json", "metadata", ["title"]))
