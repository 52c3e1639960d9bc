"""A corpus at a glance: who says what how often, how long it lasts, and a typical utterance of each emotion.

Written once a corpus, as numbers and pictures in one folder; the page shows both.
"""

import json
from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patheffects import Normal, Stroke

from emofactors.config.labels import EMOTIONS
from emofactors.corpora.audio import Waveform, read_waveform
from emofactors.features.audio import resampled
from emofactors.features.pitch import PitchTracker
from emofactors.io.atomic import read_result, write_bytes_atomically, write_text_atomically
from emofactors.io.csv import rows_of
from emofactors.io.json import read_json
from emofactors.report.figures.style import EMOTION_STYLE, house_style

#: Speakers up to which a table has a row for each; of more it says how they are spread.
MOST_SPEAKERS = 24

#: Shades of a table's cells, from none to the fullest.
N_SHADES = 6

#: Label of an utterance that carries more than one emotion.
SEVERAL = "several"

#: What a picture shows: the band in Hz that speech fills, so many dB below the loudest.
_SAMPLE_RATE_HZ = 16_000
_BAND_HZ = (60, 8000)
_RANGE_DB = 50
_F0_HZ = (75, 600)
_HOP_MS = 5
#: Long enough to tell the harmonics of a low voice apart: F0 then lies on the lowest of them.
_WINDOW = 1024
_N_FFT = 2048
_ROWS = 160

_DOTS_PER_INCH = 150
_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True)
class Cell:
    """How many utterances: a count, and how full its cell is shaded, 0 to ``N_SHADES`` - 1."""

    count: int
    shade: int


@dataclass(frozen=True)
class Spread:
    """How the utterances of one label are spread over speakers.

    Attributes:
        label: an emotion, or what else the corpus says of an utterance.
        utterances: how many there are.
        speakers: how many speakers say them.
        median: utterances of the median speaker, among those with any.
        fewest: of the speaker with the fewest, among those with any.
        most: of the speaker with the most.
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
class Typical:
    """An utterance that stands for its label, and its picture.

    Attributes:
        label: its emotion.
        words: which utterance it is, and what its F0 does.
        picture: its spectrogram with F0 over it, as a data URI.
    """

    label: str
    words: str
    picture: str


@dataclass(frozen=True)
class CorpusOverview:
    """A corpus at a glance.

    Attributes:
        labels: the columns of the table, emotions first.
        speakers: speaker -> a cell a label, and their sum; empty where there are more than ``MOST_SPEAKERS``.
        spread: how each label is spread over speakers.
        n_speakers: number of speakers.
        durations: how long utterances last, as a data URI.
        typical: an utterance of each emotion.
        f0_method: what tracked F0.
    """

    labels: tuple[str, ...]
    speakers: dict[str, tuple[Cell, ...]]
    spread: tuple[Spread, ...]
    n_speakers: int
    durations: str
    typical: tuple[Typical, ...]
    f0_method: str


# --- what is written ------------------------------------------------------------------------------------------


def plot_corpus(manifest: pd.DataFrame, root: Path, folder: Path, track_f0: PitchTracker, f0_method: str) -> None:
    """Write what the page shows of a corpus; the same audio, the same bytes.

    Args:
        manifest: its utterances, as ``corpora.manifest`` reads them.
        root: folder that its paths start from.
        folder: gets ``overview.json``, ``durations.svg`` and a ``spectrogram_{emotion}.png`` for each emotion.
        track_f0: tracker of F0, see ``features.pitch``.
        f0_method: its name.

    Raises:
        AudioError: if an utterance that is drawn cannot be read.
        OSError: if a file cannot be written.
    """
    labelled = manifest.assign(label=labels_of(manifest["emotion"]))
    chosen = typical_utterances(labelled)
    waveforms = {
        row.label: resampled(read_waveform(root / row.path, _time(row.start_s), _time(row.end_s)), _SAMPLE_RATE_HZ)
        for row in rows_of(chosen)
    }
    longest_s = max((waveform.duration_s for waveform in waveforms.values()), default=0.0)
    folder.mkdir(parents=True, exist_ok=True)
    typical = []
    for row in chosen.itertuples():
        waveform = waveforms[row.label]
        low, high = _F0_HZ
        f0_hz = track_f0(waveform.samples, _SAMPLE_RATE_HZ, hop_ms=_HOP_MS, min_hz=low, max_hz=high)
        picture = spectrogram_picture(waveform, f0_hz, longest_s)
        write_bytes_atomically(folder / f"spectrogram_{row.label}.png", picture)
        typical.append(
            {
                "label": row.label,
                "utterance": row.utterance,
                "speaker": row.speaker,
                "duration_s": round(waveform.duration_s, 3),
                "f0_quartiles_hz": _quartiles(f0_hz[f0_hz > 0]),
            }
        )
    write_bytes_atomically(folder / "durations.svg", durations_picture(labelled))
    counts = counts_of(labelled)
    about = {
        "labels": list(counts.columns),
        "speakers": {speaker: row.tolist() for speaker, row in zip(counts.index, counts.to_numpy(), strict=True)},
        "median_s": labelled.groupby("label")["duration_s"].median().round(3).to_dict(),
        "typical": typical,
        "f0_method": f0_method,
    }
    write_text_atomically(folder / "overview.json", json.dumps(about, ensure_ascii=False, indent=1) + "\n")


def labels_of(emotions: pd.Series) -> pd.Series:
    """The label of each utterance: its emotion, or ``several``; an utterance without any is ``unlabelled``."""
    several = emotions.str.contains("+", regex=False)
    return emotions.mask(several, SEVERAL).mask(emotions == "", "unlabelled")


def counts_of(labelled: pd.DataFrame) -> pd.DataFrame:
    """Number of utterances: a row a speaker, in order of names, a column a label, emotions first."""
    counts = pd.crosstab(labelled["speaker"], labelled["label"])
    emotions = [emotion for emotion in EMOTIONS if emotion in counts]
    return counts[[*emotions, *sorted(set(counts.columns) - set(emotions), key=str)]]


def typical_utterances(labelled: pd.DataFrame) -> pd.DataFrame:
    """An utterance of each emotion: that whose duration is nearest to the median, of equal ones the first by name.

    Args:
        labelled: utterances, with ``label``.

    Returns:
        A row an emotion, in the order of ``EMOTIONS``.
    """
    found = []
    for emotion in EMOTIONS:
        of_emotion = labelled[labelled["label"] == emotion].sort_values("utterance", kind="stable")
        if len(of_emotion):
            distance = (of_emotion["duration_s"] - of_emotion["duration_s"].median()).abs()
            found.append(of_emotion.loc[[distance.idxmin()]])
    return pd.concat(found) if found else labelled.iloc[:0]


# --- pictures -------------------------------------------------------------------------------------------------


def spectrogram_db(samples: np.ndarray) -> np.ndarray:
    """Power of an utterance over time and the logarithm of frequency.

    Args:
        samples: mono at 16 kHz, (n_samples,).

    Returns:
        dB below the loudest, at least -50, (160 rows from 60 to 8000 Hz, T); frame t is centred at t * 5 ms.
    """
    hop_length = _SAMPLE_RATE_HZ * _HOP_MS // 1000
    padded = np.pad(samples.astype(np.float64), _WINDOW // 2)
    if len(padded) < _WINDOW + 1:
        padded = np.pad(padded, (0, _WINDOW + 1 - len(padded)))
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::hop_length]
    power = np.abs(np.fft.rfft(frames * np.hanning(_WINDOW), _N_FFT)) ** 2  # (T, bins)
    # Bins are linear in frequency, rows are not: between two bins power is taken to be a straight line.
    place = np.geomspace(*_BAND_HZ, _ROWS) * _N_FFT / _SAMPLE_RATE_HZ
    below = np.minimum(place.astype(int), power.shape[1] - 2)
    rows = power[:, below] + (place - below) * (power[:, below + 1] - power[:, below])
    loudest = max(rows.max(), 1e-12)
    return 10 * np.log10(np.maximum(rows / loudest, 10 ** (-_RANGE_DB / 10))).T


def spectrogram_picture(waveform: Waveform, f0_hz: np.ndarray, longest_s: float) -> bytes:
    """The spectrogram of an utterance with its F0 over it, on a logarithmic scale of frequency.

    Args:
        waveform: mono at 16 kHz.
        f0_hz: F0 each 5 ms, 0 where unvoiced, (T,).
        longest_s: where the scale of time ends, the same for all pictures of a corpus.

    Returns:
        A picture, as PNG: the same numbers, the same bytes.
    """
    with house_style():
        figure = Figure(figsize=(4.6, 2.5), layout="constrained")
        panel = figure.subplots()
        decibels = spectrogram_db(waveform.samples)
        times = np.arange(decibels.shape[1]) * _HOP_MS / 1000
        edges_s = np.append(times, times[-1] + _HOP_MS / 1000) - _HOP_MS / 2000
        panel.pcolormesh(
            edges_s, np.geomspace(*_BAND_HZ, _ROWS + 1), decibels, cmap="magma", vmin=-_RANGE_DB, vmax=0
        )
        outlined = [Stroke(linewidth=4, foreground="black"), Normal()]
        f0_s = np.arange(len(f0_hz)) * _HOP_MS / 1000
        panel.plot(f0_s, np.where(f0_hz > 0, f0_hz, np.nan), color="#4DD8FF", lw=2, path_effects=outlined)
        panel.set(xlim=(0, max(longest_s, times[-1])), ylim=_BAND_HZ, yscale="log", xlabel="time / s", ylabel="Hz")
        ticks = (100, 200, 500, 1000, 2000, 5000)
        panel.set_yticks(ticks, [str(tick) for tick in ticks])
        panel.minorticks_off()
        content = BytesIO()
        figure.savefig(
            content, format="png", dpi=_DOTS_PER_INCH, metadata={"Software": None}, pil_kwargs={"optimize": True}
        )
    return content.getvalue()


def durations_picture(labelled: pd.DataFrame) -> bytes:
    """How long utterances last: a histogram of all, and below it five quantiles of each label.

    Args:
        labelled: utterances, with ``label``.

    Returns:
        A picture, as SVG: the same numbers, the same bytes.
    """
    labels = list(counts_of(labelled).columns)
    seconds = labelled["duration_s"].to_numpy()
    # The longest hundredth may be far longer than all others: it stands in the last bar.
    longest_of_labels = labelled.groupby("label")["duration_s"].quantile(_QUANTILES[-1])
    end_s = 1.05 * max(float(np.quantile(seconds, 0.99)), longest_of_labels.max())
    with house_style():
        figure = Figure(figsize=(7, 2 + 0.34 * len(labels)), layout="constrained")
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=(1.5, 0.34 * len(labels) + 0.3))
        above.hist(np.minimum(seconds, end_s), bins=30, range=(0, end_s), color="#56708F")
        above.set_ylabel("utterances")
        for place, label in enumerate(labels):
            of_label = labelled.loc[labelled["label"] == label, "duration_s"]
            least, low, median, high, most = of_label.quantile(_QUANTILES)
            colour, _ = EMOTION_STYLE.get(label, ("#707070", ""))
            below.plot((least, most), (place, place), color=colour, lw=1.5)
            below.barh(place, high - low, left=low, height=0.62, color=colour)
            below.plot((median, median), (place - 0.31, place + 0.31), color="white", lw=2.5)
        below.set_yticks(range(len(labels)), labels)
        below.set(xlabel="duration / s", xlim=(0, end_s), ylim=(len(labels) - 0.4, -0.6))
        content = BytesIO()
        figure.savefig(content, format="svg", metadata={"Date": None, "Creator": None})
    return content.getvalue()


# --- what is read ---------------------------------------------------------------------------------------------


def read_corpus_overviews(folders: Iterable[str | Path]) -> dict[str, CorpusOverview]:
    """What :func:`plot_corpus` wrote, by the name of its folder.

    Raises:
        InputError: if a file is missing or damaged.
    """
    return {Path(folder).name: _read(Path(folder)) for folder in folders}


def _read(folder: Path) -> CorpusOverview:
    expected = ["labels", "speakers", "median_s", "typical", "f0_method"]
    about = read_json(folder / "overview.json", "a corpus at a glance", expected)
    labels, speakers = about["labels"], about["speakers"]
    counts = np.array(list(speakers.values()), dtype=int).reshape(len(speakers), len(labels))
    most = max(1, counts.max(initial=0))
    rows = {
        speaker: (*(Cell(int(n), _shade(n, most)) for n in row), Cell(int(row.sum()), 0))
        for speaker, row in zip(speakers, counts, strict=True)
    }
    return CorpusOverview(
        labels=tuple(labels),
        speakers=rows if len(rows) <= MOST_SPEAKERS else {},
        spread=tuple(
            _spread(label, of_label, about["median_s"][label])
            for label, of_label in zip(labels, counts.T, strict=True)
        ),
        n_speakers=len(speakers),
        durations=_data_uri("image/svg+xml", read_result(folder / "durations.svg", "a picture of durations")),
        typical=tuple(_typical(folder, row) for row in about["typical"]),
        f0_method=about["f0_method"],
    )


def _spread(label: str, counts: np.ndarray, median_s: float) -> Spread:
    """How the utterances of a label are spread, of their numbers by speaker, (S,)."""
    those = counts[counts > 0]
    return Spread(
        label=label,
        utterances=int(counts.sum()),
        speakers=len(those),
        median=float(np.median(those)),
        fewest=int(those.min()),
        most=int(those.max()),
        median_s=median_s,
    )


def _shade(count: int, most: int) -> int:
    """0 for none, then shades of equal width up to the fullest for the most."""
    return int(np.ceil(count / most * (N_SHADES - 1)))


def _typical(folder: Path, row: dict[str, Any]) -> Typical:
    """An utterance in words and its picture."""
    words = f"{row['utterance']}, speaker {row['speaker']}, {row['duration_s']:.2f} s"
    if row["f0_quartiles_hz"]:
        low, median, high = row["f0_quartiles_hz"]
        words += f"; F0 {median:.0f} Hz, its middle half {low:.0f} to {high:.0f} Hz"
    else:
        words += "; no F0 was found"
    picture = read_result(folder / f"spectrogram_{row['label']}.png", "a spectrogram")
    return Typical(label=row["label"], words=words, picture=_data_uri("image/png", picture))


def _quartiles(f0_hz: np.ndarray) -> list[float]:
    """Lower quartile, median and upper quartile; nothing where nothing is voiced."""
    return [round(float(q), 1) for q in np.quantile(f0_hz, (0.25, 0.5, 0.75))] if len(f0_hz) else []


def _time(seconds: float) -> float | None:
    """A time of the manifest, which has NaN where a file is heard from its beginning or to its end."""
    return None if pd.isna(seconds) else seconds


def _data_uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{b64encode(content).decode('ascii')}"
