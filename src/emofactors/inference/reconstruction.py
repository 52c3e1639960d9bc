"""Reconstruct speech with a decomposer: an archive of spectrograms per condition."""

from collections.abc import Collection
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from emofactors.config.labels import CONDITIONS, FACTORS
from emofactors.features.archive import ArchiveWriter
from emofactors.inference.decomposer import MEAN_SPEAKER, OpenDecomposer
from emofactors.jobs.device import autocast
from emofactors.nn.segments import segments

#: Utterances per batch.
_BATCH = 64


@torch.inference_mode()
def reconstruct(decomposer: OpenDecomposer, folder: Path, *, same_corpus: bool) -> None:
    """Reconstruct utterances under every condition, and write an archive of spectrograms for each.

    An utterance is encoded in segments of ``reconstructed_frames`` frames, the last
    one padded with silence, and its reconstruction is the concatenation of these
    segments: only a preserved factor can reveal how long the utterance was. A factor
    that is not preserved is replaced by the code of silence.

    Args:
        decomposer: the decomposer and the utterances.
        folder: folder of the archives; one subfolder per condition.
        same_corpus: whether the utterances are of the training corpus, so that equal names are equal speakers.
            Speakers that did not train get the mean speaker embedding.
    """
    system, archive = decomposer.system, decomposer.archive
    device = next(system.parameters()).device
    training_speakers = decomposer.training_speakers if same_corpus else ()
    speaker_index = {speaker: i for i, speaker in enumerate(training_speakers)}
    n_mels = archive.n_bins - 1
    rows = [
        (utterance, speaker_index.get(speaker, MEAN_SPEAKER))
        for utterance, speaker in decomposer.fold.utterances[["utterance", "speaker"]].itertuples(index=False)
    ]
    with ExitStack() as stack, autocast(device, decomposer.precision):
        writers = {
            condition: stack.enter_context(ArchiveWriter(Path(folder) / condition, n_mels))
            for condition in CONDITIONS
        }
        silence = torch.zeros(1, system.reconstructed_frames, archive.n_bins, device=device)
        silent = system.encode(silence, ())

        def without_factors(speaker: int) -> np.ndarray:
            """Return one segment without factors; computed once per speaker, so that its copies are equal."""
            embedding = system.speaker_embedding(torch.tensor([speaker], device=device))
            return system.decode(silent, embedding)[0].float().cpu().numpy()

        empty = {speaker: without_factors(speaker) for speaker in {MEAN_SPEAKER, *(s for _, s in rows)}}
        for first in range(0, len(rows), _BATCH):
            chunk = rows[first : first + _BATCH]
            cut = [
                segments(torch.from_numpy(archive[utterance]), system.reconstructed_frames)
                for utterance, _ in chunk
            ]
            speech = torch.cat(cut).to(device)  # (S, reconstructed_frames, F)
            speakers = [speaker for (_, speaker), part in zip(chunk, cut, strict=True) for _ in part]
            mean_speaker = system.speaker_embedding(torch.full((len(speech),), MEAN_SPEAKER, device=device))
            spoken = system.encode(speech)
            for condition, preserved in CONDITIONS.items():
                if set(preserved) & set(FACTORS):
                    codes = _preserve(preserved, spoken, silent)
                    reconstructed = system.decode(codes, mean_speaker).float().cpu().numpy()
                else:
                    reconstructed = np.stack(
                        [empty[s if "speaker" in preserved else MEAN_SPEAKER] for s in speakers]
                    )
                last = 0
                for (utterance, _), part in zip(chunk, cut, strict=True):
                    first_segment, last = last, last + len(part)
                    writers[condition].add(utterance, reconstructed[first_segment:last].reshape(-1, n_mels))


def _preserve(factors: Collection[str], spoken: Any, silent: Any) -> Any:
    """Return the codes of S segments, (S, T', D) each, with the code of silence for all other factors."""
    others: dict[str, Tensor] = {
        name: getattr(silent, name).expand(len(getattr(spoken, name)), -1, -1)
        for name in FACTORS
        if name not in factors
    }
    return replace(spoken, **others)
