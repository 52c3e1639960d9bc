from dataclasses import replace

import numpy as np

from emofactors.training.outputs import model_outputs


def of(system, data, batch_size=8):
    return model_outputs(system, data, split="dev", batch_size=batch_size, precision="float32")


def test_rows_are_in_the_order_of_the_split_and_independent_of_batches(dev, fresh_system):
    system = fresh_system()
    outputs = of(system, dev)
    assert (outputs.split, outputs.utterances) == ("dev", dev.utterances)
    assert outputs.logits.shape == (20, 2)
    assert outputs.embedding.shape == (20, 16)
    for batch_size in (1, 20):
        other = of(system, dev, batch_size)
        np.testing.assert_allclose(other.logits, outputs.logits, atol=1e-5)
        np.testing.assert_allclose(other.embedding, outputs.embedding, atol=1e-5)


def test_the_system_is_in_evaluation_mode(dev, fresh_system):
    system = fresh_system().train()
    of(system, dev)
    assert not system.training


def test_segments_are_merged_to_utterances(dev, fresh_system):
    names = tuple(name for name in dev.utterances[:10] for _ in range(2))
    pairs = replace(dev, utterances=names, emotion=np.repeat(dev.emotion[:10], 2))
    outputs = of(fresh_system(), pairs)
    assert tuple(outputs.utterances) == dev.utterances[:10]
    assert outputs.emotion.tolist() == dev.emotion[:10].tolist()
    assert len(outputs.logits) == len(outputs.embedding) == 10
