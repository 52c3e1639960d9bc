from pathlib import PurePosixPath

import numpy as np
import pandas as pd

from emofactors.corpora.manifest import (
    MANIFEST_COLUMNS,
    READER_COLUMNS,
    read_manifest,
    utterance_name,
    utterance_table,
    write_manifest,
)


def test_absent_columns_are_empty_and_absent_times_are_nan():
    row = {"path": "a.wav", "speaker": "03", "emotion": "anger"}
    table = utterance_table([row | {"utterance": "b"}, row | {"utterance": "a", "start_s": 1, "end_s": 2.5}])
    assert tuple(table.columns) == READER_COLUMNS
    assert table["utterance"].tolist() == ["a", "b"]
    assert table["session"].tolist() == ["", ""]
    np.testing.assert_array_equal(table["start_s"], [1.0, np.nan])


def test_a_default_name_is_the_path_and_the_start_of_a_segment():
    path = PurePosixPath("day1/anna.wav")
    assert utterance_name(path, None) == "day1_anna"
    assert utterance_name(path, 0.0) == "day1_anna_0000000"
    assert utterance_name(path, 12.3456) == "day1_anna_0012346"


def test_a_manifest_is_read_as_it_was_written(tmp_path):
    row = dict.fromkeys(MANIFEST_COLUMNS, "") | {"duration_s": 0.2, "sample_rate_hz": 16000}
    rows = [
        row
        | {"utterance": "a", "speaker": "03", "start_s": 0.0, "end_s": 1 / 3}
        | {"text": 'says "tak", żółw', "session": "NA", "partition": "valid"},
        row | {"utterance": "b", "speaker": "=08", "start_s": np.nan, "end_s": np.nan},
    ]
    written = pd.DataFrame(rows)[list(MANIFEST_COLUMNS)]
    write_manifest(written, tmp_path / "manifest.csv")
    content = (tmp_path / "manifest.csv").read_bytes()
    assert b"\r" not in content
    assert b",0.333333," in content
    read = read_manifest(tmp_path / "manifest.csv")
    pd.testing.assert_frame_equal(read, written.round(6), check_dtype=False)
