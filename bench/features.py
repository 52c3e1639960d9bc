"""Speed of feature extraction, from audio on disk to log_mel_128 on disk, against plain scripts; and speed of F0.

Three implementations do the same work on the same 16-bit wav files, at 16 and at 48 kHz: decode, resample to
16 kHz, transform, store.

- emofactors: ``extract``, one thread per core, into an archive.
- librosa: file by file, ``load``, ``melspectrogram``, ``power_to_db``, ``numpy.save``.
- torchaudio: file by file, ``soundfile.read``, ``Resample`` (its default, a shorter filter), ``MelSpectrogram``,
  ``AmplitudeToDB``, ``numpy.save``; transforms are built once.

F0 of the whole corpus by Praat (``f0``) is extracted by ``extract`` as well and compared with real time. Praat
runs one call at a time, but uses threads within a call.

After a warm-up run of each, the implementations take turns. The printed ratio is the median over rounds of the
ratio of times within a round, so that other load on the machine affects all of them. Imports are not measured.
"""

import argparse
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import librosa
import numpy as np
import pandas as pd
import soundfile
import torch
import torchaudio
import yaml

from emofactors.config.corpora import SyntheticCorpus
from emofactors.config.features import Features, FeatureSettings, PitchSettings, features_of
from emofactors.corpora.audio import read_waveform
from emofactors.corpora.readers.synthetic import synthesize
from emofactors.features import feature_transform
from emofactors.features.archive import FeatureArchive
from emofactors.features.audio import resampled
from emofactors.features.extract import extract

CONFIG = Path(__file__).parents[1] / "config"

#: Input rate -> other implementation -> minimum speed of emofactors relative to it.
TARGETS = {16_000: {"librosa": 1.0, "torchaudio": 1.0}, 48_000: {"librosa": 4.0, "torchaudio": 1.0}}

#: Minimum speed of F0 on two cores, relative to real time.
F0_TARGET = 100


def settings_of(name: str) -> Features:
    content = yaml.safe_load((CONFIG / "features" / f"{name}.yaml").read_text(encoding="utf-8"))
    documented = content["published"] | content["assumed"]
    return features_of({key: value for key, (value, _) in documented.items()})


def synthetic_corpus(folder: Path) -> Path:
    """Synthesize the corpus of the default study into a folder."""
    content = yaml.safe_load((CONFIG / "corpora" / "synthetic.yaml").read_text(encoding="utf-8"))
    synthesize(SyntheticCorpus(**content).synthesis, folder)
    return folder


def files_at_rate(sources: list[Path], sample_rate_hz: int, folder: Path) -> pd.DataFrame:
    """Write copies of the sources at one rate, mono, 16 bit; return their manifest."""
    folder.mkdir()
    rows = []
    for i, source in enumerate(sources):
        waveform = resampled(read_waveform(source), sample_rate_hz)
        name = f"{i:05d}.wav"
        soundfile.write(folder / name, waveform.samples, sample_rate_hz, subtype="PCM_16")
        rows.append((name.removesuffix(".wav"), name, np.nan, np.nan, waveform.duration_s))
    return pd.DataFrame(rows, columns=["utterance", "path", "start_s", "end_s", "duration_s"])


def with_librosa(files: list[Path], settings: FeatureSettings, folder: Path) -> None:
    folder.mkdir()
    for file in files:
        waveform, sample_rate_hz = librosa.load(file, sr=settings.sample_rate_hz)
        mel = librosa.feature.melspectrogram(
            y=waveform,
            sr=sample_rate_hz,
            n_fft=settings.n_fft,
            win_length=settings.win_length,
            hop_length=settings.hop_length,
            window=settings.window,
            pad_mode=settings.pad_mode,
            n_mels=settings.n_mels,
        )
        np.save(folder / f"{file.stem}.npy", librosa.power_to_db(mel, top_db=settings.top_db))


def with_torchaudio(files: list[Path], settings: FeatureSettings, folder: Path) -> None:
    folder.mkdir()
    resample = torchaudio.transforms.Resample(soundfile.info(files[0]).samplerate, settings.sample_rate_hz)
    mel_spectrogram = torchaudio.transforms.MelSpectrogram(
        sample_rate=settings.sample_rate_hz,
        n_fft=settings.n_fft,
        win_length=settings.win_length,
        hop_length=settings.hop_length,
        window_fn=torch.hamming_window,
        pad_mode=settings.pad_mode,
        n_mels=settings.n_mels,
        norm="slaney",
        mel_scale="slaney",
    )
    decibels = torchaudio.transforms.AmplitudeToDB(stype="power", top_db=settings.top_db)
    for file in files:
        waveform, _ = soundfile.read(file, dtype="float32")
        log_mel = decibels(mel_spectrogram(resample(torch.from_numpy(waveform))))
        np.save(folder / f"{file.stem}.npy", log_mel.numpy())


def seconds(work: Callable[[Path], None], folder: Path) -> float:
    """Time one run into a new folder."""
    shutil.rmtree(folder, ignore_errors=True)
    start = time.perf_counter()
    work(folder)
    return time.perf_counter() - start


def check_same_features(archive: FeatureArchive, folder: Path, name: str) -> None:
    """Exit if a plain script computes other features, because the times would not be comparable."""
    for utterance in archive.utterances:
        ours, theirs = archive[utterance], np.load(folder / f"{utterance}.npy", allow_pickle=False).T
        n_frames = min(len(ours), len(theirs))  # resamplers may differ by a sample at the end
        difference = np.abs(ours[: n_frames - 3] - theirs[: n_frames - 3]).mean()
        if abs(len(ours) - len(theirs)) > 1 or difference > 0.5:
            raise SystemExit(
                f"{name}: {utterance} differs by {difference:.2g} dB on average, expected at most 0.5"
            )


def report_f0(manifest: pd.DataFrame, root: Path, settings: PitchSettings, folder: Path) -> None:
    """Print the speed of F0 tracking with one thread and with two, as in a rule."""
    speeds = {}
    for threads in (1, 2):
        track = partial(extract, manifest, root, settings, threads=threads, transform=feature_transform(settings))
        times = [seconds(track, folder) for _ in range(4)][1:]  # the first is a warm-up
        speeds[threads] = manifest["duration_s"].sum() / statistics.median(times)
    text = ", ".join(f"{speed:,.0f} with {threads}" for threads, speed in speeds.items())
    status = "met" if speeds[2] > F0_TARGET else "MISSED"
    print(f"F0 by {settings.method}, times real time by threads: {text}; target > {F0_TARGET}  {status}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--corpus", type=Path, help="folder with wav files; default: the synthetic corpus")
    parser.add_argument("--seconds", type=float, default=25, help="measuring time per rate; at least 3 rounds")
    arguments = parser.parse_args()
    settings, cores = settings_of("log_mel_128"), os.cpu_count()

    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        sources = sorted((arguments.corpus or synthetic_corpus(folder / "corpus")).rglob("*.wav"))
        for sample_rate_hz, targets in TARGETS.items():
            root = folder / f"{sample_rate_hz}"
            manifest = files_at_rate(sources, sample_rate_hz, root)
            files = [root / path for path in manifest["path"]]
            implementations = {
                "emofactors": lambda output, m=manifest, r=root: extract(m, r, settings, output, threads=cores),
                "librosa": lambda output, f=files: with_librosa(f, settings, output),
                "torchaudio": lambda output, f=files: with_torchaudio(f, settings, output),
            }
            for name, work in implementations.items():  # warm-up
                seconds(work, folder / name)
            for name in targets:
                check_same_features(FeatureArchive(folder / "emofactors"), folder / name, name)
            rounds, start = [], time.monotonic()
            while len(rounds) < 3 or time.monotonic() - start < arguments.seconds:
                rounds.append({name: seconds(work, folder / name) for name, work in implementations.items()})

            audio_s = manifest["duration_s"].sum()
            print(f"\n{len(files)} files, {audio_s / 60:.1f} min at {sample_rate_hz / 1000:g} kHz, {cores} cores")
            print(f"{'':12}{'times real time':>16}{'emofactors is':>16}{'target':>10}")
            for name in implementations:
                speed = audio_s / statistics.median(times[name] for times in rounds)
                line = f"{name:12}{speed:>16,.0f}"
                if name in targets:
                    ratio = statistics.median(times[name] / times["emofactors"] for times in rounds)
                    status = "met" if ratio > targets[name] else "MISSED"
                    line += f"{ratio:>15.2f}x{f'> {targets[name]:g}x':>10}  {status}"
                print(line)
            report_f0(manifest, root, settings_of("f0"), folder / "f0")


if __name__ == "__main__":
    main()
