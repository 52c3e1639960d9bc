from math import isnan

import pytest
from pydantic import ValidationError

from emofactors.config.tables.scores import PublishedScores, ScoreTable

PUBLISHED = PublishedScores(label="Paper", task="unseen", where="table 1", values={"plain": {"ua": 63.8}})
TEXT = {"title": "t", "caption": "c", "published": (PUBLISHED,)}


def test_published_values_are_those_of_the_task_that_repeats_their_protocol():
    table = ScoreTable(rows={"net/plain": "1"}, **TEXT)
    assert table.published_for("unseen") == PUBLISHED
    assert table.published_for("known") is None
    assert table.published_sources == (PUBLISHED,)
    assert PUBLISHED.value("plain", "ua") == 63.8
    assert isnan(PUBLISHED.value("plain", "wa"))
    assert isnan(PUBLISHED.value("center", "ua"))


def test_without_a_system_every_row_names_its_own():
    with pytest.raises(ValidationError, match="'rows' names 'plain': expected system/plain, or 'system'"):
        ScoreTable(rows={"net/plain": "1", "plain": "2"}, **TEXT)


def test_a_table_of_unseen_speakers_refuses_other_tasks(tasks):
    classifiers = {name: task for name, task in tasks.items() if name != "single"}
    table = ScoreTable(rows={"net/plain": "1"}, **TEXT)
    assert table.task_faults(classifiers) == []
    (fault,) = table.model_copy(update={"unseen_speakers": True}).task_faults(classifiers)
    assert fault.startswith("task known is speaker-dependent, ")
    assert "expected one whose test speakers are unseen in training" in fault
    assert len(table.task_faults(tasks)) == 1
