import numpy as np
import pandas as pd
import pytest

from emofactors.report.tables.findings import read_findings
from emofactors.report.tables.make import make_table

PUBLISHED = [
    {"label": label, "task": "far", "where": where, "values": {"plain": {"ua": 60.0}}}
    for label, where in (
        ("First (A 2019)", "table 1"),
        ("Second (A 2019)", "table 1"),
        ("Third (B 2024)", "page 2"),
    )
]
SETTINGS = {
    "kind": "variants",
    "title": "Losses",
    "caption": "Two losses.",
    "system": "net",
    "rows": {"plain": "1 plain", "center": "2 center"},
    "differences": [{"variant": "center", "minus": "plain"}],
    "published": PUBLISHED,
}


@pytest.fixture
def table(task, system_of, write_evaluation):
    """A table of two variants on one task."""
    files = [*write_evaluation("net/plain", 0.5), *write_evaluation("net/center", 0.7)]
    corpus = {"title": "Berlin", "whole": True, "utterances": 48, "published_utterances": 48}
    return make_table(
        "losses",
        SETTINGS,
        tasks={"speakers": task},
        systems={"net": system_of()},
        corpora={"berlin": corpus},
        cross_tasks={},
        evaluations=files,
        runs=[],
    )


def write(table, folder):
    """Write a table; return its files by their ending."""
    folder.mkdir()
    paths = {
        key: folder / f"losses.{ending}" for key, ending in (("findings", "json"), *zip(FORMS, FORMS, strict=True))
    }
    table.write(**paths)
    return {key: path.read_bytes() for key, path in paths.items()}


FORMS = ("csv", "md", "tex", "html")


def test_all_forms_have_the_same_numbers(table, tmp_path):
    forms = {key: content.decode() for key, content in write(table, tmp_path / "made").items()}
    cells = table.layout.blocks[0].scores.iloc[0, 1:3]
    for form in ("md", "html", "tex"):
        text = forms[form].replace("\u00a0", " ").replace("{[}", "[").replace("{]}", "]")
        assert all(cell in text for cell in cells)
    back = pd.read_csv(tmp_path / "made" / "losses.csv")
    np.testing.assert_allclose(back["value"], table.tidy["value"].astype(float), atol=5e-5)
    assert "Published: First (A 2019); Second (A 2019). Source: table 1." in forms["md"]
    assert "Source: page 2." in forms["tex"]


def test_the_same_numbers_give_the_same_bytes(table, tmp_path):
    assert write(table, tmp_path / "one") == write(table, tmp_path / "other")


def test_the_page_reads_title_sources_and_findings(table, tmp_path):
    write(table, tmp_path / "made")
    found = read_findings(tmp_path / "made" / "losses.json")
    assert (found.table, found.kind, found.title, found.caption) == ("losses", "variants", "Losses", "Two losses.")
    assert (found.tasks, found.letters) == (("speakers",), {})
    assert [source.labels for source in found.sources] == ["First (A 2019); Second (A 2019)", "Third (B 2024)"]
    assert found.findings[0].task == "speakers"
    assert found.findings[0].headline.startswith("UA is highest for “2 center”")


def test_an_unknown_kind_has_no_module(task):
    with pytest.raises(ModuleNotFoundError, match=r"emofactors\.report\.tables\.matrix"):
        make_table(
            "own",
            SETTINGS | {"kind": "matrix"},
            tasks={"speakers": task},
            systems={},
            corpora={},
            cross_tasks={},
            evaluations=[],
            runs=[],
        )
