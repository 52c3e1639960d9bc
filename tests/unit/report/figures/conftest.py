"""Two tasks, and the result files of two variants on both."""

import json

import numpy as np
import pandas as pd
import pytest

from emofactors.config.tasks import TaskConfig

CLASSES = ("anger", "happiness", "sadness")
TASKS = {
    "a3": TaskConfig(corpus="a", classes=CLASSES, protocol="speaker_groups", folds=2, dev_speakers=1),
    "b2": TaskConfig(corpus="b", classes=("calm", "fear"), protocol="stratified_random", strata=("speaker",)),
}


@pytest.fixture
def tasks():
    return TASKS


@pytest.fixture
def variants():
    """Variant -> label."""
    return {"plain": "without", "center": "with"}


@pytest.fixture
def settings(variants):
    """Function of a kind and further keys: the settings of a figure of variants, as plain data."""

    def make(kind, **keys):
        return {"kind": kind, "title": "t", "caption": "c", "system": "s", "variants": variants, **keys}

    return make


@pytest.fixture
def confusion_of():
    """Function of a task: a confusion table of two seeds and two speakers; 8 of 10 utterances are recognised."""

    def make(task):
        rows = [
            (0, seed, speaker, truth, prediction, 4 if truth == prediction else 1 / (len(task.classes) - 1))
            for seed in (0, 1)
            for speaker in ("03", "08")
            for truth in task.classes
            for prediction in task.classes
        ]
        return pd.DataFrame(rows, columns=["fold", "seed", "speaker", "truth", "prediction", "count"])

    return make


@pytest.fixture
def write_run(tmp_path):
    """Function of a task and a variant: write the files of its evaluation and of two runs."""

    def write(task, variant):
        classes = TASKS[task].classes
        rng = np.random.default_rng(len(task + variant))
        evaluation = tmp_path / "evaluation" / task / "s" / variant / f"on_{task}"
        evaluation.mkdir(parents=True)
        rows = [
            (0, 0, speaker, truth, prediction, rng.integers(1, 9))
            for speaker in ("03", "08", "09")
            for truth in classes
            for prediction in classes
        ]
        confusion = pd.DataFrame(rows, columns=["fold", "seed", "speaker", "truth", "prediction", "count"])
        confusion.to_csv(evaluation / "confusion.csv", index=False)
        for fold in (0, 1):
            run = tmp_path / "training" / task / "s" / variant / f"fold{fold}" / "seed0"
            run.mkdir(parents=True)
            history = {"epoch": [1, 1, 2], "step": [10, 20, 30], "matching": rng.random(3)}
            pd.DataFrame(history).to_csv(run / "history.csv", index=False)
            (run / "run.json").write_text(json.dumps({"flops": 10**9, "parameters": 10**6}))
            np.savez(
                run / "embeddings.npz",
                embedding=rng.normal(size=(60, 5)).astype(np.float32),
                utterance=np.array([f"u{i}" for i in range(60)]),
                split=np.array(["train"] * 40 + ["test"] * 20),
                emotion=rng.choice(classes, 60),
                speaker=np.array([f"s{i % 4}" for i in range(60)]),
            )
            np.savez(
                run / "attention.npz",
                utterance=np.array(["u1", "u2"]),
                emotion=np.array(classes[:2]),
                prediction=np.array(classes[:2]),
                image=rng.random((2, 12, 6)).astype(np.float32),
                n_frames=np.array([12, 8]),
                attention=np.full((2, 12), 1 / 12),
            )

    return write
