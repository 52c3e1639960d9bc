import pytest

from emofactors.config.systems import Needs
from emofactors.report.page.findings import frame_order_finding, limitations, new_findings
from emofactors.report.tables.findings import TableFindings, TaskFindings


def findings_of(table, **sentences):
    """Findings of a table: task -> sentences."""
    return TableFindings(
        table=table,
        kind="variants",
        title="t",
        caption="c",
        tasks=tuple(sentences),
        letters={},
        sources=(),
        findings=tuple(TaskFindings(task, tuple(of_task)) for task, of_task in sentences.items()),
    )


def test_findings_keep_their_order_with_the_headline_first():
    (found,) = new_findings([findings_of("one", a4=["first", "second", "third"])])
    assert (found.table.table, found.task) == ("one", "a4")
    assert found.sentences == ("first", "second", "third")


def test_a_sentence_of_an_earlier_table_about_the_same_task_is_not_repeated():
    tables = [
        findings_of("one", a4=["highest", "difference"], b4=["highest"]),
        findings_of("two", a4=["highest", "other difference"]),
        findings_of("three", a4=["difference"], b4=["difference"]),
    ]
    found = [(new.table.table, new.task, new.sentences) for new in new_findings(tables)]
    assert found == [
        ("one", "a4", ("highest", "difference")),
        ("one", "b4", ("highest",)),
        ("two", "a4", ("other difference",)),
        ("three", "b4", ("difference",)),
    ]


def test_an_independent_task_on_a_whole_corpus_has_no_limitations(task, metadata):
    assert limitations(task, metadata) == []
    assert limitations(task, metadata | {"whole": None}) == []


def test_dependence_leaks_and_other_sizes_are_limitations(leaky_task, metadata):
    dependent, leak, size = limitations(leaky_task, metadata | {"whole": False, "utterances": 300})
    assert dependent.startswith("The task is speaker-dependent")
    assert leak.startswith("The task leaks on purpose")
    assert "(300 utterances here, 400 published)" in size


@pytest.mark.parametrize(
    ("changes", "depend"),
    [
        ({}, False),
        ({"largest_logit_change": 0.0008}, False),  # the largest logit is 8.1
        ({"largest_logit_change": 0.0009}, True),
        ({"largest_logit": 0.2, "largest_logit_change": 0.0001}, False),
        ({"largest_logit": 0.2, "largest_logit_change": 0.00011}, True),
        ({"changed_predictions": 1}, True),
    ],
)
def test_predictions_depend_on_order_if_more_than_rounding_changes(settings_of, shuffle, changes, depend):
    finding = frame_order_finding(settings_of(), shuffle | changes)
    assert finding.endswith("they depend on the order of the frames.") == depend
    assert ("do not depend on the order of the frames" in finding) == (not depend)


def test_a_student_without_order_has_no_sense_of_position_from_its_teacher(settings_of, system_of, shuffle):
    system = system_of(needs={"center": Needs(teacher="plain")})
    settings = settings_of(systems={"net": system})
    assert frame_order_finding(settings, shuffle) == (
        "Shuffling the frames of 107 test images changes the logits of “center” (a4) by at most 3e-06; the largest "
        "logit is 8.1. No prediction changes: predictions do not depend on the order of the frames, so “plain” can "
        "have transferred no sense of position, only better weights."
    )
    assert "plain" not in frame_order_finding(settings_of(), shuffle)


def test_changed_predictions_are_reported_with_ua_where_it_is_known(settings_of, shuffle):
    changed = shuffle | {"changed_predictions": 43, "largest_logit_change": 3.21, "ua_shuffled": 40.1}
    finding = frame_order_finding(settings_of(), changed)
    assert "43 of 107 predictions change, and UA changes from 61.2 to 40.1 %" in finding
    assert "UA" not in frame_order_finding(settings_of(), changed | {"ua": None})
