"""What decomposers make of some utterances, on the page: players, and spectrograms to look at meanwhile."""

from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from emofactors.config.labels import FACTORS
from emofactors.io.atomic import read_result
from emofactors.io.json import read_json
from emofactors.io.npz import read_npz
from emofactors.report.figures.style import house_style

#: Of a picture, which stands on a page: enough for the bands of a spectrogram.
_DOTS_PER_INCH = 110

#: The splits of a fold, as a heading says them.
_SPLIT_WORDS = {
    "test": "not heard in training",
    "dev": "not heard in training",
    "held_out": "not heard in training, of a training speaker",
    "train": "heard in training",
}


@dataclass(frozen=True)
class Player:
    """One sound of an utterance.

    Attributes:
        title: what it is, in a word or two.
        words: what is heard.
        label: what a screen reader says of the player.
        uri: the sound as a data URI.
    """

    title: str
    words: str
    label: str
    uri: str


@dataclass(frozen=True)
class Listened:
    """One utterance: its sounds and their spectrograms.

    Attributes:
        heading: which utterance it is.
        players: its sounds.
        picture: the spectrograms of the same, side by side, as a data URI.
    """

    heading: str
    players: tuple[Player, ...]
    picture: str


@dataclass(frozen=True)
class AudioExamples:
    """What one decomposer makes of some utterances of a task.

    Attributes:
        task: name of the task.
        system: name of the system.
        variant: name of the variant.
        utterances: those that are listened to.
    """

    task: str
    system: str
    variant: str
    utterances: tuple[Listened, ...]


def read_audio_examples(folders: Iterable[str | Path]) -> list[AudioExamples]:
    """AudioExamples as ``training.sounds`` writes them, with their spectrograms drawn.

    Args:
        folders: ``…/{task}/{system}/{variant}`` each.

    Returns:
        One entry a folder, in order.

    Raises:
        InputError: if a file is missing or damaged.
    """
    return [_read(Path(folder)) for folder in folders]


def spectrograms_picture(mels: Mapping[str, np.ndarray], hop_s: float) -> bytes:
    """Spectrograms side by side, on one scale of colour and of time: the same numbers, the same bytes.

    Args:
        mels: heading -> log-Mel spectrogram, (T, n_mels).
        hop_s: seconds from frame to frame.

    Returns:
        A picture, as PNG.
    """
    low = min(mel.min() for mel in mels.values())
    high = max(mel.max() for mel in mels.values())
    longest_s = max(len(mel) for mel in mels.values()) * hop_s
    with house_style():
        figure = Figure(figsize=(2.1 * len(mels), 2.2), layout="constrained")
        panels = figure.subplots(1, len(mels), sharey=True, squeeze=False)[0]
        for panel, (heading, mel) in zip(panels, mels.items(), strict=True):
            extent = (0, len(mel) * hop_s, 0, mel.shape[1])
            panel.imshow(
                mel.T,
                origin="lower",
                aspect="auto",
                cmap="magma",
                vmin=low,
                vmax=high,
                extent=extent,
                interpolation="nearest",
            )
            panel.set(title=heading, xlabel="time / s", xlim=(0, longest_s))
        panels[0].set_ylabel("Mel band")
        content = BytesIO()
        figure.savefig(content, format="png", dpi=_DOTS_PER_INCH, metadata={"Software": None})
    return content.getvalue()


def _read(folder: Path) -> AudioExamples:
    task, system, variant = folder.parts[-3:]
    index = read_json(folder / "index.json", "an index of sounds", ["hop_s", "sounds"])
    mels = read_npz(folder / "mels.npz", "the spectrograms of sounds")
    rows_of: dict[str, list[dict[str, Any]]] = {}
    for row in index["sounds"]:
        rows_of.setdefault(row["utterance"], []).append(row)
    utterances = tuple(_listened(folder, rows, mels, index["hop_s"]) for rows in rows_of.values())
    return AudioExamples(task=task, system=system, variant=variant, utterances=utterances)


def _listened(
    folder: Path, rows: Sequence[Mapping[str, Any]], mels: Mapping[str, np.ndarray], hop_s: float
) -> Listened:
    """The sounds of one utterance."""
    first = rows[0]
    heading = (
        f"{first['utterance']}: {first['emotion']}, speaker {first['speaker']}, {_SPLIT_WORDS[first['split']]}"
    )
    players = tuple(
        Player(
            title=_title(row["what"]),
            words=_words(row),
            label=f"Play {first['utterance']}, {_title(row['what'])}: {_words(row)}",
            uri=_data_uri("audio/mpeg", read_result(folder / row["file"], "a sound")),
        )
        for row in rows
    )
    picture = spectrograms_picture({_title(row["what"]): mels[Path(row["file"]).stem] for row in rows}, hop_s)
    return Listened(heading=heading, players=players, picture=_data_uri("image/png", picture))


def _title(what: str) -> str:
    return f"{what} alone" if what in FACTORS else what


def _words(row: Mapping[str, Any]) -> str:
    """What is heard in a sound."""
    match row["what"]:
        case "original":
            return "the recording's own spectrogram, made sound in the same way as the others"
        case "reconstructed":
            return f"reconstructed from {', '.join(FACTORS[:-1])} and {FACTORS[-1]}, spoken by the mean speaker"
        case "mixed":
            return (
                ", ".join(f"{factor} of {row['of'][factor]}" for factor in FACTORS)
                + ", spoken by the mean speaker"
            )
        case factor:
            others = " and ".join(name for name in FACTORS if name != factor)
            return f"{factor} is kept, {others} were silent when they were encoded"


def _data_uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{b64encode(content).decode('ascii')}"
