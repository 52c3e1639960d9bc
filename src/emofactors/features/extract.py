"""Extraction of features from a corpus or its augmented copies: decode, resample, augment, transform, store."""

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

from emofactors.config.augmentations import AugmentationSettings
from emofactors.config.features import Features, FeatureSettings
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

#: Utterances are transformed in groups of up to this much audio: enough to outweigh Python's overhead, little
#: enough to keep every thread busy with a small corpus.
GROUP_S = 20.0

#: Seconds between two progress messages.
PROGRESS_S = 5.0

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class _Utterance:
    """Location of an utterance; times are None for a whole file."""

    name: str
    path: Path
    start_s: float | None
    end_s: float | None
    duration_s: float


@dataclass(frozen=True)
class Clip:
    """Audio to transform, an utterance or one of its copies: samples (n_samples,) at the rate of the features."""

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
    """Write an archive of the features of a corpus or a shard of it, or of its augmented copies.

    Groups of utterances are processed in threads: decoding, resampling and
    transforms release the interpreter's lock. Groups depend on the manifest
    only and are stored in its order, so the archive's bytes do not depend on
    ``threads``. The features of an utterance do not depend on its group. Memory
    holds a few groups, whatever the size of the corpus.

    Args:
        manifest: the utterances: columns utterance, path, start_s, end_s, duration_s.
        root: folder the paths are relative to.
        settings: parameters of the features.
        folder: folder of the archive, which appears once it is complete.
        threads: groups processed in parallel.
        longest_s: duration of the corpus' longest utterance, to which images are padded, those of copies as well,
            so that all have the same time scale; None: the longest of the manifest.
        augmentation: None: the utterances themselves. Otherwise their copies only, named by
            ``copy_name``, in the manifest's order, those of an utterance in the order of ``copies``.
        transform: see ``features.feature_transform``; None: spectrograms.

    Raises:
        InputError: if an utterance is missing, cannot be decoded, is shorter than half a window,
            or has features that are not finite.
    """
    utterances = [
        _Utterance(row.utterance, Path(root) / row.path, _time(row.start_s), _time(row.end_s), row.duration_s)
        for row in rows_of(manifest)
    ]
    if transform is None:
        assert isinstance(settings, FeatureSettings)  # all other kinds have their own transform
        if longest_s is None:
            longest_s = max((utterance.duration_s for utterance in utterances), default=0.0)
        transform = spectrogram_transform(settings, longest_s)
    kind = "utterances" if augmentation is None else f"utterances' copies ({', '.join(augmentation.copies)})"
    threads_before = torch.get_num_threads()
    done, start = 0, time.monotonic()
    last_message = start
    try:
        with (
            ArchiveWriter(folder, settings.n_bins) as archive,
            # One torch thread per pool thread: bytes do not vary, and threads do not compete for processors.
            ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool,
        ):
            groups = list(_groups(utterances))
            results = map_in_order(
                pool, lambda group: _features(group, settings, augmentation, transform), groups, ahead=2 * threads
            )
            for group, features in zip(groups, results, strict=True):
                for name, frames in features.items():
                    archive.add(name, frames)
                done += len(group)
                if time.monotonic() - last_message > PROGRESS_S:
                    last_message = time.monotonic()
                    logger.info("features of %d of %d %s", done, len(utterances), kind)
    finally:
        torch.set_num_threads(threads_before)
    hours = sum(utterance.duration_s for utterance in utterances) / 3600
    logger.info("features of %d %s, %.2f h, in %.1f s", done, kind, hours, time.monotonic() - start)


def _time(time_s: float) -> float | None:
    return None if np.isnan(time_s) else time_s


def _groups(utterances: Iterable[_Utterance]) -> Iterator[list[_Utterance]]:
    """Yield neighbours of the manifest, up to ``GROUP_S`` of audio each; a longer utterance is its own group."""
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


def map_in_order(
    pool: ThreadPoolExecutor, function: Callable[[Item], Result], items: Iterable[Item], *, ahead: int
) -> Iterator[Result]:
    """Yield the results in the order of the items, with at most ``ahead`` calls submitted in advance."""
    pending: deque[Future[Result]] = deque()
    for item in items:
        if len(pending) == ahead:
            yield pending.popleft().result()
        pending.append(pool.submit(function, item))
    while pending:
        yield pending.popleft().result()


def spectrogram_transform(settings: FeatureSettings, longest_s: float) -> Transform:
    """Return the transform to spectrograms, or to images of them.

    Args:
        settings: parameters of the spectrograms.
        longest_s: duration of the corpus' longest utterance in seconds, to which images are padded.
    """
    return partial(_images, settings=settings, longest=n_frames_of(longest_s, settings))


def features_of_clips(clips: Sequence[Clip], settings: Features, transform: Transform) -> dict[str, np.ndarray]:
    """Compute features of clips.

    Args:
        clips: utterances or copies with unique names.
        settings: parameters of the features.
        transform: function of waveforms that computes them.

    Returns:
        Name -> (T, F) float32.

    Raises:
        InputError: if a clip is shorter than half a window, or has features that are not finite.
    """
    # Only spectrograms reflect the utterance at its ends; openSMILE and F0 trackers take any length above 0.
    shortest = settings.min_samples if isinstance(settings, FeatureSettings) else 1
    for clip in clips:
        if len(clip.samples) < shortest:
            raise InputError(
                f"{clip.path}: utterance {clip.name!r} has {len(clip.samples)} samples at "
                f"{settings.sample_rate_hz} Hz, expected at least {shortest}"
            )
    features = dict(zip([clip.name for clip in clips], transform([clip.samples for clip in clips]), strict=True))
    for clip in clips:
        if not np.isfinite(features[clip.name]).all():
            raise InputError(
                f"{clip.path}: features of utterance {clip.name!r} are not finite, expected finite audio"
            )
    return features


def _images(waveforms: Sequence[np.ndarray], settings: FeatureSettings, longest: int) -> list[np.ndarray]:
    """Spectrograms of some waveforms, or images of them, (T, F) each."""
    return [image(spectrogram, settings, longest=longest) for spectrogram in log_spectrograms(waveforms, settings)]


def _features(
    group: list[_Utterance],
    settings: Features,
    augmentation: AugmentationSettings | None,
    transform: Transform,
) -> dict[str, np.ndarray]:
    """Features of some utterances or of their copies: name -> (T, F)."""
    clips = [clip for utterance in group for clip in _clips(utterance, settings, augmentation)]
    return features_of_clips(clips, settings, transform)


def _clips(utterance: _Utterance, settings: Features, augmentation: AugmentationSettings | None) -> list[Clip]:
    """Clip of an utterance, or those of its copies; its audio is read once for all of them."""
    waveform = read_waveform(utterance.path, utterance.start_s, utterance.end_s)
    samples = resampled(waveform, settings.sample_rate_hz).samples
    if augmentation is None:
        return [Clip(utterance.name, utterance.path, samples)]
    return [
        Clip(
            copy_name(utterance.name, kind),
            utterance.path,
            augmented(samples, utterance.name, kind, augmentation),
        )
        for kind in augmentation.copies
    ]
