"""The utterances of each split of a fold: in memory, or streamed from an archive."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from emofactors.config.training import RunSettings
from emofactors.corpora.splits import SPLITS, Fold
from emofactors.errors import InputError
from emofactors.features.archive import Archive
from emofactors.features.standardisation import Standardisation, fit_by_speaker, fit_standardisation
from emofactors.io.npz import read_npz
from emofactors.nn.segments import segment_starts
from emofactors.systems.base import Batch, TrainingData
from emofactors.training.predictions import TRAINING_SPLIT

#: Statistics of all utterances, or utterance -> its statistics.
_Standardisations = Standardisation | Mapping[str, Standardisation]


class Frames(Protocol):
    """Frames (T, F) of N rows, held in memory or read on access."""

    def __len__(self) -> int: ...

    def __getitem__(self, i: int, /) -> Tensor: ...

    def __iter__(self) -> Iterator[Tensor]: ...


@dataclass(frozen=True)
class SplitData:
    """The rows of one split: whole utterances, or consecutive segments of them.

    Attributes:
        utterances: N names; the segments of an utterance share its name.
        speakers: speaker of each row, N entries.
        emotion: class index of each row, (N,), int64.
        frames: frames of each row, (T, F), float32: on ``device``, or :class:`StreamedFrames`.
        n_frames: number of frames of each row, (N,), int64.
        device: device of the batches and of the teacher's embeddings.
        teacher_embedding: the teacher's embedding of each row, (N, D), float32; None without a teacher.
        speaker: index of each speaker among the training speakers, (N,), int64; -1 for any other speaker;
            None if unknown.
        standardisation: statistics that standardised all frames; None if they are not standardised, or by speaker.
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
        """Return the chosen rows as one batch.

        Args:
            chosen: indices of rows, (B,).
            min_frames: shortest input of the system; shorter rows are padded to it
                with zeros, the mean of the training frames.

        Returns:
            The batch, as long as its longest row.
        """
        n_frames = np.maximum(self.n_frames[chosen], min_frames)
        rows = [self.frames[i] for i in chosen]
        features = rows[0].new_zeros(len(chosen), int(n_frames.max()), rows[0].shape[1])  # (B, T, F)
        for i, frames in enumerate(rows):
            features[i, : len(frames)] = frames
        return Batch(
            features=features.to(self.device),
            n_frames=torch.from_numpy(n_frames).to(self.device),
            emotion=torch.from_numpy(self.emotion[chosen]).to(self.device),
            teacher_embedding=None if self.teacher_embedding is None else self.teacher_embedding[chosen],
            speaker=None if self.speaker is None else torch.from_numpy(self.speaker[chosen]).to(self.device),
        )

    def digest(self) -> str:
        """Return a hash of everything a training can learn from these rows, wherever their frames are stored."""
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
class _Excerpt:
    """Frames ``first`` to ``first + n_frames`` of an utterance, padded with zeros where it is shorter."""

    utterance: str
    first: int
    n_frames: int


class StreamedFrames:
    """Frames of utterances or segments, read from the archive on each access.

    Nothing is cached in the process: the kernel caches the mapped files and
    drops them when memory is short.

    Args:
        archive: features of the corpus.
        standardisation: statistics of all utterances, or utterance -> its statistics; None leaves features
            unchanged.
        excerpts: which frames of which utterance each row has.
    """

    def __init__(
        self, archive: Archive, standardisation: _Standardisations | None, excerpts: Sequence[_Excerpt]
    ) -> None:
        self._archive, self._standardisation, self._excerpts = archive, standardisation, excerpts

    def __len__(self) -> int:
        return len(self._excerpts)

    def __iter__(self) -> Iterator[Tensor]:
        return (self[i] for i in range(len(self)))

    def __getitem__(self, i: int) -> Tensor:
        """Return the frames of a row, (T, F) float32, in CPU memory."""
        excerpt = self._excerpts[i]
        read = self._archive[excerpt.utterance][excerpt.first : excerpt.first + excerpt.n_frames]
        frames = np.zeros((excerpt.n_frames, read.shape[1]), dtype=np.float32)
        frames[: len(read)] = read
        standardisation = self._standardisation
        if isinstance(standardisation, Mapping):
            standardisation = standardisation[excerpt.utterance]
        return torch.from_numpy(frames if standardisation is None else standardisation.apply(frames))


def load_splits(
    fold: Fold,
    archive: Archive,
    classes: Sequence[str],
    run: RunSettings,
    device: torch.device,
    teacher: str | Path | None = None,
    *,
    stream: bool = False,
) -> dict[str, SplitData]:
    """Load the features of a fold, standardised by its training rows or by speaker if the run is.

    Args:
        fold: the fold.
        archive: features of the corpus.
        classes: classes of the task, in order.
        run: settings of the run.
        device: device of the batches.
        teacher: ``embeddings.npz`` of the teacher on the same fold; None without a teacher.
        stream: read features from the archive batch by batch; else hold them on ``device``.

    Returns:
        train, dev, test and held_out; all but train may be empty.

    Raises:
        InputError: if the archive or the teacher lacks an utterance, or the teacher's file is damaged.
    """
    training = fold.of_split(TRAINING_SPLIT)
    standardisation: _Standardisations | None = None
    if run.standardise_by_speaker:
        standardisation = fit_by_speaker(archive, fold.speaker_of, list(training["utterance"]))
    elif run.standardise:
        standardisation = fit_standardisation(archive, list(training["utterance"]))
    training_speakers = sorted(training["speaker"].unique())
    embeddings = None if teacher is None else _read_embeddings(teacher, fold)
    return {
        split: load_split(
            fold.of_split(split),
            classes,
            archive,
            standardisation,
            training_speakers=training_speakers,
            max_frames=run.max_frames,
            segment_frames=run.segment_frames,
            device=device,
            teacher=embeddings,
            stream=stream,
        )
        for split in SPLITS
    }


def load_split(
    rows: pd.DataFrame,
    classes: Sequence[str],
    archive: Archive,
    standardisation: _Standardisations | None,
    *,
    training_speakers: Sequence[str],
    max_frames: int | None,
    device: torch.device,
    teacher: Mapping[str, np.ndarray] | None = None,
    segment_frames: int | None = None,
    stream: bool = False,
) -> SplitData:
    """Load the utterances of one split as input of a system.

    Args:
        rows: utterance, speaker and emotion of each, N rows.
        classes: classes of the task, in order.
        archive: features of the corpus.
        standardisation: statistics of all utterances, or utterance -> its statistics; None leaves features
            unchanged.
        training_speakers: speakers of the training rows, each once, in order.
        max_frames: longer utterances are cut to this many frames at their center; None keeps all frames.
        device: device of the batches.
        teacher: utterance -> embedding of the teacher, (D,); None without a teacher.
        segment_frames: utterances are cut into segments of this many frames; shorter ones are padded with zeros
            before standardisation. None keeps utterances whole.
        stream: read frames from the archive batch by batch; else hold them on ``device``. The values are the
            same.

    Returns:
        The data of the split, in the order of ``rows``.
    """
    index = {name: i for i, name in enumerate(classes)}
    speaker_index = {name: i for i, name in enumerate(training_speakers)}
    excerpts = [_excerpts(u, archive.n_frames(u), max_frames, segment_frames) for u in rows["utterance"]]
    rows = rows.iloc[np.repeat(np.arange(len(rows)), [len(of_utterance) for of_utterance in excerpts])]
    flat = [excerpt for of_utterance in excerpts for excerpt in of_utterance]
    streamed = StreamedFrames(archive, standardisation, flat)
    n_frames = np.array([excerpt.n_frames for excerpt in flat], dtype=np.int64)
    teacher_embedding = None
    if teacher is not None and len(rows):
        teacher_embedding = torch.from_numpy(np.stack([teacher[u] for u in rows["utterance"]])).to(device)
    return SplitData(
        utterances=tuple(rows["utterance"]),
        speakers=tuple(rows["speaker"]),
        emotion=np.array([index[e] for e in rows["emotion"]], dtype=np.int64),
        frames=streamed if stream else _in_memory(streamed, n_frames, archive.n_bins, device),
        n_frames=n_frames,
        device=device,
        teacher_embedding=teacher_embedding,
        speaker=np.array([speaker_index.get(s, -1) for s in rows["speaker"]], dtype=np.int64),
        standardisation=standardisation if isinstance(standardisation, Standardisation) else None,
    )


def training_data(train: SplitData, classes: Sequence[str], run: RunSettings) -> TrainingData:
    """Return the sizes of the training rows that a system is built from."""
    counts = np.bincount(train.emotion, minlength=len(classes))
    lengths = set(train.n_frames.tolist())
    return TrainingData(
        n_bins=train.frames[0].shape[1],
        class_counts=tuple(int(n) for n in counts),
        n_frames=lengths.pop() if len(lengths) == 1 else None,
        n_speakers=len(set(train.speakers)),
        n_updates=run.n_updates(len(train)),
    )


def _read_embeddings(path: str | Path, fold: Fold) -> dict[str, np.ndarray]:
    """Return utterance -> embedding (D,) for every utterance of a fold."""
    content = read_npz(path, "the embeddings.npz of a teacher", ["utterance", "embedding"])
    embeddings = dict(zip(content["utterance"].tolist(), content["embedding"], strict=True))
    lacking = [utterance for utterance in fold.utterances["utterance"] if utterance not in embeddings]
    if lacking:
        raise InputError(
            f"{path}: has no embedding of {lacking[0]!r} and {len(lacking) - 1} more; "
            f"expected one of every utterance of fold {fold.number}"
        )
    return embeddings


def _excerpts(utterance: str, n_frames: int, max_frames: int | None, segment_frames: int | None) -> list[_Excerpt]:
    """Cut an utterance to at most ``max_frames`` central frames, in one piece or in segments."""
    length = n_frames if max_frames is None else min(n_frames, max_frames)
    first = (n_frames - length) // 2
    if segment_frames is None:
        return [_Excerpt(utterance, first, length)]
    return [_Excerpt(utterance, first + start, segment_frames) for start in segment_starts(length, segment_frames)]


def _in_memory(frames: Frames, n_frames: np.ndarray, n_bins: int, device: torch.device) -> tuple[Tensor, ...]:
    """Copy frames into one tensor on a device; return views of it."""
    tensor = torch.empty(int(n_frames.sum()), n_bins)
    for part, row in zip(tensor.split(n_frames.tolist()), frames, strict=True):
        part.copy_(row)
    return tensor.to(device).split(n_frames.tolist())
