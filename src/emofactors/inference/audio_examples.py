"""What a decomposer makes of some utterances, to be listened to: reconstructed, from one factor alone, and mixed."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
import soundfile
import torch
from torch import Tensor

from emofactors.config.features import FeatureSettings
from emofactors.config.labels import FACTORS
from emofactors.corpora.splits import Fold
from emofactors.errors import InputError
from emofactors.features.inversion import scale_to_peak, invert_mel
from emofactors.features.speech_factors import UNVOICED, FactorArchive
from emofactors.io.csv import rows_of
from emofactors.systems.base import Network

#: Splits whose utterances are listened to: the first of them that the fold has.
_SPLITS = ("test", "dev", "held_out", "train")

#: What is reconstructed -> the factors that are kept of it.
_KEPT = {"reconstructed": FACTORS, **{factor: (factor,) for factor in FACTORS}}

#: Index of the mean speaker in a decomposer's table.
_MEAN_SPEAKER = -1

#: Shorter utterances are not listened to: codes of a decomposer are 0.13 s apart.
_LEAST_CODES = 4


class Decomposer(Network, Protocol):
    """What is asked of a trained system that takes speech apart, see ``systems.speechflow``."""

    downsample: int

    def encode(self, speech: Tensor) -> Any:
        """Codes, a dataclass of content, rhythm and pitch, of speech (B, T, F)."""

    def decode(self, codes: Any, speaker: Tensor) -> Tensor:
        """Mel (B, T, n_mels) of codes and the speakers' embeddings."""

    def speaker_embedding(self, index: Tensor) -> Tensor:
        """Embeddings of speakers (B,)."""

    def reconstruct_from(self, speech: Tensor, kept: Collection[str], speaker: Tensor) -> Tensor:
        """Mel (B, T, n_mels) of what is kept of speech (B, T, F)."""


@dataclass(frozen=True)
class AudioExample:
    """Something to listen to.

    Attributes:
        utterance: its name; that of a mixture is the name of the utterance its content is of.
        speaker: of the utterance.
        emotion: likewise.
        split: likewise, in the fold.
        what: ``original``, ``reconstructed``, a factor, or ``mixed``.
        of: factor -> the utterance it is of; empty for an original.
        mel: log-Mel spectrogram, float32, (T, n_mels).
    """

    utterance: str
    speaker: str
    emotion: str
    split: str
    what: str
    of: dict[str, str]
    mel: np.ndarray


def choose_utterances(fold: Fold, long_enough: Collection[str], n_utterances: int) -> pd.DataFrame:
    """Utterances that differ in speaker and emotion as far as there are such, in the order of the fold.

    Args:
        fold: to choose from: of its test utterances, or where it has none of the next split that it has.
        long_enough: utterances that may be chosen.
        n_utterances: how many; fewer where the split has fewer.

    Returns:
        Their rows of the fold.

    Raises:
        InputError: if there is none.
    """
    for split in _SPLITS:
        rows = fold.of_split(split)
        rows = rows[(rows["utterance"] == rows["original"]) & rows["utterance"].isin(list(long_enough))]
        if len(rows):
            break
    else:
        raise InputError(
            f"fold {fold.number}: has no utterance to listen to, expected one of {_LEAST_CODES} codes"
        )
    chosen: list[int] = []
    speakers, emotions = rows["speaker"].tolist(), rows["emotion"].tolist()
    while len(chosen) < min(n_utterances, len(rows)):
        heard = {speakers[i] for i in chosen}, {emotions[i] for i in chosen}
        left = [i for i in range(len(rows)) if i not in chosen]
        chosen.append(min(left, key=lambda i: ((speakers[i] in heard[0]) + (emotions[i] in heard[1]), i)))
    return rows.iloc[chosen].reset_index(drop=True)


@torch.inference_mode()
def render_audio_examples(
    system: Decomposer, archive: FactorArchive, fold: Fold, n_utterances: int = 3
) -> list[AudioExample]:
    """Some utterances as they are, reconstructed from all factors and from one, and their factors mixed.

    What is not kept was silent when it was encoded, as where reconstructed speech is measured; all speak with the
    mean of the training speakers' embeddings. Mixed are the content of each with the rhythm of the next and
    the pitch of the one after; the shorter are followed by silence up to the length of the longest.

    Args:
        system: trained, in evaluation mode.
        archive: what it hears.
        fold: whose utterances are listened to.
        n_utterances: how many of them.

    Returns:
        For each utterance its original, ``reconstructed``, each factor, and ``mixed`` where there are two or more.

    Raises:
        InputError: if there is no utterance to listen to.
    """
    least = _LEAST_CODES * system.downsample
    long_enough = {u for u in archive.utterances if archive.n_frames(u) >= least}
    chosen = choose_utterances(fold, long_enough, n_utterances)
    speech = [_whole_codes(archive[utterance], system.downsample) for utterance in chosen["utterance"]]
    mixed = _mixed(system, speech) if len(speech) > 1 else []
    names = chosen["utterance"].tolist()
    sounds = []
    for i, (row, heard) in enumerate(zip(rows_of(chosen), speech, strict=True)):
        about = {"utterance": row.utterance, "speaker": row.speaker, "emotion": row.emotion, "split": row.split}
        sounds.append(AudioExample(**about, what="original", of={}, mel=heard[:, :-1]))
        for what, kept in _KEPT.items():
            mel = system.reconstruct_from(_on(system, [heard]), kept, _speakers(system, 1))
            sounds.append(
                AudioExample(**about, what=what, of=dict.fromkeys(kept, row.utterance), mel=_frames(mel)[0])
            )
        if mixed:
            of = {factor: names[(i + step) % len(names)] for step, factor in enumerate(FACTORS)}
            sounds.append(AudioExample(**about, what="mixed", of=of, mel=mixed[i]))
    return sounds


def write_audio_examples(sounds: Sequence[AudioExample], settings: FeatureSettings, folder: Path) -> None:
    """Write sounds as MP3 through Griffin and Lim's method, their spectrograms, and an index.

    ``index.json`` has in ``sounds`` a row a sound (utterance, speaker, emotion, split, what, of, file), and the
    settings of the frames; ``mels.npz`` has the spectrogram of each under the name of its file without ending.
    The same spectrograms give the same bytes.

    Args:
        sounds: what is listened to.
        settings: of the spectrograms.
        folder: where the files shall be; made where it is not.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, Any]] = []
    mels: dict[str, Any] = {}
    for i, sound in enumerate(sounds):
        stem = f"{i:02d}_{sound.what}"  # a name of an utterance need not be one of a file
        samples = scale_to_peak(invert_mel(sound.mel, settings))
        soundfile.write(folder / f"{stem}.mp3", samples, settings.sample_rate_hz, format="MP3")
        mels[stem] = sound.mel.astype(np.float32)
        about = {key: value for key, value in vars(sound).items() if key != "mel"}
        rows.append(about | {"file": f"{stem}.mp3"})
    np.savez_compressed(folder / "mels.npz", **mels)
    index = {"hop_s": settings.hop_length / settings.sample_rate_hz, "sounds": rows}
    (folder / "index.json").write_text(json.dumps(index, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _whole_codes(heard: np.ndarray, downsample: int) -> np.ndarray:
    """Frames (T, F) without the few at the end that fill no code."""
    return heard[: len(heard) // downsample * downsample]


def _mixed(system: Decomposer, speech: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Mel of the content of each, the rhythm of the next, and the pitch of the one after, (T, n_mels) each."""
    longest = max(map(len, speech))
    padded = []
    for heard in speech:
        silence = np.zeros((longest - len(heard), heard.shape[1]), dtype=np.float32)
        silence[:, -1] = UNVOICED
        padded.append(np.concatenate([heard, silence]))
    codes = system.encode(_on(system, padded))
    mixed = replace(
        codes,
        **{factor: getattr(codes, factor).roll(-step, dims=0) for step, factor in enumerate(FACTORS)},
    )
    speakers = system.speaker_embedding(_speakers(system, len(speech)))
    return list(_frames(system.decode(mixed, speakers)))


def _on(system: Decomposer, speech: Sequence[np.ndarray]) -> Tensor:
    """Speech (B, T, F) where the system is."""
    return torch.from_numpy(np.stack(speech)).to(_device(system))


def _speakers(system: Decomposer, n: int) -> Tensor:
    return torch.full((n,), _MEAN_SPEAKER, device=_device(system))


def _device(system: Decomposer) -> torch.device:
    return next(system.parameters()).device


def _frames(mel: Tensor) -> np.ndarray:
    return mel.float().cpu().numpy()
