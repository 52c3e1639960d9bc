"""Memory of jobs: that of extraction and of streamed trainings does not grow with the corpus."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

#: Start of the scripts, which run in their own process and print the largest growth in MB of its anonymous memory:
#: without mapped files, which the kernel drops when memory is short.
MEASURE = '''
import json, sys, threading, time
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile
import torch

def anonymous_mb():
    (line,) = [row for row in Path("/proc/self/status").read_text().splitlines() if row.startswith("RssAnon")]
    return int(line.split()[1]) / 1024

def growth_mb(work):
    """Return the largest growth during a call, sampled every few milliseconds."""
    before, growths, over = anonymous_mb(), [0.0], threading.Event()

    def watch():
        while not over.is_set():
            growths.append(anonymous_mb() - before)
            time.sleep(0.003)

    watcher = threading.Thread(target=watch)
    watcher.start()
    work()
    over.set()
    watcher.join()
    return max(growths)

torch.set_num_threads(1)
folder, growth = Path(sys.argv[1]), {}
'''

EXTRACTION = (
    MEASURE
    + """
import yaml
from emofactors.config.features import features_of
from emofactors.features.extract import extract

content = yaml.safe_load(Path(sys.argv[2]).read_text())
settings = features_of({key: value for key, (value, _) in (content["published"] | content["assumed"]).items()})
noise = 0.1 * np.random.default_rng(0).standard_normal(3 * 16_000)
soundfile.write(folder / "noise.wav", noise, 16_000)

def manifest(n):
    return pd.DataFrame(
        [(f"u{i:04d}", "noise.wav", np.nan, np.nan, 3.0) for i in range(n)],
        columns=["utterance", "path", "start_s", "end_s", "duration_s"],
    )

extract(manifest(40), folder, settings, folder / "first", 2)  # one-time setup
for n in (40, 400):
    growth[n] = growth_mb(lambda: extract(manifest(n), folder, settings, folder / str(n), 2))
print(json.dumps(growth))
"""
)

TRAINING = (
    MEASURE
    + '''
from emofactors.config.training import RunSettings
from emofactors.corpora.splits import Fold
from emofactors.features.archive import ArchiveWriter, FeatureArchive
from emofactors.systems.base import Output
from emofactors.training.checkpoint import Checkpoint
from emofactors.training.fit import fit
from emofactors.training.outputs import model_outputs
from emofactors.training.dataset import load_splits

N_BINS = 128

class MeanFrame(torch.nn.Module):
    """Classifies the mean frame; has hardly any weights."""

    min_frames = 1

    def __init__(self):
        super().__init__()
        self.classes = torch.nn.Linear(N_BINS, 2)

    def forward(self, batch):
        mean = batch.features.mean(dim=1)
        return Output(logits=self.classes(mean), embedding=mean)

    def losses(self, output, batch):
        return {"cross_entropy": torch.nn.functional.cross_entropy(output.logits, batch.emotion)}

    def after_step(self, output, batch):
        pass

def write_corpus(n):
    """Write n utterances of 300 frames, 150 kB each; return archive and fold."""
    generator = np.random.default_rng(0)
    names = [f"u{i:05d}" for i in range(n)]
    with ArchiveWriter(folder / str(n), N_BINS) as archive:
        for name in names:
            archive.add(name, generator.standard_normal((300, N_BINS), dtype=np.float32))
    splits = ["test" if i % 10 == 0 else "dev" if i % 10 == 1 else "train" for i in range(n)]
    rows = {"utterance": names, "original": names, "speaker": "s", "emotion": ["a", "b"] * (n // 2), "split": splits}
    return folder / str(n), Fold(0, pd.DataFrame(rows))

def train(archive, fold, stream):
    run = RunSettings(features="f", batch_size=16, pool_batches=8, learning_rate=0.01, max_epochs=1)
    splits = load_splits(fold, FeatureArchive(archive), ["a", "b"], run, torch.device("cpu"), stream=stream)
    for split in splits.values():
        split.digest()
    system = fit(
        MeanFrame(), splits["train"], splits["dev"], run,
        seed=0, precision="float32", checkpoint=Checkpoint(folder / "state.pt"),
    ).system
    for name, split in splits.items():
        if len(split):
            model_outputs(system, split, split=name, batch_size=16, precision="float32")

corpora = {n: write_corpus(n) for n in (140, 1400)}
train(*corpora[140], stream=True)
for stream in (True, False):
    for n, corpus in corpora.items():
        growth[f"{n} {'streamed' if stream else 'in memory'}"] = growth_mb(lambda: train(*corpus, stream))
print(json.dumps(growth))
'''
)


def measured(script, *arguments):
    """Run a script; return what it prints. Anonymous memory is known on Linux only."""
    if not Path("/proc/self/status").exists():
        pytest.skip("no /proc/self/status: anonymous memory is unknown")
    command = [sys.executable, "-c", script, *map(str, arguments)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout.splitlines()[-1])


def test_memory_of_extraction_does_not_grow_with_the_corpus(tmp_path):
    settings = Path(__file__).parents[2] / "config" / "features" / "log_stft_513.yaml"
    growth = measured(EXTRACTION, tmp_path, settings)
    assert sum(file.stat().st_size for file in (tmp_path / "400").glob("*.npy")) > 220e6
    assert growth["400"] < growth["40"] + 80


def test_memory_of_a_streamed_training_does_not_grow_with_the_corpus(tmp_path):
    growth = measured(TRAINING, tmp_path)
    assert sum(file.stat().st_size for file in (tmp_path / "1400").glob("*.npy")) > 200e6
    assert growth["1400 in memory"] > growth["140 in memory"] + 150
    assert growth["1400 streamed"] < growth["140 streamed"] + 20
