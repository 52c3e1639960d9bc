"""What a system hears that takes speech apart: a spectrogram, and beside it the pitch as each speaker has it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from emofactors.corpora.splits import Fold
from emofactors.errors import InputError
from emofactors.features.archive import FeatureArchive

#: The pitch of unvoiced frames: so low that whatever it is interpolated with is unvoiced, too.
UNVOICED = -1e10

#: Deviations of a speaker's log F0 on either side of its mean that the range from 0 to 1 holds.
DEVIATIONS = 4

#: A std of log F0 up to this is rounding: an octave is 0.7.
_CONSTANT = 1e-6


@dataclass(frozen=True)
class _Voice:
    """Mean and std of a speaker's log F0; std 0 where too little is voiced to have one."""

    mean: float
    std: float


class FactorArchive:
    """Log-Mel frames and pitch of a corpus side by side, to be read as a :class:`FeatureArchive` is.

    Pitch is log F0 in stds from its speaker's mean, four on either side brought to [0, 1] and clipped,
    so that it says how somebody speaks and not who does; at 0 the published quantisation hears it as unvoiced.
    Mean and std of a speaker are over the voiced frames of its training utterances; a speaker who has
    none is normalised by all utterances it has here, which takes no label. Where they do not differ, or none
    is voiced, no std is known and every voiced frame of the speaker is in the middle, at 0.5.

    Source: Qian et al., Unsupervised speech decomposition via triple information bottleneck, ICML 2020, public
    code: mean and std over the files of a speaker, end to end.

    Args:
        mel: log-Mel spectrograms.
        f0: F0 in Hz of the same utterances, 0 where unvoiced, frame by frame.
        speaker_of: utterance -> its speaker.
        training: utterances that train.

    Attributes:
        folders: those of both archives.
        utterances: those of ``speaker_of``, in its order.
        n_bins: Mel bands, and one bin of pitch.

    Raises:
        ValueError: if ``f0`` has more than one bin, or an utterance that trains has no speaker.
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
            raise ValueError(f"utterance {unknown!r} trains and has no speaker, expected one")
        self.folders = (*mel.folders, *f0.folders)
        self.utterances = tuple(speaker_of)
        self.n_bins = mel.n_bins + 1
        self._mel, self._f0 = mel, f0
        self._speaker_of = dict(speaker_of)
        self._heard_of = _heard_of_speakers(speaker_of, frozenset(training))
        self._voices: dict[str, _Voice] = {}

    @classmethod
    def of_fold(cls, mel: FeatureArchive, f0: FeatureArchive, fold: Fold, *, trains: bool = True) -> Self:
        """The utterances of a fold.

        Args:
            mel: log-Mel spectrograms.
            f0: F0 of the same utterances.
            fold: who speaks, and who trains.
            trains: whether its training utterances trained what hears this; if not, every speaker is
                normalised by all of its utterances.

        Returns:
            Them.
        """
        speaker_of = dict(zip(fold.utterances["utterance"], fold.utterances["speaker"], strict=True))
        return cls(mel, f0, speaker_of, list(fold.of_split("train")["utterance"]) if trains else ())

    def __getitem__(self, utterance: str) -> np.ndarray:
        """Mel bands, then pitch: (T, n_mels + 1) float32; pitch in [0, 1], ``UNVOICED`` where unvoiced.

        Raises:
            InputError: if an archive lacks the utterance, or has it in other frames than the other; if
                ``speaker_of`` does not know it.
        """
        if utterance not in self._speaker_of:
            raise InputError(f"{self.folders[0]}: the speaker of {utterance!r} is not known, expected one")
        mel, f0_hz = self._mel[utterance], self._f0[utterance]
        if len(mel) != len(f0_hz):
            raise InputError(
                f"{self._f0.folders[0]}: utterance {utterance!r} has {len(f0_hz)} frames, "
                f"expected {len(mel)} as in {self._mel.folders[0]}"
            )
        return np.concatenate([mel, self._pitch(f0_hz, self._voice(self._speaker_of[utterance]))], axis=1)

    def n_frames(self, utterance: str) -> int:
        """Frames of one utterance, T."""
        return self._mel.n_frames(utterance)

    def _voice(self, speaker: str) -> _Voice:
        """A speaker's mean and std, over its utterances that count, found when they are first asked for."""
        if speaker not in self._voices:
            f0_hz = np.concatenate([self._f0[utterance][:, 0] for utterance in self._heard_of[speaker]])
            log_f0 = np.log(f0_hz[f0_hz > 0], dtype=np.float64)
            self._voices[speaker] = (
                _Voice(float(log_f0.mean()), float(log_f0.std())) if len(log_f0) else _Voice(0.0, 0.0)
            )
        return self._voices[speaker]

    @staticmethod
    def _pitch(f0_hz: np.ndarray, voice: _Voice) -> np.ndarray:
        """Pitch of F0 in Hz, (T, 1) float32."""
        voiced = f0_hz > 0
        if voice.std <= _CONSTANT:
            return np.where(voiced, 0.5, UNVOICED).astype(np.float32)
        log_f0 = np.log(np.where(voiced, f0_hz, 1.0), dtype=np.float64)
        off = np.clip((log_f0 - voice.mean) / voice.std / DEVIATIONS, -1.0, 1.0)
        return np.where(voiced, (off + 1) / 2, UNVOICED).astype(np.float32)


def _heard_of_speakers(speaker_of: Mapping[str, str], training: frozenset[str]) -> dict[str, list[str]]:
    """Speaker -> the utterances its statistics are of: those that train, or all where none does."""
    all_of: dict[str, list[str]] = {}
    for utterance, speaker in speaker_of.items():
        all_of.setdefault(speaker, []).append(utterance)
    return {speaker: [u for u in of if u in training] or of for speaker, of in all_of.items()}
