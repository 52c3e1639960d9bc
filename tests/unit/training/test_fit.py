import signal
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.special import softmax
from torch import nn

from emofactors.features.archive import ArchiveWriter, FeatureArchive
from emofactors.systems import build_system
from emofactors.systems.base import TrainingData
from emofactors.training.batches import shuffled_batches
from emofactors.training.checkpoint import Checkpoint
from emofactors.training.dataset import SplitData, load_split
from emofactors.training.fit import fit, run_key
from emofactors.training.outputs import model_outputs

pytestmark = pytest.mark.usefixtures("restored_process")

ARGUMENTS = {
    "cnn_bigru": {
        **{"conv_channels": [4, 4], "conv_kernel_sizes": [3, 3], "conv_strides": [2, 1], "conv_pools": [1, 2]},
        **{"gru_units": 4, "embedding_dim": 16, "center_lambda": 0.3, "center_alpha": 0.5, "warm_up_steps": 3},
        "class_weight_offset": 0.5,
    },
    "factor_classifier": {
        **{"delta_window": 2, "conv_channels": [4, 4], "conv_kernel_size": [5, 3], "pool_size": [2, 4]},
        **{"leaky_slope": 0.01, "linear_units": 6, "lstm_units": 4, "attention_units": 1, "embedding_dim": 4},
        "class_weighted": True,
    },
}


def rows_of(split, chosen):
    """Return some rows of a split."""
    return replace(
        split,
        utterances=tuple(np.array(split.utterances)[chosen]),
        speakers=tuple(np.array(split.speakers)[chosen]),
        emotion=split.emotion[chosen],
        frames=[split.frames[i] for i in np.arange(len(split))[chosen]],
        n_frames=split.n_frames[chosen],
    )


def no_rows(split):
    return rows_of(split, np.zeros(len(split), dtype=bool))


class StoppingCheckpoint(Checkpoint):
    """Raises a signal at one step, as a scheduler or a user would."""

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
    """Stands for SIGKILL: nothing is written before the process ends."""


class KillingCheckpoint(Checkpoint):
    def __init__(self, path, at_step, interval_s):
        super().__init__(path, interval_s)
        self.left = at_step

    def offer(self, state):
        super().offer(state)
        if self.left == 0:
            raise KilledError
        self.left -= 1


@pytest.fixture
def fitted(tmp_path, train, dev, settings, fresh_system):
    """Function that trains the tiny cnn_bigru, or another system."""
    default_train, default_dev, default_settings = train, dev, settings

    def go(checkpoint=None, seed=0, precision="float32", system=None, **changes):
        return fit(
            system or fresh_system(seed),
            changes.get("train", default_train),
            changes.get("dev", default_dev),
            default_settings.model_copy(update=changes.get("settings", {})),
            seed=seed,
            precision=precision,
            checkpoint=checkpoint or Checkpoint(tmp_path / "unused.pt"),
        )

    return go


def accuracy(trained, dev, precision="float32"):
    outputs = model_outputs(trained.system, dev, split="dev", batch_size=8, precision=precision)
    return (outputs.logits.argmax(axis=1) == dev.emotion).mean()


def assert_same(a, b):
    assert a.history == b.history
    assert a.best_step == b.best_step
    for name, tensor in a.system.state_dict().items():
        assert torch.equal(tensor, b.system.state_dict()[name]), name


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_task_is_learned_with_float32_weights(fitted, dev, precision):
    trained = fitted(precision=precision)
    assert accuracy(trained, dev, precision) > 0.9
    assert all(p.dtype == torch.float32 for p in trained.system.parameters())


def test_equal_seeds_give_equal_bits_and_other_seeds_do_not(fitted):
    first = fitted()
    assert_same(first, fitted())
    assert first.history != fitted(seed=1).history


def test_a_part_with_a_learning_rate_factor_has_its_own_rate(fitted, fresh_system):
    """With a tiny factor, one part stays unchanged while the others change as before."""
    names = [name for name, _ in fresh_system().named_parameters()]
    part = names[0]
    slowed = fresh_system()
    slowed.learning_rate_factors = {part: 1e-30}
    change = {}
    for kind, system in (("default", fresh_system()), ("slowed", slowed)):
        before = {name: tensor.clone() for name, tensor in system.named_parameters()}
        fitted(system=system, settings={"max_steps": 1, "select": "last"})
        change[kind] = {name: tensor - before[name] for name, tensor in system.named_parameters()}
    assert change["default"][part].abs().max() > 0
    assert change["slowed"][part].abs().max() == 0
    for other in names[1:]:
        if not other.startswith(part):
            assert torch.equal(change["default"][other], change["slowed"][other])


# --- checkpoints ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("at_step", [1, 6, 7, 23])
def test_a_training_resumed_after_a_signal_is_bit_equal(tmp_path, fitted, at_step, by):
    path = tmp_path / "state.pt"
    with pytest.raises(SystemExit) as ended:
        fitted(StoppingCheckpoint(path, at_step, by))
    assert ended.value.code == 128 + by
    resumed = fitted(Checkpoint(path))
    assert resumed.resumed_at_step == at_step
    assert_same(fitted(), resumed)


@pytest.mark.parametrize("interval_s", [0.0, 1e9])
def test_a_training_resumed_after_a_kill_is_bit_equal(tmp_path, fitted, interval_s):
    path = tmp_path / "state.pt"
    with pytest.raises(KilledError):
        fitted(KillingCheckpoint(path, at_step=17, interval_s=interval_s))
    assert path.exists() == (interval_s == 0.0)
    assert_same(fitted(), fitted(Checkpoint(path)))


def from_archive(split, folder, *, stream):
    """Return the same split, with its frames in an archive."""
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


@pytest.mark.parametrize("first", ["in_memory", "streamed"])
def test_a_training_resumes_with_streamed_frames_or_without(tmp_path, train, dev, fitted, fresh_system, first):
    splits = {
        form: {
            name: from_archive(split, tmp_path / name, stream=form == "streamed")
            for name, split in (("train", train), ("dev", dev))
        }
        for form in ("in_memory", "streamed")
    }
    (second,) = splits.keys() - {first}
    assert len({run_key({}, "code", fresh_system(), *of_form.values()) for of_form in splits.values()}) == 1
    with pytest.raises(SystemExit):
        fitted(StoppingCheckpoint(tmp_path / "state.pt", 17), **splits[first])
    resumed = fitted(Checkpoint(tmp_path / "state.pt"), **splits[second])
    assert resumed.resumed_at_step == 17
    assert_same(fitted(**splits[first]), resumed)


def test_the_generator_of_the_current_gpu_is_restored_on_any_other(tmp_path, fitted, monkeypatch):
    restored = []
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_rng_state", lambda: torch.tensor([7], dtype=torch.uint8))
    monkeypatch.setattr(torch.cuda, "set_rng_state", restored.append)
    with pytest.raises(SystemExit):
        fitted(StoppingCheckpoint(tmp_path / "state.pt", at_step=7))
    assert restored == []
    fitted(Checkpoint(tmp_path / "state.pt"))
    assert [state.tolist() for state in restored] == [[7]]


def test_a_training_with_a_damaged_checkpoint_starts_from_scratch(tmp_path, fitted):
    path = tmp_path / "state.pt"
    with pytest.raises(SystemExit):
        fitted(StoppingCheckpoint(path, 5))
    path.write_bytes(path.read_bytes()[:1000])
    resumed = fitted(Checkpoint(path))
    assert resumed.resumed_at_step == 0
    assert_same(fitted(), resumed)


def test_the_key_depends_on_settings_code_initial_weights_data_and_teacher(train, dev, fresh_system):
    def key(settings=1, code="c", system=None, train=train, dev=dev):
        return run_key([settings], code, system or fresh_system(), train, dev)

    with_teacher = replace(train, teacher_embedding=torch.ones(len(train), 4))
    others = [
        key(settings=2),
        key(code="d"),
        key(system=fresh_system(1)),
        key(train=dev, dev=train),
        key(train=with_teacher),
    ]
    assert key() == key()
    assert len({key(), *others}) == 6


# --- evaluation and selection --------------------------------------------------------------------------------


def test_the_weights_of_the_best_evaluation_on_dev_are_selected(fitted, dev):
    trained = fitted()
    best = max(trained.history, key=lambda row: row["dev_ua"])
    assert trained.best_step == best["step"]
    outputs = model_outputs(trained.system, dev, split="dev", batch_size=8, precision="float32")
    recalls = [(outputs.logits.argmax(axis=1)[dev.emotion == c] == c).mean() for c in (0, 1)]
    assert np.mean(recalls) == pytest.approx(best["dev_ua"])


def test_an_early_evaluation_is_not_selected(fitted):
    assert fitted(settings={"select_after_step": 30}).best_step > 30


def test_evaluations_follow_the_settings(fitted):
    by_steps = fitted(settings={"evaluate_every_steps": 9}).history
    assert [row["step"] for row in by_steps] == [9, 18, 27, 36, 40]
    by_epochs = [7, 14, 21, 28, 35, 40]  # 50 utterances in batches of 8
    assert [row["step"] for row in fitted().history] == by_epochs


def test_patience_stops_a_training_without_improvement(fitted):
    trained = fitted(settings={"patience": 2, "evaluate_every_steps": 1, "max_steps": 400})
    assert trained.steps < 400


def test_every_loss_has_its_column_in_the_history(tmp_path, fitted):
    fitted().save(tmp_path / "model.safetensors", tmp_path / "history.csv")
    history = pd.read_csv(tmp_path / "history.csv")
    assert list(history.columns) == ["epoch", "step", "cross_entropy", "center", "dev_ua", "dev_wa"]


def test_the_last_weights_are_selected_without_dev_rows_or_if_the_run_says_so(fitted, dev):
    last = fitted(settings={"select": "last"})
    assert last.best_step == last.steps == 40
    assert "dev_ua" not in last.history[-1]
    assert_same(last, fitted(dev=no_rows(dev)))


def test_a_training_that_diverges_is_an_error(fitted):
    with pytest.raises(FloatingPointError, match="diverged"):
        fitted(settings={"learning_rate": 1e30})


def test_epochs_are_counted_in_batches(fitted):
    trained = fitted(settings={"max_steps": None, "max_epochs": 3})
    assert trained.steps == 3 * 7
    assert [row["epoch"] for row in trained.history] == [1, 2, 3]
    assert_same(trained, fitted(settings={"max_steps": trained.steps}))


def test_weight_decay_shrinks_the_weights(fitted):
    def norm(weight_decay):
        state = fitted(settings={"weight_decay": weight_decay, "select": "last"}).system.state_dict()
        return sum(float(t.square().sum()) for name, t in state.items() if name.endswith("weight"))

    assert norm(3.0) < norm(0.0)


def test_the_optimiser_without_weight_decay_is_adam(fitted, settings, train, fresh_system):
    system = fresh_system()
    optimiser = torch.optim.Adam(system.parameters(), lr=settings.learning_rate)
    batches = shuffled_batches(
        train.n_frames, settings.batch_size, pool_batches=settings.pool_batches, seed=0, epoch=0
    )
    for chosen in batches[:5]:
        batch = train.batch(chosen, system.min_frames)
        output = system(batch)
        optimiser.zero_grad()
        sum(system.losses(output, batch).values()).backward()
        optimiser.step()
        system.after_step(output, batch)
    trained = fitted(settings={"max_steps": 5, "select": "last"})
    for name, tensor in trained.system.state_dict().items():
        assert torch.equal(tensor, system.state_dict()[name]), name


def test_the_dev_rows_may_lack_a_class(fitted, dev):
    trained = fitted(dev=rows_of(dev, dev.emotion == 0))
    assert 0 <= trained.history[0]["dev_ua"] <= 1


def test_dev_is_scored_by_utterance_if_rows_are_segments(fitted, dev):
    twice = np.repeat(np.arange(len(dev)), 2)  # two equal segments per utterance
    assert fitted(dev=rows_of(dev, twice)).history == fitted().history


def test_dev_utterances_weigh_the_same_whatever_their_number_of_segments(fitted, dev):
    trained = fitted()
    outputs = model_outputs(trained.system, dev, split="dev", batch_size=8, precision="float32")
    n_segments = np.where(outputs.logits.argmax(axis=1) == dev.emotion, 1, 5)  # more segments of wrong ones
    repeated = rows_of(dev, np.repeat(np.arange(len(dev)), n_segments))
    assert fitted(dev=repeated).history[-1] == trained.history[-1]


# --- systems without logits ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class MeanOutput:
    """Output of a system without classes."""

    mean: torch.Tensor


class MeanSystem(nn.Module):
    """Learns the mean of the first feature; has losses on dev."""

    min_frames = 1

    def __init__(self):
        super().__init__()
        self.mean = nn.Parameter(torch.zeros(()))

    def forward(self, batch):
        return MeanOutput(self.mean.expand(len(batch.features)))

    def losses(self, output, batch):
        mean = batch.features[:, :, 0].sum(dim=1) / batch.n_frames
        return {"mel": (output.mean - mean).square().mean()}

    def dev_losses(self, batch):
        assert not self.training
        assert not torch.is_grad_enabled()
        return self.losses(self(batch), batch)

    def after_step(self, output, batch):
        assert self.training


def test_losses_on_dev_are_recorded_for_a_system_without_logits(fitted, dev):
    system = MeanSystem()
    trained = fitted(system=system, settings={"select": "last"})
    assert trained.best_step == 40
    assert list(trained.history[-1]) == ["epoch", "step", "mel", "dev_mel"]
    assert len(trained.history) == 6
    means = [frames[:, 0].mean() for frames in dev.frames]
    expected = np.mean([(system.mean.item() - mean.item()) ** 2 for mean in means])
    assert trained.history[-1]["dev_mel"] == pytest.approx(expected, rel=1e-5)


def test_without_dev_rows_there_are_no_losses_on_dev(fitted, dev):
    trained = fitted(system=MeanSystem(), dev=no_rows(dev), settings={"select": "last"})
    assert list(trained.history[-1]) == ["epoch", "step", "mel"]


# --- input without information -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["cnn_bigru", "factor_classifier"])
def test_classifiers_of_constant_input_predict_a_constant(fitted, name):
    """Without any factor of speech, neither lengths nor batches distinguish utterances."""
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
    trained = fitted(system=system, train=train, dev=dev)
    assert all(row["dev_ua"] == 0.5 for row in trained.history)
    for batch_size in (1, 7, 50):
        outputs = model_outputs(trained.system, dev, split="dev", batch_size=batch_size, precision="float32")
        assert len(outputs.logits) == 17
        assert len(set(outputs.logits.argmax(axis=1))) == 1
        posterior = softmax(outputs.logits, axis=1)
        np.testing.assert_allclose(posterior, posterior[:1].repeat(17, axis=0), atol=1e-5)
