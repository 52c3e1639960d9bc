"""Input of a decomposer: log-Mel spectrogram and speaker-normalised pitch."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from emofactors.corpora.splits import Fold
from emofactors.errors import InputError
from emofactors.features.archive import FeatureArchive
from emofactors.features.standardisation import reference_utterances

#: Pitch of unvoiced frames: so low that interpolation with any voiced pitch is unvoiced as well.
UNVOICED = -1e10

#: Stds of a speaker's log F0 on either side of its mean that are mapped to [0, 1].
N_STDS = 4

#: A std of log F0 up to this is rounding: an octave is 0.7.
_CONSTANT = 1e-6


@dataclass(frozen=True)
class _LogF0:
    """Mean and std of a speaker's log F0; both 0 without voiced frames."""

    mean: float
    std: float


class FactorArchive:
    """Log-Mel frames and pitch of a corpus in one array, with the interface of a :class:`FeatureArchive`.

    Pitch is log F0, standardised by speaker; four stds on either side of the mean are mapped to [0, 1] and
    clipped, which removes the speaker's range; the published quantisation treats 0 as unvoiced. Mean and std
    of a speaker are computed over the voiced frames of its training utterances, or of all its utterances if
    none is a training utterance, which needs no label. If F0 does not vary or no frame is voiced, every voiced
    frame of the speaker gets 0.5.

    Source: Qian et al., Unsupervised speech decomposition via triple information bottleneck, ICML 2020, public
    code: mean and std over the files of a speaker, end to end.

    Args:
        mel: log-Mel spectrograms.
        f0: F0 in Hz of the same utterances and frames, 0 where unvoiced.
        speaker_of: utterance -> its speaker.
        training: training utterances.

    Attributes:
        folders: those of both archives.
        utterances: those of ``speaker_of``, in its order.
        n_bins: Mel bands, and one bin of pitch.

    Raises:
        ValueError: if ``f0`` has more than one bin, or a training utterance has no speaker.
    """

    folders: tuple[Path, ...]
    utterances: tuple[str, ...]
    n_bins: int

    def __init__(
        self,
        mel: FeatureArchive,
        f0: FeatureArchive,
        speaker_of: Mapping[str, str],
        training: Collection[str],
    ) -> None:
        if f0.n_bins != 1:
            raise ValueError(f"F0 has {f0.n_bins} bins in {f0.folders[0]}, expected 1")
        unknown = next((u for u in training if u not in speaker_of), None)
        if unknown is not None:
            raise ValueError(f"training utterance {unknown!r} has no speaker, expected one")
        self.folders = (*mel.folders, *f0.folders)
        self.utterances = tuple(speaker_of)
        self.n_bins = mel.n_bins + 1
        self._mel, self._f0 = mel, f0
        self._speaker_of = dict(speaker_of)
        self._reference_of = reference_utterances(speaker_of, training)
        self._log_f0_of: dict[str, _LogF0] = {}

    @classmethod
    def of_fold(cls, mel: FeatureArchive, f0: FeatureArchive, fold: Fold, *, own_training: bool = True) -> Self:
        """Return the archive of a fold's utterances.

        Args:
            mel: log-Mel spectrograms.
            f0: F0 of the same utterances.
            fold: speakers and splits.
            own_training: whether the decomposer is trained on this fold; if not, every speaker is normalised by
                all of its utterances.
        """
        return cls(mel, f0, fold.speaker_of, list(fold.of_split("train")["utterance"]) if own_training else ())

    def __getitem__(self, utterance: str) -> np.ndarray:
        """Return Mel bands, then pitch: (T, n_mels + 1) float32; pitch in [0, 1], ``UNVOICED`` where unvoiced.

        Raises:
            InputError: if an archive lacks the utterance, their numbers of frames differ, or ``speaker_of``
                lacks the utterance.
        """
        if utterance not in self._speaker_of:
            raise InputError(f"{self.folders[0]}: utterance {utterance!r} has no speaker, expected one")
        mel, f0_hz = self._mel[utterance], self._f0[utterance]
        if len(mel) != len(f0_hz):
            raise InputError(
                f"{self._f0.folders[0]}: utterance {utterance!r} has {len(f0_hz)} frames, "
                f"expected {len(mel)} as in {self._mel.folders[0]}"
            )
        return np.concatenate([mel, _pitch(f0_hz, self._log_f0(self._speaker_of[utterance]))], axis=1)

    def n_frames(self, utterance: str) -> int:
        """Return the number of frames of one utterance, T."""
        return self._mel.n_frames(utterance)

    def _log_f0(self, speaker: str) -> _LogF0:
        """Mean and std of a speaker's log F0, computed on first use."""
        if speaker not in self._log_f0_of:
            f0_hz = np.concatenate([self._f0[utterance][:, 0] for utterance in self._reference_of[speaker]])
            log_f0 = np.log(f0_hz[f0_hz > 0], dtype=np.float64)
            self._log_f0_of[speaker] = (
                _LogF0(float(log_f0.mean()), float(log_f0.std())) if len(log_f0) else _LogF0(0.0, 0.0)
            )
        return self._log_f0_of[speaker]


def _pitch(f0_hz: np.ndarray, of_speaker: _LogF0) -> np.ndarray:
    """Normalised pitch of F0 in Hz (T, 1), (T, 1) float32."""
    voiced = f0_hz > 0
    if of_speaker.std <= _CONSTANT:
        return np.where(voiced, 0.5, UNVOICED).astype(np.float32)
    log_f0 = np.log(np.where(voiced, f0_hz, 1.0), dtype=np.float64)
    z = np.clip((log_f0 - of_speaker.mean) / of_speaker.std / N_STDS, -1.0, 1.0)
    return np.where(voiced, (z + 1) / 2, UNVOICED).astype(np.float32)
