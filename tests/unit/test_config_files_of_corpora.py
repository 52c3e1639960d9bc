"""Every file under ``config/corpora`` and ``config/tasks`` is valid and fits the others."""

from pathlib import Path

import pytest
import yaml

from emofactors.config import EMOTIONS, CorpusConfig, TaskConfig
from emofactors.corpora.manifest import OTHER_LABELS

CONFIG = Path(__file__).parents[2] / "config"
CORPORA = sorted((CONFIG / "corpora").glob("*.yaml"))
TASKS = sorted((CONFIG / "tasks").glob("*.yaml"))


def load(file: Path) -> dict:
    return yaml.safe_load(file.read_text(encoding="utf-8"))


def test_there_are_files():
    published = {"emodb", "nemo", "ravdess", "savee", "crema_d", "iemocap", "mosei"}
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
    expected = corpus.expected
    if expected is None:
        return
    if expected.emotions:
        assert {*task.classes, *task.merge} <= set(expected.emotions)
    if task.protocol == "leave_one_speaker_out":
        assert task.folds == expected.speakers
