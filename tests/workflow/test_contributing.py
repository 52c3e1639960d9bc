"""What CONTRIBUTING.md says how to add, added: its files, written into a copy of the project, make a table and a figure."""

import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
TEXT = (REPOSITORY / "CONTRIBUTING.md").read_text(encoding="utf-8")
CODE = r"\n\n```\w+\n(.*?)```\n"
FILES = re.findall(rf"^`([^`\n]+)`:{CODE}", TEXT, flags=re.MULTILINE | re.DOTALL)
LINES = re.findall(rf"^In `([^`\n]+)`, below `([^`\n]+)`:{CODE}", TEXT, flags=re.MULTILINE | re.DOTALL)
STUDY = ("--configfile", "config/studies/beeps.yaml")


@pytest.fixture(scope="module")
def extended(fresh_smoke):
    project = fresh_smoke()
    for path, content in FILES:
        file = project.folder / path
        assert not file.exists(), f"{path} is there already"
        file.write_text(content, encoding="utf-8")
    for path, line, added in LINES:
        file = project.folder / path
        before, *after = file.read_text(encoding="utf-8").split(f"\n{line}")
        assert len(after) == 1, f"{path} has {line!r} {len(after)} times, expected once"
        rest = after[0].removeprefix("\n")
        file.write_text(f"{before}\n{line}\n{added}{rest}", encoding="utf-8")
    return project


def test_every_block_of_code_is_a_file_or_a_line():
    assert len(FILES) >= 9
    assert len(LINES) >= 8
    assert len(FILES) + len(LINES) == TEXT.count("```") / 2


def test_what_is_added_is_planned(extended):
    jobs = extended.jobs(*STUDY)
    assert jobs["train"] == 4  # two variants on two folds
    assert jobs["make_table"] == jobs["make_figure"] == 1


def test_what_is_added_is_trained_and_stands_in_the_table_and_the_figure(extended):
    table, figure = "results/report/tables/mean_pool.md", "results/report/figures/mean_pool_confusion.svg"
    run = extended.snakemake(table, figure, *STUDY)
    assert run.returncode == 0, run.stdout
    text = (extended.folder / table).read_text(encoding="utf-8")
    assert "least recall" in text
    assert re.search(r"^\| *16 *\| *\d+\.\d", text, flags=re.MULTILINE)
    assert (extended.folder / figure).stat().st_size > 0


def test_the_examples_of_what_is_added_print_what_they_say(extended):
    content = next(content for path, content in FILES if path.endswith("min_recall.py"))
    namespace = {}
    exec(content, namespace)
    assert float(namespace["min_recall"](namespace["np"].array([[3, 1], [2, 2]]))) == 0.5


def test_links_lead_somewhere():
    targets = [t for t in re.findall(r"\]\(([^)]+)\)", TEXT) if not t.startswith("https://")]
    assert len(targets) >= 8
    for target in targets:
        path, _, anchor = target.partition("#")
        file = REPOSITORY / path
        assert file.is_file(), target
        if anchor:
            headings = re.findall(r"^#+ (.+)$", file.read_text(encoding="utf-8"), flags=re.MULTILINE)
            assert anchor in [re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings], target
