"""Overview of a corpus on the page: utterances by speaker and emotion, durations, typical utterances."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from emofactors.io.atomic import read_result
from emofactors.io.json import read_json
from emofactors.report.page.data_uri import data_uri

#: Largest number of speakers with a row each; more speakers are only summarised.
MAX_SPEAKERS = 24

#: Shades of the cells of a table, including none.
N_SHADES = 6


@dataclass(frozen=True)
class Cell:
    """A number of utterances, and the shade of its cell, 0 to ``N_SHADES`` - 1."""

    count: int
    shade: int


@dataclass(frozen=True)
class LabelStatistics:
    """Distribution of the utterances of one label over speakers.

    Attributes:
        label: an emotion, or another label of the corpus.
        utterances: number of utterances.
        speakers: number of speakers with any.
        median: utterances of the median speaker, among those with any.
        fewest: smallest number of utterances of a speaker, among those with any.
        most: largest number of utterances of a speaker.
        median_s: median duration in seconds.
    """

    label: str
    utterances: int
    speakers: int
    median: float
    fewest: int
    most: int
    median_s: float


@dataclass(frozen=True)
class TypicalUtterance:
    """A typical utterance of an emotion.

    Attributes:
        label: the emotion.
        description: name, speaker, duration and F0.
        spectrogram: its spectrogram with F0, as a data URI.
    """

    label: str
    description: str
    spectrogram: str


@dataclass(frozen=True)
class CorpusOverview:
    """Overview of a corpus.

    Attributes:
        labels: columns of the table, emotions first.
        speakers: speaker -> one cell per label, and their sum; empty for more than ``MAX_SPEAKERS``.
        statistics: distribution of each label over speakers.
        n_speakers: number of speakers.
        durations: plot of the durations, as a data URI.
        typical: a typical utterance of each emotion.
        f0_method: name of the F0 tracker.
    """

    labels: tuple[str, ...]
    speakers: dict[str, tuple[Cell, ...]]
    statistics: tuple[LabelStatistics, ...]
    n_speakers: int
    durations: str
    typical: tuple[TypicalUtterance, ...]
    f0_method: str


def read_corpus_overviews(folders: Iterable[str | Path]) -> dict[str, CorpusOverview]:
    """Read the folders that :func:`emofactors.report.page.plot_corpus.plot_corpus` writes, by their names.

    Raises:
        InputError: if a file is missing or damaged.
    """
    return {Path(folder).name: _read(Path(folder)) for folder in folders}


def _read(folder: Path) -> CorpusOverview:
    keys = ["labels", "speakers", "median_s", "typical", "f0_method"]
    overview = read_json(folder / "overview.json", "the overview of a corpus", keys)
    labels, speakers = overview["labels"], overview["speakers"]
    counts = np.array(list(speakers.values()), dtype=int).reshape(len(speakers), len(labels))
    most = max(1, counts.max(initial=0))
    rows = {
        speaker: (*(Cell(int(n), _shade(n, most)) for n in row), Cell(int(row.sum()), 0))
        for speaker, row in zip(speakers, counts, strict=True)
    }
    return CorpusOverview(
        labels=tuple(labels),
        speakers=rows if len(rows) <= MAX_SPEAKERS else {},
        statistics=tuple(
            _statistics(label, of_label, overview["median_s"][label])
            for label, of_label in zip(labels, counts.T, strict=True)
        ),
        n_speakers=len(speakers),
        durations=data_uri("image/svg+xml", read_result(folder / "durations.svg", "a plot of durations")),
        typical=tuple(_typical(folder, row) for row in overview["typical"]),
        f0_method=overview["f0_method"],
    )


def _statistics(label: str, counts: np.ndarray, median_s: float) -> LabelStatistics:
    """Return the distribution of a label, of its number of utterances by speaker, (S,)."""
    positive = counts[counts > 0]
    return LabelStatistics(
        label=label,
        utterances=int(counts.sum()),
        speakers=len(positive),
        median=float(np.median(positive)),
        fewest=int(positive.min()),
        most=int(positive.max()),
        median_s=median_s,
    )


def _shade(count: int, most: int) -> int:
    """Return 0 for no utterances, then shades of equal width up to the darkest for the maximum."""
    return int(np.ceil(count / most * (N_SHADES - 1)))


def _typical(folder: Path, row: dict[str, Any]) -> TypicalUtterance:
    description = f"{row['utterance']}, speaker {row['speaker']}, {row['duration_s']:.2f} s"
    if row["f0_quartiles_hz"]:
        low, median, high = row["f0_quartiles_hz"]
        description += f"; median F0 {median:.0f} Hz, quartiles {low:.0f} and {high:.0f} Hz"
    else:
        description += "; no F0 was found"
    png = read_result(folder / f"spectrogram_{row['label']}.png", "a spectrogram")
    return TypicalUtterance(row["label"], description, data_uri("image/png", png))
