"""The utterances of one split, in memory or read when wanted, and batches of them with hardly any padding."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Protocol

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from emofactors.features.segments import segment_starts
from emofactors.features.standardisation import Standardisation
from emofactors.systems.base import Batch


class Archive(Protocol):
    """Features (T, F) of utterances by their names: a ``FeatureArchive``, or what is read as one."""

    n_bins: int

    def __getitem__(self, utterance: str, /) -> np.ndarray: ...

    def n_frames(self, utterance: str, /) -> int:
        """Frames of one utterance, T."""


class Frames(Protocol):
    """Frames (T, F) of each of many utterances, held or read when they are asked for."""

    def __len__(self) -> int: ...

    def __getitem__(self, i: int, /) -> Tensor: ...

    def __iter__(self) -> Iterator[Tensor]: ...


@dataclass(frozen=True)
class SplitData:
    """All utterances of one split; each whole, or as segments that follow each other.

    Attributes:
        utterances: N names; those of an utterance in segments are the same.
        speakers: speaker of each, N entries.
        emotion: class index of each, (N,), int64.
        frames: those of each, (T, F), float32: held on ``device``, or :class:`StreamedFrames`.
        n_frames: number of frames of each, (N,), int64.
        device: where batches lie, and the teacher's embeddings.
        teacher_embedding: what the variant's teacher made of each, (N, D), float32; None without one.
        speaker: index of each one's speaker among the training speakers, (N,), int64; -1 for a speaker that is
            not in training, None where it is not known.
        standardisation: by which frames are standardised; None where they are not.
    """

    utterances: tuple[str, ...]
    speakers: tuple[str, ...]
    emotion: np.ndarray
    frames: Frames
    n_frames: np.ndarray
    device: torch.device
    teacher_embedding: Tensor | None = None
    speaker: np.ndarray | None = None
    standardisation: Standardisation | None = None

    def __len__(self) -> int:
        return len(self.utterances)

    def batch(self, chosen: np.ndarray, min_frames: int) -> Batch:
        """The chosen utterances as one batch.

        Args:
            chosen: indices of utterances, (B,).
            min_frames: an utterance shorter than a system can hear is
                continued with zeros, the training rows' mean, to this length.

        Returns:
            The batch, no longer than its longest utterance.
        """
        n_frames = np.maximum(self.n_frames[chosen], min_frames)
        heard = [self.frames[i] for i in chosen]
        features = heard[0].new_zeros(len(chosen), int(n_frames.max()), heard[0].shape[1])  # (B, T, F)
        for row, frames in enumerate(heard):
            features[row, : len(frames)] = frames
        return Batch(
            features=features.to(self.device),
            n_frames=torch.from_numpy(n_frames).to(self.device),
            emotion=torch.from_numpy(self.emotion[chosen]).to(self.device),
            teacher_embedding=None if self.teacher_embedding is None else self.teacher_embedding[chosen],
            speaker=None if self.speaker is None else torch.from_numpy(self.speaker[chosen]).to(self.device),
        )

    def digest(self) -> str:
        """Hash of everything a training can learn from these rows, wherever their frames lie."""
        digest = sha256(repr((self.utterances, self.speakers)).encode())
        arrays = [self.emotion, self.n_frames]
        if self.teacher_embedding is not None:
            arrays.append(self.teacher_embedding.cpu().numpy())
        if self.speaker is not None:
            arrays.append(self.speaker)
        for array in arrays:
            digest.update(np.ascontiguousarray(array).data)
        for frames in self.frames:
            digest.update(np.ascontiguousarray(frames.cpu().numpy()).data)
        return digest.hexdigest()


@dataclass(frozen=True)
class _Cut:
    """What is heard of an utterance at a time: some of its frames, followed by zeros up to a number of frames."""

    utterance: str
    first: int
    n_frames: int


class StreamedFrames:
    """Frames of utterances or of their segments, read from the archive whenever they are asked for.

    Held in memory are only those that somebody keeps; what the archive reads lies in the kernel's cache, and is
    dropped from it where memory is wanted.

    Args:
        archive: features of the corpus.
        standardisation: fitted on the training rows; None: features stay as they are.
        cuts: what is heard of which utterance.
    """

    def __init__(self, archive: Archive, standardisation: Standardisation | None, cuts: Sequence[_Cut]) -> None:
        self._archive, self._standardisation, self._cuts = archive, standardisation, cuts

    def __len__(self) -> int:
        return len(self._cuts)

    def __iter__(self) -> Iterator[Tensor]:
        return (self[i] for i in range(len(self)))

    def __getitem__(self, i: int) -> Tensor:
        """Frames of one, (T, F) float32, in the memory of the processor."""
        cut = self._cuts[i]
        read = self._archive[cut.utterance][cut.first : cut.first + cut.n_frames]
        frames = np.zeros((cut.n_frames, read.shape[1]), dtype=np.float32)
        frames[: len(read)] = read
        return torch.from_numpy(frames if self._standardisation is None else self._standardisation.apply(frames))


def load_split(
    rows: pd.DataFrame,
    classes: Sequence[str],
    archive: Archive,
    standardisation: Standardisation | None,
    *,
    training_speakers: Sequence[str],
    max_frames: int | None,
    device: torch.device,
    teacher: Mapping[str, np.ndarray] | None = None,
    segment_frames: int | None = None,
    stream: bool = False,
) -> SplitData:
    """The utterances of one split as a system hears them.

    Args:
        rows: utterance, speaker and emotion of each, N rows.
        classes: classes of the task, in order.
        archive: features of the corpus.
        standardisation: fitted on the training rows; None: features stay as they are.
        training_speakers: speakers of the training rows, each once, in order.
        max_frames: a longer utterance keeps this many frames at its center; None: all, as segments need.
        device: where batches shall lie.
        teacher: utterance -> what the variant's teacher made of it, (D,); None without a teacher.
        segment_frames: utterances become segments of this many frames, shorter ones followed by zeros, which are
            standardised like all else; None: they stay whole.
        stream: read frames from the archive batch by batch; else they are all held on ``device``. The numbers are
            the same.

    Returns:
        The split's data, in the order of ``rows``.
    """
    index = {name: i for i, name in enumerate(classes)}
    speaker_index = {name: i for i, name in enumerate(training_speakers)}
    cuts = [_cuts(u, archive.n_frames(u), max_frames, segment_frames) for u in rows["utterance"]]
    rows = rows.iloc[np.repeat(np.arange(len(rows)), [len(of_utterance) for of_utterance in cuts])]
    streamed = StreamedFrames(archive, standardisation, [cut for of_utterance in cuts for cut in of_utterance])
    n_frames = np.array([cut.n_frames for of_utterance in cuts for cut in of_utterance], dtype=np.int64)
    targets = None
    if teacher is not None and len(rows):
        targets = torch.from_numpy(np.stack([teacher[utterance] for utterance in rows["utterance"]])).to(device)
    return SplitData(
        utterances=tuple(rows["utterance"]),
        speakers=tuple(rows["speaker"]),
        emotion=np.array([index[e] for e in rows["emotion"]], dtype=np.int64),
        frames=streamed if stream else _held(streamed, n_frames, archive.n_bins, device),
        n_frames=n_frames,
        device=device,
        teacher_embedding=targets,
        speaker=np.array([speaker_index.get(s, -1) for s in rows["speaker"]], dtype=np.int64),
        standardisation=standardisation,
    )


def _cuts(utterance: str, n_frames: int, max_frames: int | None, segment_frames: int | None) -> list[_Cut]:
    """What is heard of an utterance: at most ``max_frames`` frames around its middle, whole or as segments."""
    heard = n_frames if max_frames is None else min(n_frames, max_frames)
    first = (n_frames - heard) // 2
    if segment_frames is None:
        return [_Cut(utterance, first, heard)]
    return [_Cut(utterance, first + start, segment_frames) for start in segment_starts(heard, segment_frames)]


def _held(frames: Frames, n_frames: np.ndarray, n_bins: int, device: torch.device) -> tuple[Tensor, ...]:
    """The same frames on a device, end to end in one tensor: views of it."""
    together = torch.empty(int(n_frames.sum()), n_bins)
    for part, of_utterance in zip(together.split(n_frames.tolist()), frames, strict=True):
        part.copy_(of_utterance)
    return together.to(device).split(n_frames.tolist())


def shuffled_batches(
    n_frames: np.ndarray, batch_size: int, *, pool_batches: int, seed: int, epoch: int
) -> list[np.ndarray]:
    """One epoch of batches of similar length, in random order.

    The utterances are shuffled and cut into pools of ``pool_batches`` batches;
    within a pool they are sorted by length. Nothing is drawn from a global
    generator: an epoch's batches follow from seed and epoch alone, so that a
    resumed training meets the same ones.

    Args:
        n_frames: frames of each utterance, (N,).
        batch_size: utterances a batch, B; the epoch's last batches may have fewer.
        pool_batches: batches of a pool.
        seed: of the training.
        epoch: number of the epoch.

    Returns:
        Index arrays that hold every utterance once.
    """
    generator = np.random.default_rng([seed, epoch])
    order = generator.permutation(len(n_frames))
    batches = []
    for first in range(0, len(order), pool_batches * batch_size):
        pool = order[first : first + pool_batches * batch_size]
        pool = pool[np.argsort(n_frames[pool], kind="stable")]
        batches += [pool[i : i + batch_size] for i in range(0, len(pool), batch_size)]
    return [batches[i] for i in generator.permutation(len(batches))]


def sorted_batches(n_frames: np.ndarray, batch_size: int) -> Iterator[np.ndarray]:
    """All utterances once, shortest first: for scoring, where order does not matter."""
    order = np.argsort(n_frames, kind="stable")
    for first in range(0, len(order), batch_size):
        yield order[first : first + batch_size]
