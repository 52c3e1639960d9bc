"""Features of a whole corpus, or of its augmented copies: decode, resample, augment, transform, store."""

import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd
import torch

from emofactors.config.features import Features, FeatureSettings
from emofactors.config.tasks import AugmentationSettings
from emofactors.corpora.audio import read_waveform
from emofactors.corpora.augmentations import copy_name
from emofactors.errors import InputError
from emofactors.features.archive import ArchiveWriter
from emofactors.features.audio import Transform, resampled
from emofactors.features.augment import augmented
from emofactors.features.image import image, n_frames_of
from emofactors.features.spectrogram import log_spectrograms
from emofactors.io.csv import rows_of

logger = logging.getLogger(__name__)

#: Utterances are transformed together up to this much audio: enough for the work to outweigh Python's
#: share of it, little enough to keep every thread busy with a small corpus.
GROUP_S = 20.0

#: Seconds between two lines of progress.
PROGRESS_S = 5.0

Given = TypeVar("Given")
Made = TypeVar("Made")


@dataclass(frozen=True)
class _Utterance:
    """Where an utterance lies; times are None where the whole file is meant."""

    name: str
    path: Path
    start_s: float | None
    end_s: float | None
    duration_s: float


@dataclass(frozen=True)
class Take:
    """What is transformed: an utterance or one of its copies, samples (n_samples,) at the features' rate."""

    name: str
    path: Path
    samples: np.ndarray


def extract(
    manifest: pd.DataFrame,
    root: Path,
    settings: Features,
    folder: Path,
    threads: int,
    *,
    longest_s: float | None = None,
    augmentation: AugmentationSettings | None = None,
    transform: Transform | None = None,
) -> None:
    """Write the features of every utterance of a corpus or a shard of it, or of the copies of every utterance.

    Groups of utterances are worked on in threads: decoding, resampling and
    transforms run outside of the interpreter's lock. Groups follow from the
    manifest alone and are stored in its order, so the archive's bytes do not
    depend on ``threads``. An utterance's features do not depend on its group.
    Memory holds a few groups, whatever the corpus.

    Args:
        manifest: the utterances: columns utterance, path, start_s, end_s, duration_s.
        root: folder the paths are relative to.
        settings: what the features are. Images are padded to the corpus' longest utterance, those of copies
            too, so that a second is as wide in both.
        folder: where the archive shall be; it appears when it is whole.
        threads: groups worked on at the same time.
        longest_s: duration of the corpus' longest utterance; None: of the manifest's.
        augmentation: None: the utterances themselves. Otherwise their copies alone, named by
            ``copy_name``, in the manifest's order, those of an utterance in the order of ``copies``.
        transform: what makes them of waveforms, see ``features.transform_by``; None: spectrograms.

    Raises:
        InputError: if an utterance is missing, cannot be decoded, is shorter than a window's half,
            or has features that are not finite.
    """
    utterances = [
        _Utterance(row.utterance, Path(root) / row.path, _time(row.start_s), _time(row.end_s), row.duration_s)
        for row in rows_of(manifest)
    ]
    if transform is None:
        assert isinstance(settings, FeatureSettings)  # all other kinds have a transform of their own
        if longest_s is None:
            longest_s = max((utterance.duration_s for utterance in utterances), default=0.0)
        transform = spectrograms_by(settings, longest_s)
    what = "utterances" if augmentation is None else f"utterances' copies ({', '.join(augmentation.copies)})"
    threads_of_torch = torch.get_num_threads()
    done, began = 0, time.monotonic()
    said = began
    try:
        with (
            ArchiveWriter(folder, settings.n_bins) as archive,
            # One thread of torch in each of ours: bytes do not vary, and threads do not crowd each other.
            ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool,
        ):
            groups = list(_groups(utterances))
            made = in_order(
                pool, lambda group: _features(group, settings, augmentation, transform), groups, ahead=2 * threads
            )
            for group, features in zip(groups, made, strict=True):
                for name, frames in features.items():
                    archive.add(name, frames)
                done += len(group)
                if time.monotonic() - said > PROGRESS_S:
                    said = time.monotonic()
                    logger.info("features of %d of %d %s", done, len(utterances), what)
    finally:
        torch.set_num_threads(threads_of_torch)
    hours = sum(utterance.duration_s for utterance in utterances) / 3600
    logger.info("features of %d %s, %.2f h, in %.1f s", done, what, hours, time.monotonic() - began)


def _time(time_s: float) -> float | None:
    return None if np.isnan(time_s) else time_s


def _groups(utterances: Iterable[_Utterance]) -> Iterator[list[_Utterance]]:
    """Neighbours of the manifest, up to ``GROUP_S`` of audio together; a longer utterance is alone."""
    group: list[_Utterance] = []
    group_s = 0.0
    for utterance in utterances:
        if group and group_s + utterance.duration_s > GROUP_S:
            yield group
            group, group_s = [], 0.0
        group.append(utterance)
        group_s += utterance.duration_s
    if group:
        yield group


def in_order(
    pool: ThreadPoolExecutor, work: Callable[[Given], Made], given: Iterable[Given], *, ahead: int
) -> Iterator[Made]:
    """Results in the order of what was given, with at most ``ahead`` of them waiting in memory."""
    waiting: deque[Future[Made]] = deque()
    for item in given:
        if len(waiting) == ahead:
            yield waiting.popleft().result()
        waiting.append(pool.submit(work, item))
    while waiting:
        yield waiting.popleft().result()


def spectrograms_by(settings: FeatureSettings, longest_s: float) -> Transform:
    """What makes spectrograms, or images of them, of waveforms.

    Args:
        settings: what they are.
        longest_s: duration of the corpus' longest utterance in seconds, to which images are padded.
    """
    return partial(_images, settings=settings, longest=n_frames_of(longest_s, settings))


def features_of_takes(takes: Sequence[Take], settings: Features, transform: Transform) -> dict[str, np.ndarray]:
    """Features of some utterances or copies.

    Args:
        takes: them, each with a name of its own.
        settings: what the features are.
        transform: what makes them of waveforms.

    Returns:
        Name -> (T, F) float32.

    Raises:
        InputError: if one is shorter than a window's half, or has features that are not finite.
    """
    # openSMILE and trackers of F0 hear whatever there is; a spectrogram reflects the utterance at its ends.
    shortest = settings.min_samples if isinstance(settings, FeatureSettings) else 1
    for take in takes:
        if len(take.samples) < shortest:
            raise InputError(
                f"{take.path}: utterance {take.name!r} has {len(take.samples)} samples at "
                f"{settings.sample_rate_hz} Hz, expected at least {shortest}"
            )
    made = transform([take.samples for take in takes])
    features = {}
    for take, frames in zip(takes, made, strict=True):
        features[take.name] = frames
        if not np.isfinite(frames).all():
            raise InputError(
                f"{take.path}: features of utterance {take.name!r} are not finite; expected finite audio"
            )
    return features


def _images(waveforms: Sequence[np.ndarray], settings: FeatureSettings, longest: int) -> list[np.ndarray]:
    """Spectrograms of some waveforms, or images of them, (T, F) each."""
    return [image(made, settings, longest=longest) for made in log_spectrograms(waveforms, settings)]


def _features(
    group: list[_Utterance],
    settings: Features,
    augmentation: AugmentationSettings | None,
    transform: Transform,
) -> dict[str, np.ndarray]:
    """Features of some utterances or of their copies: name -> (T, F)."""
    takes = [take for utterance in group for take in _takes(utterance, settings, augmentation)]
    return features_of_takes(takes, settings, transform)


def _takes(utterance: _Utterance, settings: Features, augmentation: AugmentationSettings | None) -> list[Take]:
    """An utterance itself, or its copies; its audio is read once for all of them."""
    waveform = read_waveform(utterance.path, utterance.start_s, utterance.end_s)
    samples = resampled(waveform, settings.sample_rate_hz).samples
    if augmentation is None:
        return [Take(utterance.name, utterance.path, samples)]
    return [
        Take(
            copy_name(utterance.name, kind),
            utterance.path,
            augmented(samples, utterance.name, kind, augmentation),
        )
        for kind in augmentation.copies
    ]
