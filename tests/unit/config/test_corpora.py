"""Every file under ``config/corpora`` and ``config/tasks`` is valid and fits the others."""

from pathlib import Path

import pytest
import yaml

from emofactors.config.corpora import CorpusConfig
from emofactors.config.labels import EMOTIONS, OTHER_LABELS
from emofactors.config.tasks import TaskConfig

CONFIG = Path(__file__).parents[3] / "config"
AUGMENTATIONS = {file.stem for file in (CONFIG / "augmentations").glob("*.yaml")}
CORPORA = sorted((CONFIG / "corpora").glob("*.yaml"))
TASKS = sorted((CONFIG / "tasks").glob("*.yaml"))


def load(file: Path) -> dict:
    return yaml.safe_load(file.read_text(encoding="utf-8"))


def test_there_are_files():
    published = {"emodb", "nemo", "ravdess", "savee", "crema_d", "iemocap", "mosei", "vctk"}
    assert published <= {file.stem for file in CORPORA}
    assert len(TASKS) >= 10


@pytest.mark.parametrize("file", CORPORA, ids=lambda file: file.stem)
def test_a_corpus_is_valid(file: Path):
    corpus = CorpusConfig(**load(file))
    if corpus.reader == "synthetic":
        return
    assert corpus.title
    assert corpus.source
    assert corpus.licence
    assert corpus.language
    assert corpus.size == "published"
    if corpus.expected is not None:
        assert set(corpus.expected.emotions) <= {*EMOTIONS, *OTHER_LABELS}
        for counts in (corpus.expected.emotions, corpus.expected.per_speaker):
            assert sum(counts.values()) in {0, corpus.expected.utterances}


@pytest.mark.parametrize("file", TASKS, ids=lambda file: file.stem)
def test_a_task_is_valid_and_asks_for_what_its_corpus_has(file: Path):
    task = TaskConfig(**load(file))
    corpus = CorpusConfig(**load(CONFIG / "corpora" / f"{task.corpus}.yaml"))
    assert task.augmentation is None or task.augmentation in AUGMENTATIONS
    expected = corpus.expected
    if expected is None:
        return
    if expected.emotions:
        assert {*task.classes, *task.merge} <= set(expected.emotions)
    if task.protocol == "leave_one_speaker_out":
        assert task.folds == expected.speakers


@pytest.mark.parametrize(
    "leaky", [file for file in TASKS if file.stem.endswith("_leaky")], ids=lambda file: file.stem
)
def test_a_leaking_task_has_a_sound_one_beside_it_that_differs_in_the_leak_alone(leaky: Path):
    sound = leaky.with_stem(leaky.stem.replace("_leaky", "_augmented"))
    leak = {"augmented": "before_split", "shows_leak": True}
    assert load(leaky) == load(sound) | leak
    assert TaskConfig(**load(sound)).augmented == "training"


@pytest.mark.parametrize("corpus", ["emodb", "savee", "crema_d", "nemo", "synthetic"])
def test_three_protocols_of_a_corpus_stand_side_by_side(corpus: str):
    tasks = {file.stem: TaskConfig(**load(file)) for file in TASKS}
    of_corpus = {name: task for name, task in tasks.items() if task.corpus == corpus and task.augmentation}
    kinds = {(task.shows_leak, task.speaker_independent) for task in of_corpus.values()}
    assert kinds == {(True, False), (False, False), (False, True)}
    assert len({task.classes for task in of_corpus.values()}) == 1
    for name, task in of_corpus.items():
        assert name.endswith("_leaky" if task.shows_leak else "_augmented")


SEEN = [file for file in TASKS if file.stem.endswith("_held_out")]


def test_every_corpus_but_mosei_and_vctk_has_a_task_with_held_out_utterances_of_its_training_speakers():
    corpora = {file.stem for file in CORPORA} - {"mosei", "vctk"}
    assert {TaskConfig(**load(file)).corpus for file in SEEN} == corpora


@pytest.mark.parametrize("file", SEEN, ids=lambda file: file.stem)
def test_a_task_with_seen_utterances_differs_from_the_one_without_in_nothing_else(file: Path):
    without = file.with_stem(file.stem.removesuffix("_held_out"))
    assert load(file) == load(without) | {"held_out": 0.1}


def test_the_standard_tasks_of_mosei_ask_for_each_emotion_and_hold_out_what_its_publishers_do():
    tasks = {file.stem: load(file) for file in TASKS if file.stem.endswith("_standard")}
    emotions = tasks["mosei6_standard"]["classes"]
    assert len(emotions) == 6
    partition = {key: value for key, value in tasks["mosei6_standard"].items() if key != "classes"}
    assert partition == {
        "corpus": "mosei",
        "protocol": "holdout",
        "column": "partition",
        "dev": ["valid"],
        "test": ["test"],
        "claims_unseen_speakers": True,
    }
    binary = {f"mosei_{emotion}_standard": partition | {"classes": [emotion, "absent"]} for emotion in emotions}
    assert tasks == {"mosei6_standard": tasks["mosei6_standard"]} | binary
