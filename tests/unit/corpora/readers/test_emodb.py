import os
from pathlib import Path

import pytest

from emofactors.corpora.build_manifest import build_manifest
from emofactors.corpora.readers import read_corpus
from emofactors.errors import InputError


def test_file_names_hold_speaker_sentence_and_emotion(write_wavs, load_corpus):
    root = write_wavs(["wav/03a01Fa.wav", "wav/16b10Wb.wav"])
    rows = read_corpus(root, load_corpus("emodb"))
    assert rows["utterance"].tolist() == ["03a01Fa", "16b10Wb"]
    assert rows["path"].tolist() == ["wav/03a01Fa.wav", "wav/16b10Wb.wav"]
    assert rows["speaker"].tolist() == ["03", "16"]
    assert rows["gender"].tolist() == ["male", "female"]
    assert rows["text"].tolist() == ["a01", "b10"]
    assert rows["emotion"].tolist() == ["happiness", "anger"]
    assert set(rows["style"]) == {"acted"}


def test_all_invalid_names_are_listed(write_wavs, load_corpus):
    root = write_wavs(["wav/03a01Fa.wav", "wav/03a01Xa.wav", "wav/noise.wav"])
    with pytest.raises(InputError) as caught:
        read_corpus(root, load_corpus("emodb"))
    names = [Path(line.split(": ")[0]).name for line in str(caught.value).splitlines()]
    assert names == ["03a01Xa.wav", "noise.wav"]


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
