import numpy as np
import pytest
import torch

from emofactors.config.labels import CONDITIONS
from emofactors.features.archive import FeatureArchive
from emofactors.inference.reconstruction import reconstruct


@pytest.fixture
def reconstructed(decomposer, tmp_path):
    """Function that returns the archive of each condition."""

    def go(*, same_corpus=True):
        folder = tmp_path / "reconstructed"
        reconstruct(decomposer, folder, same_corpus=same_corpus)
        return {condition: FeatureArchive(folder / condition) for condition in CONDITIONS}

    return go


def test_every_condition_has_every_utterance_in_whole_segments(reconstructed):
    lengths = {"a1": 32, "a2": 64, "b1": 32, "b2": 96, "c1": 32, "c2": 64}
    for archive in reconstructed().values():
        assert archive.n_bins == 6
        assert {utterance: archive.n_frames(utterance) for utterance in archive.utterances} == lengths


def test_segments_without_factors_are_equal_and_with_the_speaker_alone_differ_by_speaker(reconstructed):
    archives = reconstructed()
    none, speaker = archives["none"], archives["speaker"]
    segments = [none[u][i : i + 32] for u in none.utterances for i in range(0, none.n_frames(u), 32)]
    assert len(segments) == 10
    assert all((segment == segments[0]).all() for segment in segments)
    assert (speaker["a1"] == speaker["a2"][:32]).all()
    assert (speaker["a1"] != speaker["b1"]).any()
    assert (speaker["c1"] == none["c1"]).all(), "an unseen speaker has the mean embedding"


def test_speakers_of_another_corpus_have_the_mean_embedding_whatever_their_names(reconstructed):
    archives = reconstructed(same_corpus=False)
    assert (archives["speaker"]["a1"] == archives["none"]["a1"]).all()


def test_each_condition_equals_the_reconstruction_of_its_factors(reconstructed, system, archive):
    archives = reconstructed()
    speech = torch.from_numpy(archive["b1"])[None]
    for condition in ("all", "content", "rhythm", "pitch", "content_rhythm", "content_pitch", "rhythm_pitch"):
        expected = system.reconstruct(speech, CONDITIONS[condition], torch.tensor([-1]))[0].detach().numpy()
        np.testing.assert_allclose(archives[condition]["b1"], expected, atol=1e-5)
    assert np.abs(archives["content"]["b1"] - archives["rhythm"]["b1"]).max() > 1e-4
