import pandas as pd
import pytest

from emofactors.errors import InputError
from emofactors.report.tables.findings import (
    PublishedLabels,
    TableFindings,
    TaskFindings,
    count_significant,
    read_findings,
    sentences_by_task,
    write_findings,
)


def differences(*p_values):
    return pd.DataFrame({"p_holm": p_values})


def test_findings_are_read_as_they_were_written(tmp_path):
    findings = TableFindings(
        table="own",
        kind="protocols",
        title="Title",
        caption="“caption”",
        tasks=("a", "b"),
        letters={"a": "A", "b": "B"},
        sources=(PublishedLabels(labels="Paper; other paper", where="table 1"),),
        findings=(TaskFindings(task="", sentences=("Headline.", "Detail.")),),
    )
    write_findings(tmp_path / "own.json", findings)
    assert read_findings(tmp_path / "own.json") == findings
    assert findings.findings[0].headline == "Headline."
    (tmp_path / "own.json").write_text("{}")
    with pytest.raises(InputError, match="lacks table, kind, title"):
        read_findings(tmp_path / "own.json")


@pytest.mark.parametrize(
    ("p_values", "words"),
    [
        ((0.05,), "its difference in UA is significant (Holm, 5 %)"),
        ((0.0501,), "its difference in UA is not significant (Holm, 5 %)"),
        ((0.2, 0.3), "none of 2 differences in UA is significant (Holm, 5 %)"),
        ((0.01, 0.3), "1 of 2 differences in UA is significant (Holm, 5 %)"),
        ((0.01, 0.02, 0.3), "2 of 3 differences in UA are significant (Holm, 5 %)"),
    ],
)
def test_significant_differences_are_counted(p_values, words):
    assert count_significant(differences(*p_values)) == words


def test_tasks_without_findings_are_left_out():
    assert sentences_by_task({"a": ["One."], "b": []}) == [TaskFindings(task="a", sentences=("One.",))]
