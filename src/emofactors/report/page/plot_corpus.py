"""Plots and statistics of a corpus for its overview on the page, in one folder per corpus."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patheffects import Normal, Stroke

from emofactors.config.labels import EMOTIONS
from emofactors.corpora.audio import Waveform, read_waveform
from emofactors.features.audio import resampled
from emofactors.features.pitch import PitchTracker
from emofactors.io.atomic import write_bytes_atomically, write_text_atomically
from emofactors.io.csv import rows_of
from emofactors.report.figures.style import EMOTION_STYLE, figure_style, png_bytes, svg_bytes

#: Label of an utterance with more than one emotion.
SEVERAL = "several"

#: Spectrograms: the frequency band of speech in Hz, and the dynamic range in dB below the maximum.
_SAMPLE_RATE_HZ = 16_000
_BAND_HZ = (60, 8000)
_RANGE_DB = 50
_F0_HZ = (75, 600)
_HOP_MS = 5
#: Long enough to resolve the harmonics of a low voice, so that F0 lies on the lowest of them.
_WINDOW = 1024
_N_FFT = 2048
_ROWS = 160

_DOTS_PER_INCH = 150
_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


def plot_corpus(manifest: pd.DataFrame, root: Path, folder: Path, track_f0: PitchTracker, f0_method: str) -> None:
    """Write the statistics and plots of a corpus; equal audio gives equal bytes.

    Args:
        manifest: its utterances, as ``corpora.manifest`` reads them.
        root: folder that the paths of the manifest are relative to.
        folder: folder of ``overview.json``, ``durations.svg`` and one ``spectrogram_{emotion}.png`` per emotion.
        track_f0: F0 tracker, see ``features.pitch``.
        f0_method: its name.

    Raises:
        AudioError: if a plotted utterance cannot be read.
        OSError: if a file cannot be written.
    """
    labelled = manifest.assign(label=labels_of(manifest["emotion"]))
    chosen = typical_utterances(labelled)
    waveforms = {
        row.label: resampled(
            read_waveform(root / row.path, _time_or_none(row.start_s), _time_or_none(row.end_s)), _SAMPLE_RATE_HZ
        )
        for row in rows_of(chosen)
    }
    longest_s = max((waveform.duration_s for waveform in waveforms.values()), default=0.0)
    folder.mkdir(parents=True, exist_ok=True)
    typical = []
    for row in rows_of(chosen):
        waveform = waveforms[row.label]
        low, high = _F0_HZ
        f0_hz = track_f0(waveform.samples, _SAMPLE_RATE_HZ, hop_ms=_HOP_MS, min_hz=low, max_hz=high)
        png = spectrogram_png(waveform, f0_hz, longest_s)
        write_bytes_atomically(folder / f"spectrogram_{row.label}.png", png)
        typical.append(
            {
                "label": row.label,
                "utterance": row.utterance,
                "speaker": row.speaker,
                "duration_s": round(waveform.duration_s, 3),
                "f0_quartiles_hz": _quartiles(f0_hz[f0_hz > 0]),
            }
        )
    write_bytes_atomically(folder / "durations.svg", durations_svg(labelled))
    counts = counts_of(labelled)
    overview = {
        "labels": list(counts.columns),
        "speakers": {speaker: row.tolist() for speaker, row in zip(counts.index, counts.to_numpy(), strict=True)},
        "median_s": labelled.groupby("label")["duration_s"].median().round(3).to_dict(),
        "typical": typical,
        "f0_method": f0_method,
    }
    write_text_atomically(folder / "overview.json", json.dumps(overview, ensure_ascii=False, indent=1) + "\n")


def labels_of(emotions: pd.Series) -> pd.Series:
    """Return the label of each utterance: its emotion, ``several``, or ``unlabelled`` without any."""
    several = emotions.str.contains("+", regex=False)
    return emotions.mask(several, SEVERAL).mask(emotions == "", "unlabelled")


def counts_of(labelled: pd.DataFrame) -> pd.DataFrame:
    """Return the number of utterances by speaker (rows, sorted) and label (columns, emotions first)."""
    counts = pd.crosstab(labelled["speaker"], labelled["label"])
    emotions = [emotion for emotion in EMOTIONS if emotion in counts]
    return counts[[*emotions, *sorted(set(counts.columns) - set(emotions), key=str)]]


def typical_utterances(labelled: pd.DataFrame) -> pd.DataFrame:
    """Choose the utterance of each emotion whose duration is nearest to the median; of ties the first by name.

    Args:
        labelled: utterances, with ``label``.

    Returns:
        One row per emotion, in the order of ``EMOTIONS``.
    """
    found = []
    for emotion in EMOTIONS:
        of_emotion = labelled[labelled["label"] == emotion].sort_values("utterance", kind="stable")
        if len(of_emotion):
            distance = (of_emotion["duration_s"] - of_emotion["duration_s"].median()).abs()
            found.append(of_emotion.loc[[distance.idxmin()]])
    return pd.concat(found) if found else labelled.iloc[:0]


def spectrogram_db(samples: np.ndarray) -> np.ndarray:
    """Return the power of an utterance over time and the logarithm of frequency.

    Args:
        samples: mono at 16 kHz, (n_samples,).

    Returns:
        Power in dB below the maximum, at least -50, (160 rows from 60 to 8000 Hz, T); frame t is centered at
        t * 5 ms.
    """
    hop_length = _SAMPLE_RATE_HZ * _HOP_MS // 1000
    padded = np.pad(samples.astype(np.float64), _WINDOW // 2)
    if len(padded) < _WINDOW + 1:
        padded = np.pad(padded, (0, _WINDOW + 1 - len(padded)))
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::hop_length]
    power = np.abs(np.fft.rfft(frames * np.hanning(_WINDOW), _N_FFT)) ** 2  # (T, bins)
    # Bins are linear in frequency, rows are not: power is interpolated linearly between two bins.
    place = np.geomspace(*_BAND_HZ, _ROWS) * _N_FFT / _SAMPLE_RATE_HZ
    below = np.minimum(place.astype(int), power.shape[1] - 2)
    rows = power[:, below] + (place - below) * (power[:, below + 1] - power[:, below])
    maximum = max(rows.max(), 1e-12)
    return 10 * np.log10(np.maximum(rows / maximum, 10 ** (-_RANGE_DB / 10))).T


def spectrogram_png(waveform: Waveform, f0_hz: np.ndarray, longest_s: float) -> bytes:
    """Draw the spectrogram of an utterance with its F0, on a logarithmic frequency scale.

    Args:
        waveform: mono at 16 kHz.
        f0_hz: F0 every 5 ms, 0 where unvoiced, (T,).
        longest_s: end of the time axis, the same for all plots of a corpus.

    Returns:
        A PNG; equal numbers give equal bytes.
    """
    with figure_style():
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
        return png_bytes(figure, _DOTS_PER_INCH, optimize=True)


def durations_svg(labelled: pd.DataFrame) -> bytes:
    """Draw the durations of utterances: a histogram of all, and below it five quantiles of each label.

    Args:
        labelled: utterances, with ``label``.

    Returns:
        An SVG; equal numbers give equal bytes.
    """
    labels = list(counts_of(labelled).columns)
    seconds = labelled["duration_s"].to_numpy()
    # The longest hundredth may be far longer than all others: the last bar contains it.
    longest_of_labels = labelled.groupby("label")["duration_s"].quantile(_QUANTILES[-1])
    end_s = 1.05 * max(float(np.quantile(seconds, 0.99)), longest_of_labels.max())
    with figure_style():
        figure = Figure(figsize=(7, 2 + 0.34 * len(labels)), layout="constrained")
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(1.5, 0.34 * len(labels) + 0.3))
        upper.hist(np.minimum(seconds, end_s), bins=30, range=(0, end_s), color="#56708F")
        upper.set_ylabel("utterances")
        for place, label in enumerate(labels):
            of_label = labelled.loc[labelled["label"] == label, "duration_s"]
            lowest, low, median, high, highest = of_label.quantile(_QUANTILES)
            colour, _ = EMOTION_STYLE.get(label, ("#707070", ""))
            lower.plot((lowest, highest), (place, place), color=colour, lw=1.5)
            lower.barh(place, high - low, left=low, height=0.62, color=colour)
            lower.plot((median, median), (place - 0.31, place + 0.31), color="white", lw=2.5)
        lower.set_yticks(range(len(labels)), labels)
        lower.set(xlabel="duration / s", xlim=(0, end_s), ylim=(len(labels) - 0.4, -0.6))
        return svg_bytes(figure)


def _quartiles(f0_hz: np.ndarray) -> list[float]:
    """Return lower quartile, median and upper quartile; an empty list if nothing is voiced."""
    return [round(float(q), 1) for q in np.quantile(f0_hz, (0.25, 0.5, 0.75))] if len(f0_hz) else []


def _time_or_none(seconds: float) -> float | None:
    """Return a time of the manifest, which is NaN for the start or the end of a file."""
    return None if pd.isna(seconds) else seconds
