"""The utterances of one role in memory, and batches of them with hardly any padding."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from emofactors.features.archive import FeatureArchive
from emofactors.features.segments import segments
from emofactors.features.standardisation import Standardisation
from emofactors.systems.base import Batch


@dataclass(frozen=True)
class RoleData:
    """All utterances of one role, end to end in one tensor; each whole, or as segments that follow each other.

    Attributes:
        utterances: N names; those of an utterance in segments are the same.
        speakers: speaker of each, N entries.
        emotion: class index of each, (N,), int64.
        frames: their frames end to end, (sum of n_frames, F), float32.
        offset: first frame of each, (N,), int64.
        n_frames: frames of each, (N,), int64.
        teacher_embedding: what the variant's teacher made of each, (N, D), float32; None without one.
        speaker: index of each one's speaker among the training speakers, (N,), int64; -1 for a speaker that is
            not in training, None where it is not known.
    """

    utterances: tuple[str, ...]
    speakers: tuple[str, ...]
    emotion: np.ndarray
    frames: Tensor
    offset: np.ndarray
    n_frames: np.ndarray
    teacher_embedding: Tensor | None = None
    speaker: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.utterances)

    def batch(self, chosen: np.ndarray, least_frames: int) -> Batch:
        """The chosen utterances as one batch.

        Args:
            chosen: indices of utterances, (B,).
            least_frames: an utterance shorter than a system can hear is
                continued with zeros, the training rows' mean, to this length.

        Returns:
            The batch, on the device of ``frames``, no longer than its longest utterance.
        """
        n_frames = np.maximum(self.n_frames[chosen], least_frames)
        features = self.frames.new_zeros(len(chosen), int(n_frames.max()), self.frames.shape[1])  # (B, T, F)
        for row, i in enumerate(chosen):
            length = self.n_frames[i]
            features[row, :length] = self.frames[self.offset[i] : self.offset[i] + length]
        device = self.frames.device
        return Batch(
            features=features,
            n_frames=torch.from_numpy(n_frames).to(device),
            emotion=torch.from_numpy(self.emotion[chosen]).to(device),
            teacher_embedding=None if self.teacher_embedding is None else self.teacher_embedding[chosen],
            speaker=None if self.speaker is None else torch.from_numpy(self.speaker[chosen]).to(device),
        )

    def digest(self) -> str:
        """Hash of everything a training can learn from these rows."""
        digest = sha256(repr((self.utterances, self.speakers)).encode())
        arrays = [self.emotion, self.offset, self.n_frames, self.frames.cpu().numpy()]
        if self.teacher_embedding is not None:
            arrays.append(self.teacher_embedding.cpu().numpy())
        if self.speaker is not None:
            arrays.append(self.speaker)
        for array in arrays:
            digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()


def load_role(
    rows: pd.DataFrame,
    classes: Sequence[str],
    archive: FeatureArchive,
    standardisation: Standardisation | None,
    *,
    training_speakers: Sequence[str],
    max_frames: int | None,
    device: torch.device,
    teacher: Mapping[str, np.ndarray] | None = None,
    segment_frames: int | None = None,
) -> RoleData:
    """Read the features of one role into memory.

    Args:
        rows: utterance, speaker and emotion of each, N rows.
        classes: classes of the task, in order.
        archive: features of the corpus.
        standardisation: fitted on the training rows; None: features stay as they are.
        training_speakers: speakers of the training rows, each once, in order.
        max_frames: a longer utterance keeps this many frames at its center; None: all.
        device: where the frames shall lie.
        teacher: utterance -> what the variant's teacher made of it, (D,); None without a teacher.
        segment_frames: utterances become segments of this many frames, shorter ones followed by zeros, which are
            standardised like all else; None: they stay whole.

    Returns:
        The role's data, in the order of ``rows``.
    """
    index = {name: i for i, name in enumerate(classes)}
    speaker_index = {name: i for i, name in enumerate(training_speakers)}
    spectrograms = [_center(archive[utterance], max_frames) for utterance in rows["utterance"]]
    if segment_frames is not None:
        parts = [segments(spectrogram, segment_frames) for spectrogram in spectrograms]
        rows = rows.iloc[np.repeat(np.arange(len(rows)), [len(p) for p in parts])]
        spectrograms = [segment for part in parts for segment in part]
    n_frames = np.array([len(s) for s in spectrograms], dtype=np.int64)
    offset = np.concatenate([[0], np.cumsum(n_frames)]).astype(np.int64)
    frames = np.empty((int(offset[-1]), archive.n_bins), dtype=np.float32)
    for first, spectrogram in zip(offset, spectrograms, strict=False):
        frames[first : first + len(spectrogram)] = (
            spectrogram if standardisation is None else standardisation.apply(spectrogram)
        )
    targets = None
    if teacher is not None and len(rows):
        targets = torch.from_numpy(np.stack([teacher[utterance] for utterance in rows["utterance"]])).to(device)
    return RoleData(
        utterances=tuple(rows["utterance"]),
        speakers=tuple(rows["speaker"]),
        emotion=np.array([index[e] for e in rows["emotion"]], dtype=np.int64),
        frames=torch.from_numpy(frames).to(device),
        offset=offset[:-1],
        n_frames=n_frames,
        teacher_embedding=targets,
        speaker=np.array([speaker_index.get(s, -1) for s in rows["speaker"]], dtype=np.int64),
    )


def _center(spectrogram: np.ndarray, max_frames: int | None) -> np.ndarray:
    """At most ``max_frames`` frames around the middle of a (T, F) spectrogram."""
    if max_frames is None or len(spectrogram) <= max_frames:
        return spectrogram
    first = (len(spectrogram) - max_frames) // 2
    return spectrogram[first : first + max_frames]


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
