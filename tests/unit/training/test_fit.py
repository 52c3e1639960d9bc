import errno
import os
import signal
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from emofactors.features.archive import ArchiveWriter, FeatureArchive
from emofactors.inference.predict import predict
from emofactors.systems import build_system
from emofactors.systems.base import TrainingData
from emofactors.training.checkpoint import Checkpoint
from emofactors.training.dataset import SplitData, load_split, shuffled_batches
from emofactors.training.fit import fit, infer, run_key

ARGUMENTS = {
    "cnn_bigru": {
        **{"conv_channels": [4, 4], "conv_kernel_sizes": [3, 3], "conv_strides": [2, 1], "conv_pools": [1, 2]},
        **{"gru_units": 4, "embedding_dim": 4, "center_lambda": 0.3, "center_alpha": 0.5, "warm_up_steps": 3},
        "class_weight_offset": 0.5,
    },
    "factor_classifier": {
        **{"delta_window": 2, "conv_channels": [4, 4], "conv_kernel_size": [5, 3], "pool_size": [2, 4]},
        **{"leaky_slope": 0.01, "linear_units": 6, "lstm_units": 4, "attention_units": 1, "embedding_dim": 4},
        "class_weighted": True,
    },
}


def rows_of(split, chosen):
    """Some rows of a split."""
    return replace(
        split,
        utterances=tuple(np.array(split.utterances)[chosen]),
        speakers=tuple(np.array(split.speakers)[chosen]),
        emotion=split.emotion[chosen],
        frames=[split.frames[i] for i in np.arange(len(split))[chosen]],
        n_frames=split.n_frames[chosen],
    )


class StoppingCheckpoint(Checkpoint):
    """Ends the training by a signal at one step, as a scheduler or a user would."""

    def __init__(self, path, at_step, by=signal.SIGTERM):
        super().__init__(path, interval_s=1e9)
        self.left = at_step
        self.by = by

    def offer(self, state):
        if self.left == 0:
            signal.raise_signal(self.by)
        self.left -= 1
        super().offer(state)


class KilledError(Exception):
    """Stands for SIGKILL: nothing is written on the way out."""


class KillingCheckpoint(Checkpoint):
    def __init__(self, path, at_step, interval_s):
        super().__init__(path, interval_s)
        self.left = at_step

    def offer(self, state):
        super().offer(state)
        if self.left == 0:
            raise KilledError
        self.left -= 1


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def fitted(tmp_path, train, dev, run, fresh_system):
    def go(checkpoint=None, seed=0, run=run, dev=dev):
        checkpoint = checkpoint or Checkpoint(tmp_path / "unused.pt")
        return fit(fresh_system(seed), train, dev, run, seed=seed, precision="float32", checkpoint=checkpoint)

    return go


def assert_same(a, b):
    assert a.history == b.history
    assert a.best_step == b.best_step
    for name, tensor in a.system.state_dict().items():
        assert torch.equal(tensor, b.system.state_dict()[name]), name


def test_it_learns(fitted, dev):
    trained = fitted()
    logits, _ = infer(trained.system, dev, 8, "float32")
    assert (logits.argmax(axis=1) == dev.emotion).mean() > 0.9


def test_it_learns_in_bfloat16_too(tmp_path, train, dev, run, fresh_system):
    checkpoint = Checkpoint(tmp_path / "unused.pt")
    trained = fit(fresh_system(), train, dev, run, seed=0, precision="bfloat16", checkpoint=checkpoint)
    logits, _ = infer(trained.system, dev, 8, "bfloat16")
    assert (logits.argmax(axis=1) == dev.emotion).mean() > 0.9
    assert all(p.dtype == torch.float32 for p in trained.system.parameters())


def test_same_seed_same_bits_other_seed_other(fitted):
    first = fitted()
    assert_same(first, fitted())
    assert first.history != fitted(seed=1).history


def test_a_part_with_a_factor_learns_at_its_own_rate(tmp_path, train, dev, run, fresh_system):
    """A factor so small that the part stays where it was, while the others move as ever."""
    named = [name for name, _ in fresh_system().named_parameters()]
    part = named[0]
    slowed = fresh_system()
    slowed.learning_rate_factors = {part: 1e-30}
    one_step = run.model_copy(
        update={"max_steps": 1, "max_epochs": None, "select": "last", "select_after_step": 0}
    )
    moved = {}
    for name, system in (("plain", fresh_system()), ("slowed", slowed)):
        before = {key: tensor.clone() for key, tensor in system.named_parameters()}
        fit(system, train, dev, one_step, seed=0, precision="float32", checkpoint=Checkpoint(tmp_path / name))
        moved[name] = {key: tensor - before[key] for key, tensor in system.named_parameters()}
    assert moved["plain"][part].abs().max() > 0
    assert moved["slowed"][part].abs().max() == 0
    for other in named[1:]:
        if not other.startswith(part):
            assert torch.equal(moved["plain"][other], moved["slowed"][other])


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("at_step", [1, 6, 7, 23])
def test_resume_after_a_signal_is_bit_equal(tmp_path, fitted, at_step, by):
    path = tmp_path / "state.pt"
    with pytest.raises(SystemExit) as ended:
        fitted(StoppingCheckpoint(path, at_step, by))
    assert ended.value.code == 128 + by
    resumed = fitted(Checkpoint(path))
    assert resumed.resumed_at_step == at_step
    assert_same(fitted(), resumed)


def from_archive(split, folder, *, stream):
    """The same split, its frames in an archive."""
    if not folder.exists():
        with ArchiveWriter(folder, 16) as archive:
            for utterance, frames in zip(split.utterances, split.frames, strict=True):
                archive.add(utterance, frames.numpy())
    emotion = [["calm", "anger"][i] for i in split.emotion]
    rows = pd.DataFrame({"utterance": split.utterances, "speaker": split.speakers, "emotion": emotion})
    return load_split(
        rows,
        ["calm", "anger"],
        FeatureArchive(folder),
        None,
        training_speakers=["s0", "s1", "s2"],
        max_frames=None,
        device=torch.device("cpu"),
        stream=stream,
    )


@pytest.mark.parametrize("first", ["held", "streamed"])
def test_a_training_goes_on_in_the_other_form_bit_by_bit(tmp_path, train, dev, run, fresh_system, first):
    forms = {
        form: [
            from_archive(train, tmp_path / "train", stream=form == "streamed"),
            from_archive(dev, tmp_path / "dev", stream=form == "streamed"),
        ]
        for form in ("held", "streamed")
    }
    (second,) = forms.keys() - {first}

    def fitted(form, checkpoint):
        return fit(fresh_system(), *forms[form], run, seed=0, precision="float32", checkpoint=checkpoint)

    keys = {run_key({}, "code", fresh_system(), *splits) for splits in forms.values()}
    assert len(keys) == 1
    with pytest.raises(SystemExit):
        fitted(first, StoppingCheckpoint(tmp_path / "state.pt", 17))
    resumed = fitted(second, Checkpoint(tmp_path / "state.pt"))
    assert resumed.resumed_at_step == 17
    assert_same(fitted(first, Checkpoint(tmp_path / "unused.pt")), resumed)
    heard = [infer(resumed.system, forms[form][1], 8, "float32") for form in (first, second)]
    for ours, theirs in zip(*heard, strict=True):
        assert np.array_equal(ours, theirs)


@pytest.mark.parametrize("interval_s", [0.0, 1e9])
def test_resume_after_a_kill_is_bit_equal(tmp_path, fitted, interval_s):
    path = tmp_path / "state.pt"
    with pytest.raises(KilledError):
        fitted(KillingCheckpoint(path, at_step=17, interval_s=interval_s))
    assert path.exists() == (interval_s == 0.0)
    assert_same(fitted(), fitted(Checkpoint(path)))


def test_the_generator_of_the_gpu_in_use_goes_on_on_whichever_is_leased_next(tmp_path, fitted, monkeypatch):
    restored = []
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_rng_state", lambda: torch.tensor([7], dtype=torch.uint8))
    monkeypatch.setattr(torch.cuda, "set_rng_state", restored.append)
    with pytest.raises(SystemExit):
        fitted(StoppingCheckpoint(tmp_path / "state.pt", at_step=7))
    assert restored == []
    fitted(Checkpoint(tmp_path / "state.pt"))
    assert [state.tolist() for state in restored] == [[7]]


def test_a_damaged_checkpoint_starts_anew(tmp_path, fitted):
    path = tmp_path / "state.pt"
    with pytest.raises(SystemExit):
        fitted(StoppingCheckpoint(path, 5))
    path.write_bytes(path.read_bytes()[:1000])
    resumed = fitted(Checkpoint(path))
    assert resumed.resumed_at_step == 0
    assert_same(fitted(), resumed)


def test_a_training_goes_on_when_there_is_no_room_for_its_checkpoint(tmp_path, monkeypatch, caplog, fitted):
    def full(file):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    undisturbed = fitted()
    assert_same(undisturbed, fitted(Checkpoint(tmp_path / "state.pt", interval_s=0.0)))
    assert "cannot be written (No space left on device): going on without" in caplog.text
    assert list(tmp_path.iterdir()) == []


def test_a_checkpoint_leaves_no_temporary_file_and_is_removed(tmp_path, fitted):
    path = tmp_path / "state.pt"
    with pytest.raises(SystemExit):
        fitted(StoppingCheckpoint(path, 5))
    assert [file.name for file in tmp_path.iterdir()] == ["state.pt"]
    Checkpoint(path).remove()
    assert list(tmp_path.iterdir()) == []


def test_what_a_kill_left_half_written_goes_with_the_checkpoint(tmp_path, monkeypatch):
    path = tmp_path / "state.pt"
    with monkeypatch.context() as killed:
        killed.setattr(Path, "replace", lambda self, target: None)
        killed.setattr(Path, "unlink", lambda self, missing_ok: None)
        Checkpoint(path, interval_s=0.0).offer(dict)
    assert not path.exists()
    assert len(list(tmp_path.iterdir())) == 1

    Checkpoint(path).remove()
    assert list(tmp_path.iterdir()) == []


def test_the_best_evaluation_on_dev_is_kept(fitted, dev):
    trained = fitted()
    best = max(trained.history, key=lambda row: row["dev_ua"])
    assert trained.best_step == best["step"]
    logits, _ = infer(trained.system, dev, 8, "float32")
    recalls = [(logits.argmax(axis=1)[dev.emotion == c] == c).mean() for c in (0, 1)]
    assert np.mean(recalls) == pytest.approx(best["dev_ua"])


def test_an_early_evaluation_is_never_selected(fitted, run):
    trained = fitted(run=run.model_copy(update={"select_after_step": 30}))
    assert trained.best_step > 30


def test_evaluations_come_as_often_as_said(fitted, run):
    every_seven_steps = [7, 14, 21, 28, 35, 40]
    history = fitted(run=run.model_copy(update={"evaluate_every_steps": 7})).history
    assert [row["step"] for row in history] == every_seven_steps
    once_an_epoch = [7, 14, 21, 28, 35, 40]  # 50 utterances in batches of 8
    assert [row["step"] for row in fitted().history] == once_an_epoch


def test_patience_ends_a_training_that_gets_no_better(fitted, run):
    trained = fitted(run=run.model_copy(update={"patience": 2, "evaluate_every_steps": 1, "max_steps": 400}))
    assert trained.steps < 400


def test_every_loss_has_its_column(tmp_path, fitted):
    trained = fitted()
    trained.save(tmp_path / "model.safetensors", tmp_path / "history.csv")
    history = pd.read_csv(tmp_path / "history.csv")
    assert list(history.columns) == ["epoch", "step", "cross_entropy", "center", "dev_ua", "dev_wa"]


def test_without_dev_the_last_weights_are_kept(fitted, dev):
    trained = fitted(dev=rows_of(dev, np.zeros(len(dev), dtype=bool)))
    assert trained.best_step == 40
    assert "dev_ua" not in trained.history[0]


def test_a_training_that_diverges_says_so(fitted, run):
    with pytest.raises(FloatingPointError, match="diverged"):
        fitted(run=run.model_copy(update={"learning_rate": 1e30}))


def test_key_follows_settings_code_first_weights_data_and_teacher(train, dev, fresh_system):
    def key(settings=1, code="c", system=None, train=train, dev=dev):
        return run_key([settings], code, system or fresh_system(), train, dev)

    taught = replace(train, teacher_embedding=torch.ones(len(train), 4))
    others = [
        key(settings=2),
        key(code="d"),
        key(system=fresh_system(1)),
        key(train=dev, dev=train),
        key(train=taught),
    ]
    assert key() == key()
    assert len({key(), *others}) == 6


def test_epochs_are_counted_in_batches(fitted, run, train):
    by_epochs = run.model_copy(update={"max_steps": None, "max_epochs": 3})
    trained = fitted(run=by_epochs)
    assert trained.steps == 3 * -(-len(train) // run.batch_size)
    assert [row["epoch"] for row in trained.history] == [1, 2, 3]
    assert_same(trained, fitted(run=run.model_copy(update={"max_steps": trained.steps})))


def test_the_last_weights_are_kept_where_the_run_says_so_and_dev_is_not_heard(fitted, run, dev):
    last = fitted(run=run.model_copy(update={"select": "last"}))
    assert last.best_step == last.steps == run.max_steps
    assert "dev_ua" not in last.history[-1]
    no_dev = rows_of(dev, np.zeros(len(dev), dtype=bool))
    assert_same(last, fitted(dev=no_dev))


def test_weight_decay_shrinks_the_weights(fitted, run):
    def norm(weight_decay):
        settings = {"weight_decay": weight_decay, "select": "last"}
        state = fitted(run=run.model_copy(update=settings)).system.state_dict()
        return sum(float(t.square().sum()) for name, t in state.items() if name.endswith("weight"))

    assert norm(3.0) < norm(0.0)


def test_without_weight_decay_it_is_adam(fitted, run, train, fresh_system):
    system = fresh_system()
    optimiser = torch.optim.Adam(system.parameters(), lr=run.learning_rate)
    for step in range(5):
        chosen = shuffled_batches(train.n_frames, run.batch_size, pool_batches=run.pool_batches, seed=0, epoch=0)
        batch = train.batch(chosen[step], system.min_frames)
        output = system(batch)
        optimiser.zero_grad()
        sum(system.losses(output, batch).values()).backward()
        optimiser.step()
        system.after_step(output, batch)
    trained = fitted(run=run.model_copy(update={"max_steps": 5, "select": "last"}))
    for name, tensor in trained.system.state_dict().items():
        assert torch.equal(tensor, system.state_dict()[name]), name


def test_dev_split_may_lack_a_class(fitted, dev):
    trained = fitted(dev=rows_of(dev, dev.emotion == 0))
    assert 0 <= trained.history[0]["dev_ua"] <= 1


def test_dev_is_scored_by_utterance_where_rows_are_segments(fitted, dev):
    """Each dev utterance twice in a row, as two segments that are alike: scored as once."""
    twice = np.repeat(np.arange(len(dev)), 2)
    assert fitted(dev=rows_of(dev, twice)).history == fitted().history


def test_an_utterance_with_many_segments_weighs_no_more_on_dev(tmp_path, train, dev, run, fresh_system):
    trained = fit(
        fresh_system(), train, dev, run, seed=0, precision="float32", checkpoint=Checkpoint(tmp_path / "a")
    )
    logits, _ = infer(trained.system, dev, 8, "float32")
    n_segments = np.where(logits.argmax(axis=1) == dev.emotion, 1, 5)  # of what is recognised wrongly
    repeated = rows_of(dev, np.repeat(np.arange(len(dev)), n_segments))
    again = fit(
        fresh_system(), train, repeated, run, seed=0, precision="float32", checkpoint=Checkpoint(tmp_path / "b")
    )
    assert again.history[-1] == trained.history[-1]


@dataclass(frozen=True)
class Opaque:
    """The output of a system that knows no emotions."""

    guess: torch.Tensor


class Decomposer(nn.Module):
    """Learns the mean of the first feature; has losses on dev."""

    min_frames = 1

    def __init__(self):
        super().__init__()
        self.mean = nn.Parameter(torch.zeros(()))

    def forward(self, batch):
        return Opaque(self.mean.expand(len(batch.features)))

    def losses(self, output, batch):
        mean = batch.features[:, :, 0].sum(dim=1) / batch.n_frames
        return {"mel": (output.guess - mean).square().mean()}

    def dev_losses(self, batch):
        assert not self.training
        assert not torch.is_grad_enabled()
        return self.losses(self(batch), batch)

    def after_step(self, output, batch):
        assert self.training


def test_a_system_without_logits_is_trained_and_says_what_it_loses_on_dev(tmp_path, train, dev, run):
    system = Decomposer()
    settings = run.model_copy(update={"select": "last"})
    trained = fit(
        system, train, dev, settings, seed=0, precision="float32", checkpoint=Checkpoint(tmp_path / "c.pt")
    )
    assert trained.best_step == run.max_steps
    assert list(trained.history[-1]) == ["epoch", "step", "mel", "dev_mel"]
    assert len(trained.history) == 6
    means = [frames[:, 0].mean() for frames in dev.frames]
    expected = np.mean([(system.mean.item() - mean.item()) ** 2 for mean in means])
    assert trained.history[-1]["dev_mel"] == pytest.approx(expected, rel=1e-5)


def test_without_dev_rows_there_is_nothing_to_lose_on(tmp_path, train, dev, run):
    empty = rows_of(dev, np.zeros(len(dev), dtype=bool))
    settings = run.model_copy(update={"select": "last"})
    checkpoint = Checkpoint(tmp_path / "c.pt")
    trained = fit(Decomposer(), train, empty, settings, seed=0, precision="float32", checkpoint=checkpoint)
    assert list(trained.history[-1]) == ["epoch", "step", "mel"]


@pytest.mark.parametrize("name", ["cnn_bigru", "factor_classifier"])
def test_judges_that_hear_always_the_same_say_always_the_same(tmp_path, run, name):
    """Of speech without any factor nothing is left to tell utterances by: not their lengths, nor their batches."""
    generator = np.random.default_rng(0)
    segment = generator.normal(size=(24, 16)).astype(np.float32)

    def constant_split(n_segments, seed):
        names = tuple(f"u{seed}_{i}" for i, n in enumerate(n_segments) for _ in range(n))
        n = len(names)
        return SplitData(
            utterances=names,
            speakers=("s",) * n,
            emotion=np.repeat(np.arange(len(n_segments)) % 2, n_segments),
            frames=[torch.from_numpy(segment)] * n,
            n_frames=np.full(n, 24),
            device=torch.device("cpu"),
        )

    torch.manual_seed(0)
    train = constant_split(generator.integers(1, 4, size=30), 1)
    system = build_system(name, ARGUMENTS[name], TrainingData(16, tuple(np.bincount(train.emotion)), n_frames=24))
    dev = constant_split(generator.integers(1, 6, size=17), 2)
    trained = fit(system, train, dev, run, seed=0, precision="float32", checkpoint=Checkpoint(tmp_path / "c.pt"))
    assert all(row["dev_ua"] == 0.5 for row in trained.history)
    for batch_size in (1, 7, 50):
        table = predict(trained.system, {"dev": dev}, ["a", "b"], batch_size=batch_size, precision="float32").table
        assert len(table) == 17
        assert table["prediction"].nunique() == 1
        np.testing.assert_allclose(table["p_a"], table["p_a"][0], atol=1e-5)
