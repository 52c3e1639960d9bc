"""How fast log_mel_128 goes from audio on disk to features on disk, against plain scripts; and how fast F0 does.

Three ways do the same work on the same 16-bit wav files, at 16 and at 48 kHz: decode, resample to 16 kHz,
transform, store.

- emofactors: ``extract``, one thread a core, into an archive.
- librosa: file by file, ``load``, ``melspectrogram``, ``power_to_db``, ``numpy.save``.
- torchaudio: file by file, ``soundfile.read``, ``Resample`` (its default, a shorter filter), ``MelSpectrogram``,
  ``AmplitudeToDB``, ``numpy.save``; transforms are made once.

F0 of the whole corpus by Praat (``f0``) goes the same way through ``extract``, against real time. Praat's own
threads work inside of one call, which is why calls that wait for each other lose little.

Every way runs once unmeasured, then they take turns. What is printed is the median over rounds of the ratio of
times within a round, so that other work on the machine falls on all of them. Imports are not measured.
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

#: Input rate -> other way -> how many times its speed emofactors shall have.
TARGETS = {16_000: {"librosa": 1.0, "torchaudio": 1.0}, 48_000: {"librosa": 4.0, "torchaudio": 1.0}}

#: Times real time that F0 shall reach on two cores.
F0_TARGET = 100


def settings_of(name: str) -> Features:
    content = yaml.safe_load((CONFIG / "features" / f"{name}.yaml").read_text(encoding="utf-8"))
    documented = content["published"] | content["assumed"]
    return features_of({key: value for key, (value, _) in documented.items()})


def spoken_corpus(folder: Path) -> Path:
    """The synthetic corpus of the default study, spoken into a folder."""
    content = yaml.safe_load((CONFIG / "corpora" / "synthetic.yaml").read_text(encoding="utf-8"))
    synthesize(SyntheticCorpus(**content).synthesis, folder)
    return folder


def files_at_rate(sources: list[Path], sample_rate_hz: int, folder: Path) -> pd.DataFrame:
    """Copies of the sources at one rate, mono, 16 bit, and their manifest."""
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
    """Time of one run into a folder that is not there yet."""
    shutil.rmtree(folder, ignore_errors=True)
    began = time.perf_counter()
    work(folder)
    return time.perf_counter() - began


def check_same_work(archive: FeatureArchive, plain: Path, way: str) -> None:
    """Stop if a plain script made other features: then times could not be compared."""
    for utterance in archive.utterances:
        ours, theirs = archive[utterance], np.load(plain / f"{utterance}.npy", allow_pickle=False).T
        n_frames = min(len(ours), len(theirs))  # resamplers may differ by a sample at the end
        difference = np.abs(ours[: n_frames - 3] - theirs[: n_frames - 3]).mean()
        if abs(len(ours) - len(theirs)) > 1 or difference > 0.5:
            raise SystemExit(
                f"{way}: {utterance} differs by {difference:.2g} dB on average; expected the same work"
            )


def report_f0(manifest: pd.DataFrame, root: Path, settings: PitchSettings, folder: Path) -> None:
    """Say how fast F0 of a corpus is tracked, with as many threads as a rule has."""
    speeds = []
    for threads in (1, 2):
        track = partial(extract, manifest, root, settings, threads=threads, transform=feature_transform(settings))
        times = [seconds(track, folder) for _ in range(4)][1:]  # the first warms up
        speeds.append(manifest["duration_s"].sum() / statistics.median(times))
    said = ", ".join(f"{speed:,.0f} with {threads}" for threads, speed in zip((1, 2), speeds, strict=True))
    met = "met" if speeds[1] > F0_TARGET else "MISSED"
    print(f"F0 by {settings.method}, times real time by threads: {said}; target > {F0_TARGET}  {met}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--corpus", type=Path, help="folder with wav files; default: the synthetic corpus")
    parser.add_argument("--seconds", type=float, default=25, help="measuring time at each rate; 3 rounds at least")
    arguments = parser.parse_args()
    settings, cores = settings_of("log_mel_128"), os.cpu_count()

    with tempfile.TemporaryDirectory() as temporary:
        workplace = Path(temporary)
        sources = sorted((arguments.corpus or spoken_corpus(workplace / "spoken")).rglob("*.wav"))
        for sample_rate_hz, targets in TARGETS.items():
            root = workplace / f"{sample_rate_hz}"
            manifest = files_at_rate(sources, sample_rate_hz, root)
            files = [root / path for path in manifest["path"]]
            ways = {
                "emofactors": lambda folder, m=manifest, r=root: extract(m, r, settings, folder, threads=cores),
                "librosa": lambda folder, f=files: with_librosa(f, settings, folder),
                "torchaudio": lambda folder, f=files: with_torchaudio(f, settings, folder),
            }
            for way, work in ways.items():  # warms up
                seconds(work, workplace / way)
            for way in targets:
                check_same_work(FeatureArchive(workplace / "emofactors"), workplace / way, way)
            rounds, began = [], time.monotonic()
            while len(rounds) < 3 or time.monotonic() - began < arguments.seconds:
                rounds.append({way: seconds(work, workplace / way) for way, work in ways.items()})

            audio_s = manifest["duration_s"].sum()
            print(f"\n{len(files)} files, {audio_s / 60:.1f} min at {sample_rate_hz / 1000:g} kHz, {cores} cores")
            print(f"{'':12}{'times real time':>16}{'emofactors is':>16}{'target':>10}")
            for way in ways:
                speed = audio_s / statistics.median(times[way] for times in rounds)
                line = f"{way:12}{speed:>16,.0f}"
                if way in targets:
                    ratio = statistics.median(times[way] / times["emofactors"] for times in rounds)
                    met = "met" if ratio > targets[way] else "MISSED"
                    line += f"{ratio:>15.2f}x{f'> {targets[way]:g}x':>10}  {met}"
                print(line)
            report_f0(manifest, root, settings_of("f0"), workplace / "f0")


if __name__ == "__main__":
    main()
