"""Audio examples of a decomposer: utterances reconstructed from all factors, from each factor, and mixed."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import soundfile
import torch
from torch import Tensor
from torch.nn import functional as F

from emofactors.config.features import FeatureSettings
from emofactors.config.labels import FACTORS
from emofactors.corpora.splits import Fold
from emofactors.errors import InputError
from emofactors.features.inversion import invert_mel, scale_to_peak
from emofactors.inference.decomposer import MEAN_SPEAKER, Decomposer, OpenDecomposer
from emofactors.io.csv import rows_of
from emofactors.nn.segments import join_segments, segments

#: Splits to choose utterances from: the first of them that the fold has.
_SPLITS = ("test", "dev", "held_out", "train")

#: Kind of a reconstruction -> the factors that are preserved.
_PRESERVED = {"reconstructed": FACTORS, **{factor: (factor,) for factor in FACTORS}}

#: Shortest utterance, in codes of a decomposer, which are 0.13 s long.
_MIN_CODES = 4


@dataclass(frozen=True)
class AudioExample:
    """An audio example.

    Attributes:
        utterance: name of the utterance; of a mixture, the utterance of its content.
        speaker: speaker of the utterance.
        emotion: emotion of the utterance.
        split: split of the utterance in the fold.
        kind: ``original``, ``reconstructed``, a factor, or ``mixed``.
        of: factor -> the utterance that it is taken from; empty for an original.
        mel: log-Mel spectrogram, float32, (T, n_mels).
    """

    utterance: str
    speaker: str
    emotion: str
    split: str
    kind: str
    of: dict[str, str]
    mel: np.ndarray


def choose_utterances(fold: Fold, long_enough: Collection[str], n_utterances: int) -> pd.DataFrame:
    """Choose utterances of different speakers and emotions, as far as possible, in the order of the fold.

    Args:
        fold: the fold; its test utterances are candidates, or those of the next split if it has none.
        long_enough: utterances that may be chosen.
        n_utterances: number of utterances; fewer are returned if the split has fewer.

    Returns:
        Their rows of the fold.

    Raises:
        InputError: if there is no candidate.
    """
    for split in _SPLITS:
        rows = fold.of_split(split)
        rows = rows[(rows["utterance"] == rows["original"]) & rows["utterance"].isin(list(long_enough))]
        if len(rows):
            break
    else:
        raise InputError(
            f"fold {fold.number}: has no utterance for audio examples, expected one of {_MIN_CODES} codes"
        )
    chosen: list[int] = []
    speakers, emotions = rows["speaker"].tolist(), rows["emotion"].tolist()
    while len(chosen) < min(n_utterances, len(rows)):
        used = {speakers[i] for i in chosen}, {emotions[i] for i in chosen}
        left = [i for i in range(len(rows)) if i not in chosen]
        chosen.append(min(left, key=lambda i: ((speakers[i] in used[0]) + (emotions[i] in used[1]), i)))
    return rows.iloc[chosen].reset_index(drop=True)


@torch.inference_mode()
def render_audio_examples(decomposer: OpenDecomposer, n_utterances: int = 3) -> list[AudioExample]:
    """Reconstruct utterances from all factors and from each factor, and mix their factors.

    As in the evaluation of reconstructed speech, factors that are not preserved are
    encoded from silence, and all reconstructions use the mean speaker embedding. A mixture has
    the content of an utterance, the rhythm of the next and the pitch of the one after;
    shorter utterances are padded with silence to the length of the longest.
    Utterances are reconstructed in segments, as everywhere.

    Args:
        decomposer: the decomposer and the utterances.
        n_utterances: number of utterances.

    Returns:
        For each utterance: original, ``reconstructed``, each factor, and ``mixed`` if there are two or more.

    Raises:
        InputError: if no utterance is long enough.
    """
    system, archive = decomposer.system, decomposer.archive
    min_frames = _MIN_CODES * system.downsample
    long_enough = {u for u in archive.utterances if archive.n_frames(u) >= min_frames}
    chosen = choose_utterances(decomposer.fold, long_enough, n_utterances)
    names = chosen["utterance"].tolist()
    speech = [torch.from_numpy(archive[utterance]) for utterance in names]
    mixed = _mixed(system, speech) if len(speech) > 1 else []
    examples = []
    for i, (row, frames) in enumerate(zip(rows_of(chosen), speech, strict=True)):
        labels = {"utterance": row.utterance, "speaker": row.speaker, "emotion": row.emotion, "split": row.split}
        examples.append(AudioExample(**labels, kind="original", of={}, mel=_array(frames[:, :-1])))
        for kind, factors in _PRESERVED.items():
            cut = segments(frames, system.reconstructed_frames).to(_device(system))
            mel = join_segments(system.reconstruct(cut, factors, _mean_speakers(system, len(cut))), len(frames))
            of = dict.fromkeys(factors, row.utterance)
            examples.append(AudioExample(**labels, kind=kind, of=of, mel=_array(mel)))
        if mixed:
            of = {factor: names[(i + step) % len(names)] for step, factor in enumerate(FACTORS)}
            examples.append(AudioExample(**labels, kind="mixed", of=of, mel=mixed[i]))
    return examples


def write_audio_examples(examples: Sequence[AudioExample], settings: FeatureSettings, folder: Path) -> None:
    """Write examples as MP3, with the Griffin-Lim algorithm, their spectrograms, and an index.

    ``index.json`` has the hop in seconds, and in ``examples`` one row per example (utterance, speaker,
    emotion, split, kind, of, file); ``mels.npz`` has the spectrogram of each under the stem of its file.
    Equal spectrograms give equal bytes.

    Args:
        examples: the examples.
        settings: settings of the spectrograms.
        folder: folder of the files; created if missing.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, Any]] = []
    mels: dict[str, Any] = {}
    for i, example in enumerate(examples):
        stem = f"{i:02d}_{example.kind}"  # the name of an utterance may not be a valid file name
        samples = scale_to_peak(invert_mel(example.mel, settings))
        soundfile.write(folder / f"{stem}.mp3", samples, settings.sample_rate_hz, format="MP3")
        mels[stem] = example.mel.astype(np.float32)
        row = {key: value for key, value in vars(example).items() if key != "mel"}
        rows.append(row | {"file": f"{stem}.mp3"})
    np.savez_compressed(folder / "mels.npz", **mels)
    index = {"hop_s": settings.hop_length / settings.sample_rate_hz, "examples": rows}
    (folder / "index.json").write_text(json.dumps(index, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _mixed(system: Decomposer, speech: Sequence[Tensor]) -> list[np.ndarray]:
    """Mix the content of each, the rhythm of the next and the pitch of the one after: Mel (T, n_mels) each."""
    longest = max(map(len, speech))
    padded = [F.pad(frames, (0, 0, 0, longest - len(frames))) for frames in speech]
    cut = torch.stack([segments(frames, system.reconstructed_frames) for frames in padded])  # (N, K, length, F)
    n_segments = cut.shape[1]
    codes = system.encode(cut.flatten(0, 1).to(_device(system)))
    mixed = replace(
        codes,
        **{factor: getattr(codes, factor).roll(-step * n_segments, dims=0) for step, factor in enumerate(FACTORS)},
    )
    mels = system.decode(mixed, system.speaker_embedding(_mean_speakers(system, len(speech) * n_segments)))
    return [_array(join_segments(mel, longest)) for mel in mels.split(n_segments)]


def _mean_speakers(system: Decomposer, n: int) -> Tensor:
    return torch.full((n,), MEAN_SPEAKER, device=_device(system))


def _device(system: Decomposer) -> torch.device:
    return next(system.parameters()).device


def _array(mel: Tensor) -> np.ndarray:
    return mel.float().cpu().numpy()
