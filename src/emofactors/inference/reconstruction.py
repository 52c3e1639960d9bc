"""Apply a decomposer: codes of held-out utterances, speech reconstructed from some factors."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from emofactors.config.labels import CONDITIONS, FACTORS
from emofactors.corpora.splits import Fold
from emofactors.features.archive import ArchiveWriter
from emofactors.features.segments import segments
from emofactors.features.speech_factors import FactorArchive
from emofactors.io.csv import rows_of
from emofactors.jobs.device import autocast
from emofactors.nn.speechflow import Codes
from emofactors.systems.speechflow import SpeechFlow
from emofactors.training.predictions import TRAINING_SPLIT

#: Utterances that are reconstructed together.
_BATCH = 64

#: Splits of a fold that did not train its decomposer.
SPLITS_OF_CODES = ("dev", "test", "held_out")


@dataclass(frozen=True)
class HeldOutCodes:
    """Codes of the utterances of a fold that did not train, end to end: M codes of N utterances.

    Attributes:
        codes: ``content``, ``rhythm`` and ``pitch``, (M, D) each, and ``spectrogram``, the mean of the frames of
            each code, (M, F); float32.
        utterance: index of each code's utterance, (M,), int64.
        about: utterance, speaker, emotion and split, N rows.
        reconstruction: split -> squared error of the reconstructed spectrogram, and of the training frames' mean.
    """

    codes: Mapping[str, np.ndarray]
    utterance: np.ndarray
    about: pd.DataFrame
    reconstruction: Mapping[str, Mapping[str, float]]

    def save(self, path: Path) -> None:
        """Write all but the reconstruction; the same numbers give the same bytes."""
        columns = {"utterance": "utterances", "speaker": "speakers", "emotion": "emotions", "split": "splits"}
        about = {name: self.about[column].to_numpy(dtype=str) for column, name in columns.items()}
        arrays: dict[str, Any] = {**self.codes, "utterance": self.utterance, **about}
        with Path(path).open("wb") as file:
            np.savez(file, **arrays)


@torch.inference_mode()
def held_out_codes(system: SpeechFlow, fold: Fold, archive: FactorArchive, precision: str) -> HeldOutCodes:
    """Take the utterances of a fold apart that did not train.

    An utterance is heard whole and alone, but for the few frames at its end that do not fill a code, so that
    no code has heard padding.

    Args:
        system: trained.
        fold: who is heard in which split.
        archive: what the decomposer hears of each utterance.
        precision: ``float32`` or ``bfloat16``.

    Returns:
        The codes.
    """
    system.eval()
    device = next(system.parameters()).device
    training = list(fold.of_split(TRAINING_SPLIT)["utterance"])
    n_mels = archive.n_bins - 1
    mean = sum(archive[u][:, :n_mels].sum(axis=0, dtype=np.float64) for u in training)
    mean = (mean / sum(archive.n_frames(u) for u in training)).astype(np.float32)
    about = pd.concat([fold.of_split(split) for split in SPLITS_OF_CODES], ignore_index=True)
    counts = np.array([archive.n_frames(u) // system.downsample for u in about["utterance"]], dtype=np.int64)
    kept: dict[str, np.ndarray] = {}
    errors: dict[str, np.ndarray] = {}
    for row, n_codes, end in zip(rows_of(about), counts, counts.cumsum(), strict=True):
        if n_codes == 0:
            continue
        heard = torch.from_numpy(archive[row.utterance][: n_codes * system.downsample]).to(device)[None]
        with autocast(device, precision):
            codes = system.encode(heard)
            reconstructed = system.decode(codes, system.speaker_embedding(torch.tensor([-1], device=device)))
        mel = heard[0, :, :n_mels].cpu()
        made = {"spectrogram": mel.unflatten(0, (int(n_codes), system.downsample)).mean(dim=1)}
        made |= {name: getattr(codes, name)[0].float().cpu() for name in FACTORS}
        if not kept:
            # Made at once: what is kept between utterances would break up the memory that the next one wants.
            kept = {name: np.empty((counts.sum(), part.shape[1]), np.float32) for name, part in made.items()}
        for name, part in made.items():
            kept[name][end - n_codes : end] = part.numpy()
        sums = errors.setdefault(row.split, np.zeros(3))
        sums += [
            float((reconstructed[0].float().cpu() - mel).square().sum()),
            float(np.square(mel.numpy() - mean).sum()),
            mel.numel(),
        ]
    return HeldOutCodes(
        codes=kept,
        utterance=np.repeat(np.arange(len(about)), counts),
        about=about,
        reconstruction={
            split: {"mel": float(ours / n), "mean_spectrogram": float(of_mean / n)}
            for split, (ours, of_mean, n) in errors.items()
        },
    )


@torch.inference_mode()
def reconstruct(
    system: SpeechFlow,
    archive: FactorArchive,
    utterances: pd.DataFrame,
    speakers: Sequence[str],
    folder: Path,
    precision: str,
) -> None:
    """Rebuild utterances under every condition, and write an archive of spectrograms for each.

    An utterance is heard in segments of ``system.reconstructed_frames`` frames, a shorter one followed by silence,
    and what is reconstructed are these segments end to end: how long it was can be read from a factor that is kept,
    and from nothing else. What a factor that is not kept leaves behind is the code of silence.

    Args:
        system: trained.
        archive: what the decomposer hears of each utterance.
        utterances: utterance and speaker of each, N rows.
        speakers: the speakers the decomposer has heard, in the order of its table; others are the mean speaker.
        folder: where a folder for each condition shall be.
        precision: ``float32`` or ``bfloat16``.
    """
    system.eval()
    device = next(system.parameters()).device
    index = {speaker: i for i, speaker in enumerate(speakers)}
    n_mels = archive.n_bins - 1
    rows = list(zip(utterances["utterance"], utterances["speaker"], strict=True))
    with ExitStack() as stack, autocast(device, precision):
        writers = {
            condition: stack.enter_context(ArchiveWriter(Path(folder) / condition, n_mels))
            for condition in CONDITIONS
        }
        silence = torch.zeros(1, system.reconstructed_frames, archive.n_bins, device=device)
        removed = system.encode(silence, kept=())

        def empty_of(speaker: int) -> np.ndarray:
            """What a speaker says with no factor kept, one segment: made once, it is the same to the last bit."""
            embedding = system.speaker_embedding(torch.tensor([speaker], device=device))
            return system.decode(removed, embedding)[0].float().cpu().numpy()

        empty = {speaker: empty_of(speaker) for speaker in {-1, *(index.get(s, -1) for _, s in rows)}}
        for first in range(0, len(rows), _BATCH):
            chunk = rows[first : first + _BATCH]
            cut = [segments(archive[utterance], system.reconstructed_frames) for utterance, _ in chunk]
            heard = torch.from_numpy(np.concatenate(cut)).to(device)  # (S, reconstructed_frames, F)
            whose = [index.get(speaker, -1) for (_, speaker), part in zip(chunk, cut, strict=True) for _ in part]
            unseen = system.speaker_embedding(torch.full((len(heard),), -1, device=device))
            kept = system.encode(heard)
            for condition, factors in CONDITIONS.items():
                if set(factors) & set(FACTORS):
                    codes = Codes(**{name: _code(name, factors, kept, removed) for name in FACTORS})
                    reconstructed = system.decode(codes, unseen).float().cpu().numpy()
                else:
                    reconstructed = np.stack([empty[speaker if "speaker" in factors else -1] for speaker in whose])
                last = 0
                for (utterance, _), part in zip(chunk, cut, strict=True):
                    first_segment, last = last, last + len(part)
                    writers[condition].add(utterance, reconstructed[first_segment:last].reshape(-1, n_mels))


def _code(name: str, factors: Collection[str], kept: Codes, removed: Codes) -> Tensor:
    """The code of a factor, (S, T', D): of the speech if it is kept, else that of silence."""
    of_speech = getattr(kept, name)
    return of_speech if name in factors else getattr(removed, name).expand(len(of_speech), -1, -1)
