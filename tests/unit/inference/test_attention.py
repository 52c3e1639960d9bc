import json

import numpy as np
import pytest
import torch
from torch import nn

from emofactors.errors import InputError
from emofactors.inference.attention import attention_maps, shuffle_columns
from emofactors.systems.base import Output


class Loudness(nn.Module):
    """Predicts class 1 if the first half is louder than the second or, without order, if the sum is positive."""

    min_frames = 1

    def __init__(self, *, uses_order):
        super().__init__()
        self.uses_order = uses_order

    def forward(self, batch):
        assert not self.training
        logits = []
        for frames, length in zip(batch.features, batch.n_frames, strict=True):
            loudness = frames[:length].double().sum(dim=1)
            difference = loudness[: length // 2].sum() - loudness[length // 2 :].sum()
            score = difference if self.uses_order else loudness.sum()
            logits.append(torch.stack([-score, score]))
        logits = torch.stack(logits).float()
        return Output(embedding=logits, logits=logits)


class UniformAttention(Loudness):
    def class_attention(self, batch):
        inside = torch.arange(batch.features.shape[1]) < batch.n_frames[:, None]
        return inside / batch.n_frames[:, None]


def test_shuffled_frames_change_no_output_of_a_system_without_order(dev):
    shuffle = shuffle_columns(Loudness(uses_order=False), dev, 8, seed=0)
    assert shuffle.n_utterances == len(dev)
    assert shuffle.largest_logit_change <= 1e-6 * shuffle.largest_logit
    assert shuffle.changed_predictions == 0
    assert shuffle.ua == shuffle.ua_shuffled


def test_shuffled_frames_change_outputs_of_a_system_with_order_by_the_seed(dev):
    shuffle, again, other = (shuffle_columns(Loudness(uses_order=True), dev, 8, seed=seed) for seed in (0, 0, 1))
    assert shuffle.largest_logit_change > 0.1 * shuffle.largest_logit
    assert shuffle.changed_predictions > 0
    assert shuffle == again
    assert shuffle != other


def test_ua_is_null_if_a_class_has_no_test_utterance(dev, tmp_path):
    index = np.flatnonzero(dev.emotion == 0)
    part = type(dev)(
        utterances=tuple(dev.utterances[i] for i in index),
        speakers=tuple(dev.speakers[i] for i in index),
        emotion=dev.emotion[index],
        frames=[dev.frames[i] for i in index],
        n_frames=dev.n_frames[index],
        device=dev.device,
    )
    shuffle = shuffle_columns(Loudness(uses_order=True), part, 8, seed=0)
    shuffle.save(tmp_path / "column_shuffle.json")
    content = json.loads((tmp_path / "column_shuffle.json").read_text())
    assert content["ua"] is content["ua_shuffled"] is None
    assert content["n_utterances"] == len(index)


def test_attention_maps_have_the_first_utterance_of_each_class(dev, tmp_path):
    attention_maps(UniformAttention(uses_order=False), dev, ["calm", "anger"]).save(tmp_path / "attention.npz")
    maps = np.load(tmp_path / "attention.npz", allow_pickle=False)
    assert list(maps["utterance"]) == list(dev.utterances[:2])
    assert list(maps["emotion"]) == ["calm", "anger"]
    assert set(maps["prediction"]) <= {"calm", "anger"}
    np.testing.assert_allclose(maps["attention"].sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_array_equal(maps["image"][0, : maps["n_frames"][0]], dev.frames[0])


def test_a_system_without_class_token_is_refused(dev):
    with pytest.raises(InputError, match=r"Loudness has no class token, expected one"):
        attention_maps(Loudness(uses_order=True), dev, ["calm", "anger"])
