import json

import numpy as np
import pytest
import torch
from torch import nn

from emofactors.errors import InputError
from emofactors.inference.attention import attention_maps, shuffle_columns
from emofactors.systems.base import Output


class Listener(nn.Module):
    """Says class 1 if the first half is louder than the second, or, without order, if anything is loud."""

    min_frames = 1

    def __init__(self, *, hears_order):
        super().__init__()
        self.hears_order = hears_order

    def forward(self, batch):
        logits = []
        for frames, length in zip(batch.features, batch.n_frames, strict=True):
            loudness = frames[:length].double().sum(dim=1)
            early = loudness[: length // 2].sum() - loudness[length // 2 :].sum()
            score = early if self.hears_order else loudness.sum()
            logits.append(torch.stack([-score, score]))
        logits = torch.stack(logits).float()
        return Output(embedding=logits, logits=logits)


class Watcher(Listener):
    def class_attention(self, batch):
        inside = torch.arange(batch.features.shape[1]) < batch.n_frames[:, None]
        return inside / batch.n_frames[:, None]


def test_a_system_without_order_is_unmoved_by_shuffled_frames(dev):
    shuffle = shuffle_columns(Listener(hears_order=False), dev, 8, seed=0)
    assert shuffle.n_utterances == len(dev)
    assert shuffle.largest_logit_change <= 1e-6 * shuffle.largest_logit
    assert shuffle.changed_predictions == 0
    assert shuffle.ua == shuffle.ua_shuffled


def test_a_system_with_order_is_moved(dev):
    shuffle = shuffle_columns(Listener(hears_order=True), dev, 8, seed=0)
    assert shuffle.largest_logit_change > 0.1 * shuffle.largest_logit
    assert shuffle.changed_predictions > 0
    assert shuffle == shuffle_columns(Listener(hears_order=True), dev, 8, seed=0)
    assert shuffle != shuffle_columns(Listener(hears_order=True), dev, 8, seed=1)


def test_ua_is_left_out_where_a_class_is_not_tested(dev, tmp_path):
    index = np.flatnonzero(dev.emotion == 0)
    part = type(dev)(
        utterances=tuple(dev.utterances[i] for i in index),
        speakers=tuple(dev.speakers[i] for i in index),
        emotion=dev.emotion[index],
        frames=[dev.frames[i] for i in index],
        n_frames=dev.n_frames[index],
        device=dev.device,
    )
    shuffle = shuffle_columns(Listener(hears_order=True), part, 8, seed=0)
    shuffle.save(tmp_path / "column_shuffle.json")
    about = json.loads((tmp_path / "column_shuffle.json").read_text())
    assert about["ua"] is None
    assert about["n_utterances"] == len(index)


def test_attention_is_kept_for_the_first_utterance_of_each_class(dev, tmp_path):
    attention_maps(Watcher(hears_order=False), dev, ["calm", "anger"]).save(tmp_path / "attention.npz")
    kept = np.load(tmp_path / "attention.npz", allow_pickle=False)
    assert list(kept["utterance"]) == list(dev.utterances[:2])
    assert list(kept["emotion"]) == ["calm", "anger"]
    assert set(kept["prediction"]) <= {"calm", "anger"}
    np.testing.assert_allclose(kept["attention"].sum(axis=1), 1, rtol=1e-6)
    first = kept["image"][0, : kept["n_frames"][0]]
    np.testing.assert_array_equal(first, dev.frames[0])


def test_attention_of_a_system_without_class_token_is_refused(dev):
    with pytest.raises(InputError, match=r"Listener has no class token, expected one"):
        attention_maps(Listener(hears_order=True), dev, ["calm", "anger"])
