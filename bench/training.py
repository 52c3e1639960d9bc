"""Training speed relative to the same network in plain PyTorch.

The plain implementation uses float32, torch's default layout, a Dataset and a DataLoader; ours is
``training.fit``. Both train the published networks on the same random utterances, from the same weights, and
their losses must agree on one batch. They take turns, so that other load on the machine affects both; the
medians of the ratios are printed, of elapsed time and of processor time (all threads together), which other
load affects less; OMP_WAIT_POLICY=passive keeps waiting threads out of it. On a processor without bfloat16,
ours runs in float32 only.

cnn_bigru: utterances with the lengths of short acted speech (1.2 to 9 s), which the plain implementation pads
in random batches. vit_transfer: images of 128x128; in the stages with feature matching the plain implementation
runs the teacher in every step, while ours reads embeddings that were computed once. speechflow: updates with
the cycle loss on crops of 64 to 128 frames, which both pad to 192, as the public code does.

    python bench/training.py [--only vit_transfer] [--threads 1] [--repeats 3] [--features log_mel_128]
"""

import argparse
import logging
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
import yaml
from plain_speechflow import PlainSpeechFlow
from plain_speechflow import copy_weights as copy_speechflow_weights
from plain_vit import PlainVit
from plain_vit import copy_weights as copy_vit_weights
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_sequence
from torch.utils.data import DataLoader, Dataset, TensorDataset

from emofactors.config.load import load_study
from emofactors.jobs.device import autocast, keep_freed_memory
from emofactors.jobs.seeding import seed_everything
from emofactors.systems import build_system
from emofactors.systems.base import TrainingData
from emofactors.training.checkpoint import Checkpoint
from emofactors.training.dataset import SplitData
from emofactors.training.fit import fit

CONFIG = Path(__file__).parents[1] / "config"
N_CLASSES = 7
LAMBDA, ALPHA = 0.3, 0.5


class PlainUtterances(Dataset):
    """Utterances, standardised on access."""

    def __init__(self, frames, emotion):
        self.frames, self.emotion = frames, emotion
        self.mean, self.std = torch.cat(frames).mean(dim=0), torch.cat(frames).std(dim=0)

    def __len__(self):
        return len(self.frames)

    def __getitem__(self, i):
        return (self.frames[i] - self.mean) / self.std, self.emotion[i]


def collate(items):
    frames, emotion = zip(*items, strict=True)
    return pad_sequence(frames, batch_first=True), torch.tensor([len(f) for f in frames]), torch.tensor(emotion)


class PlainNetwork(nn.Module):
    """The network of Dai et al., a direct implementation of the description."""

    def __init__(self, n_bins):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 48, 7, stride=2)
        self.conv2 = nn.Conv2d(48, 64, 3)
        self.conv3 = nn.Conv2d(64, 80, 3)
        self.conv4 = nn.Conv2d(80, 96, 3)
        self.pool = nn.MaxPool2d(2)
        size = (n_bins - 7) // 2 + 1
        for _ in range(3):
            size = (size - 2) // 2
        self.gru = nn.GRU(96 * size, 128, batch_first=True, bidirectional=True)
        self.fc1, self.prelu, self.fc2 = nn.Linear(256, 64), nn.PReLU(64), nn.Linear(64, N_CLASSES)

    def mask(self, x, length):
        return x * (torch.arange(x.shape[2]) < length[:, None])[:, None, :, None]

    def forward(self, frames, length):
        length = (length - 7) // 2 + 1
        x = self.mask(torch.relu(self.conv1(frames[:, None])), length)
        for conv in (self.conv2, self.conv3, self.conv4):
            length = (length - 2) // 2
            x = self.mask(self.pool(torch.relu(conv(x))), length)
        x = x.permute(0, 2, 3, 1).flatten(2)
        _, last = self.gru(pack_padded_sequence(x, length, batch_first=True, enforce_sorted=False))
        z = self.prelu(self.fc1(torch.cat([last[0], last[1]], dim=1)))
        return z, self.fc2(z)


def plain_losses(network, centers, weights, frames, length, emotion):
    z, logits = network(frames, length)
    w = weights[emotion]
    entropy = nn.functional.cross_entropy(logits, emotion, weight=weights)
    center = (w * ((z - centers[emotion]) ** 2).sum(dim=1)).sum() / w.sum()
    return entropy + LAMBDA * center, z


def plain_epoch(network, centers, weights, loader):
    """Train one epoch; return the number of utterances."""
    optimiser = torch.optim.Adam(network.parameters(), lr=3e-4)
    network.train()
    for frames, length, emotion in loader:
        loss, z = plain_losses(network, centers, weights, frames, length, emotion)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        with torch.no_grad():
            for c in range(N_CLASSES):
                member = z[emotion == c].detach()
                centers[c] -= ALPHA * (centers[c] - member).sum(dim=0) / (1 + len(member))
        loss.item()
    return len(loader.dataset)


def our_epoch(system, train, dev, run, precision):
    """Train one epoch with ``training.fit``; return the number of utterances."""
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = Checkpoint(Path(folder) / "state.pt", interval_s=1e9)
        fit(system, train, dev, run, seed=0, precision=precision, checkpoint=checkpoint)
    return len(train)


def copy_weights(system, network):
    """Copy the weights of our system to the plain network."""
    names = {
        **{f"convolutions.layers.{i}.convolution": f"conv{i + 1}" for i in range(4)},
        **{"bigru.gru": "gru", "embed": "fc1", "activation": "prelu", "classify": "fc2"},
    }
    state = {}
    for name, tensor in system.state_dict().items():
        module, _, parameter = name.rpartition(".")
        if module in names:
            state[f"{names[module]}.{parameter}"] = tensor.clone()
    network.load_state_dict(state)


def plain_vit_losses(network, image, emotion, *, teacher=None, alpha=1.0, entropy=True):
    y, logits = network(image)
    loss = nn.functional.cross_entropy(logits, emotion) if entropy else 0.0
    if teacher is not None:
        with torch.no_grad():
            target, _ = teacher(image)
        loss = loss + alpha * nn.functional.l1_loss(y, target)
    return loss


def plain_vit_epoch(network, loader, **terms):
    """Train one epoch; return the number of utterances."""
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-4)
    network.train()
    for image, emotion in loader:
        loss = plain_vit_losses(network, image, emotion, **terms)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        loss.item()
    return len(loader.dataset)


def study_of(system, folder):
    """Study of all variants of a system, with the settings of its file."""
    for kind in ("corpora", "tasks", "features", "systems"):
        (folder / kind).symlink_to(CONFIG / kind)
    (folder / "figures").mkdir()
    variants = yaml.safe_load((CONFIG / "systems" / f"{system}.yaml").read_text())["variants"]
    # A figure kind that applies to classifiers and decomposers.
    figure = {"kind": "losses", "loss": "all", "title": system, "caption": "", "system": system}
    figure["variants"] = {variant: variant for variant in variants}
    (folder / "figures" / "all.yaml").write_text(yaml.safe_dump(figure))
    request = {"study": "bench", "title": system, "tasks": ["emodb7_speakers"], "seeds": [0], "tables": []}
    return load_study(request | {"figures": ["all"]}, folder)


def check_losses(ours, theirs):
    """Exit if the losses of one batch differ, because the speeds would not be comparable."""
    if abs(ours - theirs) > 1e-4 * abs(theirs):
        raise SystemExit(f"loss of one batch: ours {ours:.6f}, plain {theirs:.6f}, expected equal losses")
    print(f"loss of one batch: ours {ours:.6f}, plain {theirs:.6f}")


def has_bfloat16():
    """Return True if the processor computes in bfloat16 and oneDNN may use it."""
    # oneDNN alone also says yes to AVX-512 without bfloat16, which it emulates; torch.cpu alone ignores limits.
    return torch.cpu._is_avx512_bf16_supported() and torch.ops.mkldnn._is_mkldnn_bf16_supported()


def compare(implementations, targets, *, repeats, warm_up):
    """Run the implementations in turns; print utterances per second, and the median ratios to plain."""
    if not has_bfloat16():
        implementations, targets = (
            {name: value for name, value in each.items() if name != "bfloat16"}
            for each in (implementations, targets)
        )
    elapsed, processor = ({name: [] for name in implementations} for _ in range(2))
    for repeat in range(warm_up + repeats):
        for name, epoch in implementations.items():
            elapsed_start, processor_start = time.perf_counter(), time.process_time()
            n_utterances = epoch()
            if repeat >= warm_up:
                elapsed[name].append(n_utterances / (time.perf_counter() - elapsed_start))
                processor[name].append(n_utterances / (time.process_time() - processor_start))
    print(f"{'':18}{'utterances/s':>14}{'times plain':>14}{'processor time':>16}{'target':>9}")
    for name, target in (("plain", None), *targets.items()):
        ratio, of_processor = (
            statistics.median(s / p for s, p in zip(speeds[name], speeds["plain"], strict=True))
            for speeds in (elapsed, processor)
        )
        goal = "" if target is None else f"{target:.1f}"
        print(f"{name:18}{statistics.median(elapsed[name]):14.1f}{ratio:14.2f}{of_processor:16.2f}{goal:>9}")
    print(flush=True)


def bench_cnn_bigru(config, features, options):
    """Compare an epoch with the published settings."""
    variant = {"log_mel_128": "mel_center", "log_stft_513": "stft_center"}[options.features]
    n_bins = features[options.features].n_bins
    generator = np.random.default_rng(0)
    n_frames = np.clip(100 * generator.lognormal(np.log(2.6), 0.35, options.utterances), 120, 900).astype(np.int64)
    emotion = generator.integers(0, N_CLASSES, options.utterances)
    frames = torch.randn(int(n_frames.sum()), n_bins, generator=torch.Generator().manual_seed(0))
    names = tuple(str(i) for i in range(options.utterances))
    utterances = frames.split(n_frames.tolist())
    train = SplitData(names, names, emotion, utterances, n_frames, frames.device)
    dev = SplitData((), (), emotion[:0], (), n_frames[:0], frames.device)
    plain_data = PlainUtterances(list(utterances), emotion.tolist())
    loader = DataLoader(plain_data, batch_size=32, shuffle=True, collate_fn=collate)

    counts = np.bincount(emotion, minlength=N_CLASSES)
    data = TrainingData(n_bins=n_bins, class_counts=tuple(int(n) for n in counts))
    one_epoch = {"max_steps": -(-options.utterances // 32), "select_after_step": 0, "evaluate_every_steps": None}
    run = config.run(variant).model_copy(update=one_epoch)
    system = build_system("cnn_bigru", config.arguments(variant), data)
    system.step.fill_(100)  # after the warm-up, with center loss
    network = PlainNetwork(n_bins)
    copy_weights(system, network)
    weights, centers = system.class_weights.clone(), torch.zeros(N_CLASSES, 64)

    print(f"cnn_bigru on {options.features}: {options.utterances} utterances, batch 32, {options.threads} threads")
    batch = train.batch(np.arange(8), 1)
    ours = sum(system.losses(system(batch), batch).values()).item()
    theirs = plain_losses(network, centers, weights, batch.features, batch.n_frames, batch.emotion)[0].item()
    check_losses(ours, theirs)
    implementations = {
        "plain": lambda: plain_epoch(network, centers, weights, loader),
        "float32": lambda: our_epoch(system, train, dev, run, "float32"),
        "bfloat16": lambda: our_epoch(system, train, dev, run, "bfloat16"),
    }
    compare(implementations, {"float32": 1.5, "bfloat16": 2.5}, repeats=options.repeats, warm_up=1)


def bench_vit_transfer(config, features, options):
    """Compare an epoch of each stage at the published sizes."""
    size = (features["log_mel_128x128"].image_frames, features["log_mel_128x128"].n_bins)
    without_teacher, with_teacher = {"float32": 1.0, "bfloat16": 1.2}, {"float32": 3.0, "bfloat16": 3.0}
    # The longer warm-up excludes the time in which the process allocates its memory.
    teacher = bench_stage(
        config, "teacher", 64, size, {"float32": 1.0, "bfloat16": 1.8}, options=options, warm_up=3
    )
    bench_stage(config, "student_scratch", 192, size, without_teacher, options=options)
    bench_stage(config, "matched", 128, size, with_teacher, options=options, teacher=teacher)
    bench_stage(config, "student", 128, size, with_teacher, options=options, teacher=teacher)


def bench_stage(config, variant, n_images, size, targets, *, options, teacher=None, warm_up=1):
    """Compare an epoch of one variant of vit_transfer; return the plain network."""
    n_frames, n_bins = size
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(n_images, n_frames, n_bins, generator=generator)
    emotion = torch.randint(0, N_CLASSES, (n_images,), generator=generator)
    plain_images = images.transpose(1, 2)[:, None].contiguous()
    loader = DataLoader(TensorDataset(plain_images, emotion), batch_size=32, shuffle=True)

    arguments = config.arguments(variant)
    counts = torch.bincount(emotion, minlength=N_CLASSES).tolist()
    system = build_system("vit_transfer", arguments, TrainingData(n_bins, tuple(counts), n_frames))
    network = PlainVit(
        N_CLASSES,
        n_bins,
        teacher=variant == "teacher",
        depth=arguments["teacher_depth" if variant == "teacher" else "student_depth"],
        **{key: arguments[key] for key in ("dim", "heads", "dim_head", "mlp_dim", "stem_channels")},
    )
    copy_vit_weights(system, network)
    terms = {"teacher": teacher, "entropy": variant != "matched"}

    teacher_embedding = None
    if teacher is not None:
        with torch.no_grad():
            teacher_embedding = torch.cat([teacher(part)[0] for part in plain_images.split(32)])
    names = tuple(str(i) for i in range(n_images))
    lengths = np.full(n_images, n_frames)
    train = SplitData(names, names, emotion.numpy(), images.unbind(), lengths, images.device, teacher_embedding)
    dev = SplitData((), (), emotion.numpy()[:0], (), lengths[:0], images.device)
    run = config.run(variant).model_copy(update={"max_epochs": 1})

    print(f"vit_transfer, {variant}: {n_images} images, batch 32, {options.threads} threads")
    batch = train.batch(np.arange(8), 1)
    ours = sum(system.losses(system(batch), batch).values()).item()
    check_losses(ours, plain_vit_losses(network, plain_images[:8], emotion[:8], **terms).item())
    implementations = {
        "plain": lambda: plain_vit_epoch(network, loader, **terms),
        "float32": lambda: our_epoch(system, train, dev, run, "float32"),
        "bfloat16": lambda: our_epoch(system, train, dev, run, "bfloat16"),
    }
    compare(implementations, targets, repeats=options.repeats, warm_up=warm_up)
    return network


def bench_speechflow(config, features, options):
    """Compare an update at the published sizes, on a batch of 16 padded crops."""
    n_bins, n_speakers, batch_size = features["log_mel_80"].n_bins + 1, 20, 16
    generator = torch.Generator().manual_seed(0)
    speaker = torch.randint(0, n_speakers, (batch_size,), generator=generator)
    n_frames = torch.randint(64, 129, (batch_size,), generator=generator)
    speech = torch.rand(batch_size, 192, n_bins, generator=generator)
    speech[..., -1] = torch.where(speech[..., -1] < 0.3, -1e10, speech[..., -1])
    speech = speech.masked_fill((torch.arange(192) >= n_frames[:, None])[..., None], 0.0)

    data = TrainingData(n_bins=n_bins, class_counts=(1,), n_speakers=n_speakers)
    system = build_system("speechflow", config.arguments("cycle"), data)
    network = PlainSpeechFlow(n_speakers)
    copy_speechflow_weights(system, network)

    def our_loss(precision):
        with autocast(speech.device, precision):
            output = system.forward_speech(speech, speaker, n_frames)
        return sum(system.losses(output, None).values())

    def plain_loss():
        return network(speech, n_frames, speaker)

    def epoch(module, loss_of):
        optimiser = torch.optim.Adam(module.parameters(), lr=1e-4)
        loss = loss_of()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        loss.item()
        return batch_size

    print(f"speechflow, cycle: crops of 64 to 128 frames, batch {batch_size}, {options.threads} threads")
    torch.manual_seed(1)  # both draw the same resampling and substitution
    ours = our_loss("float32").item()
    torch.manual_seed(1)
    check_losses(ours, plain_loss().item())
    implementations = {
        "plain": lambda: epoch(network, plain_loss),
        "float32": lambda: epoch(system, lambda: our_loss("float32")),
        "bfloat16": lambda: epoch(system, lambda: our_loss("bfloat16")),
    }
    compare(implementations, {"float32": 1.0, "bfloat16": 1.2}, repeats=options.repeats, warm_up=1)


PARTS = {"cnn_bigru": bench_cnn_bigru, "vit_transfer": bench_vit_transfer, "speechflow": bench_speechflow}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=list(PARTS), help="one system instead of all")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--utterances", type=int, default=192, help="utterances of cnn_bigru")
    parser.add_argument("--features", choices=["log_mel_128", "log_stft_513"], default="log_mel_128")
    options = parser.parse_args()
    logging.disable(logging.INFO)
    keep_freed_memory()  # as in rule train, here for the plain implementation as well
    seed_everything(0, options.threads)
    print(f"processor: {torch.backends.cpu.get_cpu_capability()}")
    if not has_bfloat16():
        print("this processor has no bfloat16: ours runs in float32 only")
    for part in [options.only] if options.only else PARTS:
        with tempfile.TemporaryDirectory() as folder:
            study = study_of(part, Path(folder))
        PARTS[part](study.systems[part], study.features, options)


if __name__ == "__main__":
    main()
