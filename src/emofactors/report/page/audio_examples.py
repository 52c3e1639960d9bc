"""Audio examples of decomposers on the page: players with their spectrograms."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from emofactors.config.labels import FACTORS
from emofactors.io.atomic import read_result
from emofactors.io.json import read_json
from emofactors.io.npz import read_npz
from emofactors.report.figures.style import figure_style, png_bytes
from emofactors.report.page.data_uri import data_uri

#: Resolution of spectrograms on the page, enough for the Mel bands.
_DOTS_PER_INCH = 110

#: Split of the fold -> its description in a heading.
_SPLIT_LABELS = {
    "test": "not in training",
    "dev": "not in training",
    "held_out": "not in training, of a training speaker",
    "train": "in training",
}


@dataclass(frozen=True)
class Player:
    """One audio example of an utterance.

    Attributes:
        title: its name, such as ``pitch alone``.
        description: how it was made.
        label: accessible name of the player.
        uri: the audio as a data URI.
    """

    title: str
    description: str
    label: str
    uri: str


@dataclass(frozen=True)
class UtteranceExamples:
    """The audio examples of one utterance.

    Attributes:
        heading: name, emotion, speaker and split of the utterance.
        players: the examples.
        spectrograms: their spectrograms, side by side, as a data URI.
    """

    heading: str
    players: tuple[Player, ...]
    spectrograms: str


@dataclass(frozen=True)
class DecomposerExamples:
    """The audio examples of one decomposer on a task.

    Attributes:
        task: name of the task.
        system: name of the system.
        variant: name of the variant.
        utterances: the examples, by utterance.
    """

    task: str
    system: str
    variant: str
    utterances: tuple[UtteranceExamples, ...]


def read_audio_examples(folders: Iterable[str | Path]) -> list[DecomposerExamples]:
    """Read audio examples as ``inference.audio_examples`` writes them, and draw their spectrograms.

    Args:
        folders: ``…/{task}/{system}/{variant}`` each.

    Returns:
        One entry per folder, in their order.

    Raises:
        InputError: if a file is missing or damaged.
    """
    return [_read(Path(folder)) for folder in folders]


def spectrograms_png(mels: Mapping[str, np.ndarray], hop_s: float) -> bytes:
    """Draw spectrograms side by side on one scale of colour and time; equal numbers give equal bytes.

    Args:
        mels: heading -> log-Mel spectrogram, (T, n_mels).
        hop_s: hop in seconds.

    Returns:
        A PNG.
    """
    low = min(mel.min() for mel in mels.values())
    high = max(mel.max() for mel in mels.values())
    longest_s = max(len(mel) for mel in mels.values()) * hop_s
    with figure_style():
        figure = Figure(figsize=(2.1 * len(mels), 2.2), layout="constrained")
        panels = figure.subplots(1, len(mels), sharey=True, squeeze=False)[0]
        for panel, (heading, mel) in zip(panels, mels.items(), strict=True):
            panel.imshow(
                mel.T,
                origin="lower",
                aspect="auto",
                cmap="magma",
                vmin=low,
                vmax=high,
                extent=(0, len(mel) * hop_s, 0, mel.shape[1]),
                interpolation="nearest",
            )
            panel.set(title=heading, xlabel="time / s", xlim=(0, longest_s))
        panels[0].set_ylabel("Mel band")
        return png_bytes(figure, _DOTS_PER_INCH)


def _read(folder: Path) -> DecomposerExamples:
    task, system, variant = folder.parts[-3:]
    index = read_json(folder / "index.json", "the index of audio examples", ["hop_s", "examples"])
    mels = read_npz(folder / "mels.npz", "the spectrograms of audio examples")
    rows_of: dict[str, list[dict[str, Any]]] = {}
    for row in index["examples"]:
        rows_of.setdefault(row["utterance"], []).append(row)
    utterances = tuple(_utterance(folder, rows, mels, index["hop_s"]) for rows in rows_of.values())
    return DecomposerExamples(task=task, system=system, variant=variant, utterances=utterances)


def _utterance(
    folder: Path, rows: Sequence[Mapping[str, Any]], mels: Mapping[str, np.ndarray], hop_s: float
) -> UtteranceExamples:
    """Return the examples of one utterance, of its rows of the index."""
    name, emotion, speaker, split = (rows[0][key] for key in ("utterance", "emotion", "speaker", "split"))
    players = tuple(
        Player(
            title=_title(row["kind"]),
            description=_description(row),
            label=f"Play {name}, {_title(row['kind'])}: {_description(row)}",
            uri=data_uri("audio/mpeg", read_result(folder / row["file"], "an audio example")),
        )
        for row in rows
    )
    png = spectrograms_png({_title(row["kind"]): mels[Path(row["file"]).stem] for row in rows}, hop_s)
    return UtteranceExamples(
        heading=f"{name}: {emotion}, speaker {speaker}, {_SPLIT_LABELS[split]}",
        players=players,
        spectrograms=data_uri("image/png", png),
    )


def _title(kind: str) -> str:
    return f"{kind} alone" if kind in FACTORS else kind


def _description(row: Mapping[str, Any]) -> str:
    """Return how an example was made."""
    match row["kind"]:
        case "original":
            return "the spectrogram of the recording, inverted in the same way as the others"
        case "reconstructed":
            return f"reconstructed from {', '.join(FACTORS[:-1])} and {FACTORS[-1]}, with the mean speaker"
        case "mixed":
            return ", ".join(f"{factor} of {row['of'][factor]}" for factor in FACTORS) + ", with the mean speaker"
        case factor:
            others = " and ".join(name for name in FACTORS if name != factor)
            return f"{factor} is preserved, {others} are encoded from silence"
