"""Tests of the choice of a reader, and of faults common to all readers."""

from typing import get_args

import pytest

from emofactors.config.corpora import CORPUS_SECTIONS, Layout, TableCorpus
from emofactors.corpora.manifest import READER_COLUMNS
from emofactors.corpora.readers import read_corpus
from emofactors.errors import InputError

MISSING = {
    "emodb": "wav: has no wav file, expected the files of EmoDB",
    "nemo": "data.tsv: cannot be read, expected a table with columns file_id",
    "ravdess": "has no wav file, expected Actor_01/ to Actor_24/ of RAVDESS",
    "savee": "has no wav file, expected AudioData/DC/a01.wav or DC_a01.wav of SAVEE",
    "crema_d": "AudioWAV: has no wav file, expected the files of CREMA-D",
    "iemocap": "has no session, expected Session1/ to Session5/ of IEMOCAP",
    "mosei": "has label files [], expected one file of CMU-MOSEI",
    "vctk": "has audio of no version of VCTK, expected wav48_silence_trimmed/",
    "synthetic": "has no wav file, expected the files of Synthetic",
}


def test_every_published_reader_is_covered():
    assert {*get_args(Layout), "synthetic"} == set(MISSING) == set(CORPUS_SECTIONS) - {"table", "audformat"}


@pytest.mark.parametrize("name", MISSING)
def test_an_empty_folder_is_one_line_with_the_expected_files(tmp_path, load_corpus, name):
    with pytest.raises(InputError) as caught:
        read_corpus(tmp_path / name, load_corpus(name))
    (line,) = str(caught.value).splitlines()
    assert line.startswith(f"{tmp_path / name}")
    assert MISSING[name] in line


def test_a_table_is_read_by_its_reader(tmp_path):
    (tmp_path / "own.csv").write_text("path,speaker,emotion\na.wav,s,anger\n", encoding="utf-8")
    corpus = TableCorpus(reader="table", folder="own", title="Own", file="own.csv")
    assert tuple(read_corpus(tmp_path, corpus).columns) == READER_COLUMNS
