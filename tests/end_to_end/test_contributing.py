"""The examples of CONTRIBUTING.md work: written into a copy of the project, they make their tables and figures."""

import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
TEXT = (REPOSITORY / "CONTRIBUTING.md").read_text(encoding="utf-8")
CODE = r"\n\n```\w+\n(.*?)```\n"
FILES = re.findall(rf"^`([^`\n]+)`:{CODE}", TEXT, flags=re.MULTILINE | re.DOTALL)
INSERTED = re.findall(rf"^In `([^`\n]+)`, below `([^`\n]+)`:{CODE}", TEXT, flags=re.MULTILINE | re.DOTALL)
REPLACED = re.findall(r"\b[Ii]n `([^`\n]+)`, `([^`\n]+)` becomes `([^`\n]+)`[.,]", TEXT)
STUDY = ("--configfile", "config/studies/beeps.yaml")
REPORT = "results/report/beeps"


def replace_once(file, old, new):
    """Replace a text that a file has exactly once."""
    text = file.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{file} has {old!r} {text.count(old)} times, expected once"
    file.write_text(text.replace(old, new), encoding="utf-8")


@pytest.fixture(scope="module")
def extended(fresh_smoke):
    """Return a project with all examples."""
    project = fresh_smoke()
    for path, content in FILES:
        file = project.folder / path
        assert not file.exists(), f"{path} exists"
        file.write_text(content, encoding="utf-8")
    for path, line, added in INSERTED:
        replace_once(project.folder / path, f"\n{line}\n", f"\n{line}\n{added}")
    for path, old, new in REPLACED:
        replace_once(project.folder / path, old, new)
    return project


def test_every_block_of_code_is_a_file_or_an_insertion():
    assert len(FILES) >= 18
    assert len(INSERTED) >= 11
    assert len(REPLACED) >= 3
    assert len(FILES) + len(INSERTED) == TEXT.count("```") / 2


def test_the_examples_are_planned(extended):
    jobs = extended.jobs(*STUDY)
    assert jobs["train"] == 6  # three variants on two folds
    assert jobs["extract_features"] == 2
    assert jobs["make_table"] == jobs["make_figure"] == 2


def test_the_examples_make_their_tables_and_figures(extended):
    tables = [f"{REPORT}/tables/{name}.md" for name in ("mean_pool", "mean_pool_recalls")]
    figures = [f"{REPORT}/figures/{name}.svg" for name in ("mean_pool_confusion", "mean_pool_recalls")]
    run = extended.snakemake(*tables, *figures, f"{REPORT}/claims.md", *STUDY)
    assert run.returncode == 0, run.stdout
    ledger = (extended.folder / REPORT / "claims.md").read_text(encoding="utf-8")
    assert "A larger embedding is better. (primary)" in ledger
    sizes, recalls = ((extended.folder / table).read_text(encoding="utf-8") for table in tables)
    assert "minimum recall" in sizes
    assert re.search(r"^\| *16 *\| *\d+\.\d", sizes, flags=re.MULTILINE)
    assert re.search(r"^\| *setting *\| *anger *\| *sadness *\|$", recalls, flags=re.MULTILINE)
    assert all((extended.folder / figure).stat().st_size > 0 for figure in figures)


def test_the_example_of_the_metric_prints_what_is_shown():
    content = next(content for path, content in FILES if path.endswith("min_recall.py"))
    namespace = {}
    exec(content, namespace)
    assert float(namespace["min_recall"](namespace["np"].array([[3, 1], [2, 2]]))) == 0.5
