import os
from collections.abc import Callable
from pathlib import Path

import pytest

from emofactors.config.corpora import CorpusConfig
from emofactors.corpora.build_manifest import build_manifest
from emofactors.corpora.readers import read_corpus
from emofactors.errors import InputError



def test_a_name_says_speaker_sentence_and_emotion(write_wavs, load_corpus):
    root = write_wavs(["wav/03a01Fa.wav", "wav/16b10Wb.wav"])
    rows = read_corpus(root, load_corpus("emodb"))
    assert rows["utterance"].tolist() == ["03a01Fa", "16b10Wb"]
    assert rows["path"].tolist() == ["wav/03a01Fa.wav", "wav/16b10Wb.wav"]
    assert rows["speaker"].tolist() == ["03", "16"]
    assert rows["gender"].tolist() == ["male", "female"]
    assert rows["text"].tolist() == ["a01", "b10"]
    assert rows["emotion"].tolist() == ["happiness", "anger"]
    assert set(rows["style"]) == {"acted"}


def test_names_that_do_not_fit_are_named_at_once(write_wavs, load_corpus):
    root = write_wavs(["wav/03a01Fa.wav", "wav/03a01Xa.wav", "wav/noise.wav"])
    with pytest.raises(InputError) as caught:
        read_corpus(root, load_corpus("emodb"))
    lines = str(caught.value).splitlines()
    assert len(lines) == 2
    assert "03a01Xa.wav" in lines[0]
    assert "noise.wav" in lines[1]


def test_a_missing_folder_is_said(tmp_path, load_corpus):
    with pytest.raises(InputError, match=r"wav: has no wav file, expected those of EmoDB"):
        read_corpus(tmp_path, load_corpus("emodb"))


@pytest.mark.skipif("EMOFACTORS_CORPORA" not in os.environ, reason="EMOFACTORS_CORPORA names no folder of corpora")
def test_the_real_corpus_is_whole(load_corpus):
    root = Path(os.environ["EMOFACTORS_CORPORA"]) / "emodb"
    manifest = build_manifest(read_corpus(root, load_corpus("emodb")), root, load_corpus("emodb"))
    assert manifest.whole is True
    assert manifest.dropped == ()
    assert len(manifest.utterances) == 535
    assert set(manifest.utterances["sample_rate_hz"]) == {16000}
    assert manifest.utterances["text"].nunique() == 10
    # The published range of durations.
    assert manifest.utterances["duration_s"].min() == pytest.approx(1.23, abs=0.01)
    assert manifest.utterances["duration_s"].max() == pytest.approx(8.98, abs=0.01)
