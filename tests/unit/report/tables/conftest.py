from itertools import product

import numpy as np
import pandas as pd
import pytest

from emofactors.config.systems import SystemConfig
from emofactors.config.tasks import TaskConfig
from emofactors.evaluation.scores import score_runs
from emofactors.report.tables.base import TableInputs

CLASSES = ["anger", "sadness", "disgust"]


@pytest.fixture
def classes():
    """Classes of all tasks of these tests."""
    return CLASSES


@pytest.fixture
def task():
    """A task of unseen speakers: a fold for each of four speakers."""
    return TaskConfig(corpus="berlin", classes=CLASSES, protocol="leave_one_speaker_out", folds=4, dev_speakers=1)


@pytest.fixture
def random_task():
    """The same corpus divided at random."""
    return TaskConfig(corpus="berlin", classes=CLASSES, protocol="stratified_folds", folds=4, strata=["emotion"])


@pytest.fixture
def leaky_task(random_task):
    """The same with augmented copies that are divided, too."""
    changes = {"augmentation": "noisy", "augmented": "before_split", "shows_leak": True}
    return TaskConfig(**random_task.model_dump() | changes)


@pytest.fixture
def system_of():
    """Function of what a study changes of a system; its setting ``units`` is published, or else assumed."""

    def make(kind="published", **changes):
        settings = [{"key": "units", "value": 128, "kind": kind, "why": "the talk"}]
        return SystemConfig(source="a paper", settings=settings, variants={"plain": {}, "center": {}}, **changes)

    return make


@pytest.fixture
def inputs_of(system_of):
    """Function of a table and its tasks: the inputs of the table."""

    def make(table, tasks, **changes):
        corpora = {
            name: {"title": name.capitalize(), "whole": True, "utterances": 40, "published_utterances": 40}
            for name in ("berlin", "surrey")
        }
        given = {
            "systems": {system: system_of() for system, _ in table.runs.values()},
            "corpora": corpora,
            "cross_tasks": {},
            "evaluations": (),
        }
        return TableInputs(name="own", table=table, tasks=tasks, **given | changes)

    return make


@pytest.fixture
def write_evaluation(tmp_path):
    """Function that writes the evaluation of a variant and returns its files.

    Two seeds, a fold per speaker; speakers of ``lacks_disgust`` do not speak that class; each utterance has
    so many copies. Training speakers of a fold are those of the next one.
    """

    def write(
        run,
        skill,
        task="speakers",
        *,
        speakers=("08", "09", "10", "11"),
        lacks_disgust=(),
        copies=1,
        seeds=(0, 1),
        probes=False,
    ):
        rng = np.random.default_rng(round(100 * skill))
        runs = {}
        for (fold, speaker), seed in product(enumerate(speakers), seeds):
            parts = []
            for split, of, bonus in (("test", speaker, 0), ("held_out", speakers[fold - 1], 0.2)):
                truth = np.array(copies * (CLASSES * 4 if of not in lacks_disgust else CLASSES[:2] * 5))
                is_right = rng.random(len(truth)) < skill + bonus
                columns = {
                    "truth": truth,
                    "prediction": np.where(is_right, truth, rng.choice(CLASSES, len(truth))),
                }
                names = {"utterance": [f"{of}_{i}" for i in range(len(truth))], "speaker": of, "split": split}
                parts.append(pd.DataFrame(names | columns))
            runs[fold, seed] = pd.concat(parts, ignore_index=True)
        folder = tmp_path / "evaluation" / task / run / f"on_{task}"
        folder.mkdir(parents=True)
        names = ("scores.csv", "confusion.csv", "held_out_confusion.csv")
        score_runs(runs, CLASSES).write(*(folder / name for name in names))
        if probes:
            _write_probes(folder, rng, speakers, seeds)
        return [str(path) for path in sorted(folder.iterdir())]

    return write


def _write_probes(folder, rng, speakers, seeds):
    """Write counts of probes and mutual information, with all speakers in the training of two folds."""
    probes, information = [], []
    for fold, seed in product((0, 1), seeds):
        columns = {"fold": fold, "seed": seed, "speaker": speakers, "truth": speakers}
        for probe in ("speaker_linear", "speaker_mlp", "speaker_held_out"):
            n_right = rng.integers(5, 9)
            for prediction, count in ((speakers, n_right), (speakers[::-1], 14 - n_right)):
                probes.append(pd.DataFrame(columns | {"probe": probe, "prediction": prediction, "count": count}))
        for speaker, truth in product(speakers, CLASSES):
            row = {"fold": fold, "seed": seed, "speaker": speaker, "truth": truth, "probe": "emotion_linear"}
            probes.append(pd.DataFrame([row | {"prediction": rng.choice(CLASSES), "count": 2}]))
        information += [
            {"label": label, "fold": fold, "seed": seed, "n": 40, "above_null": rng.random()}
            for label in ("speaker", "emotion")
        ]
    pd.concat(probes, ignore_index=True).to_csv(folder / "probes.csv", index=False)
    pd.DataFrame(information).to_csv(folder / "mutual_information.csv", index=False)
    scatter = [
        {"split": split, "fold": fold, "seed": seed, "speaker": speaker, "n": 12, "share": rng.uniform(0.3, 0.5)}
        for split, fold, seed, speaker in product(("train", "test"), (0, 1), seeds, ("", *speakers))
    ]
    pd.DataFrame(scatter).to_csv(folder / "scatter.csv", index=False)


@pytest.fixture
def one():
    """Function of a tidy table and values of its columns: the only such row."""

    def find(tidy, **values):
        for column, value in values.items():
            tidy = tidy[tidy[column] == value]
        assert len(tidy) == 1
        return tidy.iloc[0]

    return find


#: Test speakers of each fold of the evaluations of codes, and what each adds to every number.
CODE_SPEAKERS = {0: ("a", "b"), 1: ("c", "d", "e")}
OF_SPEAKER = {"a": -0.02, "b": 0.01, "c": 0.03, "d": 0.0, "e": -0.01}


def leave_one_out(fold, level, gain=1.0):
    """Yield the mean over the speakers of a fold, with an empty name, then that without each speaker."""
    values = {speaker: level + gain * OF_SPEAKER[speaker] for speaker in CODE_SPEAKERS[fold]}
    yield "", np.mean(list(values.values()))
    for speaker in values:
        yield speaker, np.mean([value for other, value in values.items() if other != speaker])


@pytest.fixture
def two_folds():
    """A task of two folds of unseen speakers, for codes."""
    return TaskConfig(corpus="berlin", classes=CLASSES, protocol="speaker_groups", folds=2, dev_speakers=1)


@pytest.fixture
def write_codes(tmp_path):
    """Function that writes a table of the evaluation of a decomposer and returns its path."""

    def write(variant, file, rows, columns):
        folder = tmp_path / "evaluation" / "speakers" / "flow" / variant / "on_speakers"
        folder.mkdir(parents=True, exist_ok=True)
        pd.DataFrame(rows)[list(columns)].to_csv(folder / file, index=False)
        return str(folder / file)

    return write


@pytest.fixture
def code_speakers():
    """What each test speaker adds to every number of an evaluation of codes."""
    return OF_SPEAKER


@pytest.fixture(name="leave_one_out")
def _leave_one_out():
    """Function of a fold and a level: the mean over its speakers, and that without each."""
    return leave_one_out
