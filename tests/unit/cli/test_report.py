import os

import pytest
from typer.testing import CliRunner

from emofactors.cli import app, report


@pytest.fixture
def opened(tmp_path, monkeypatch):
    """Work in an empty folder; return the addresses that a browser was asked to open."""
    monkeypatch.chdir(tmp_path)
    addresses = []
    monkeypatch.setattr(report.webbrowser, "open", lambda address: addresses.append(address) or True)
    return addresses


@pytest.fixture
def pages(opened, tmp_path):
    """Pages of two studies; the newest is that of ``large``."""
    pages = {name: tmp_path / "results" / "report" / name / "index.html" for name in ("large", "quick")}
    for page in pages.values():
        page.parent.mkdir(parents=True)
        page.write_text("<html></html>", encoding="utf-8")
    os.utime(pages["quick"], (1000, 1000))
    return pages


def run(*arguments):
    return CliRunner().invoke(app, ["report", *arguments])


@pytest.mark.parametrize(("arguments", "study"), [((), "large"), (("quick",), "quick"), (("large",), "large")])
def test_opens_the_newest_page_or_that_of_the_named_study(pages, opened, arguments, study):
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (0, f"{pages[study]}\n")
    assert opened == [pages[study].as_uri()]


def test_opens_a_page_of_another_folder(pages, opened, tmp_path, monkeypatch):
    monkeypatch.chdir("/")
    assert run("-d", str(tmp_path), "quick").exit_code == 0
    assert opened == [pages["quick"].as_uri()]


def test_prints_the_path_without_opening_the_page(pages, opened):
    result = run("--print")
    assert (result.exit_code, result.stdout) == (0, f"{pages['large']}\n")
    assert opened == []


def test_a_missing_study_is_an_error_of_one_line_with_the_names_of_those_that_exist(pages, opened):
    result = run("nightly")
    assert (result.exit_code, result.stdout, opened) == (2, "", [])
    assert result.stderr == "emofactors: error: study 'nightly': has no page; expected one of large, quick\n"


def test_a_folder_without_pages_is_an_error_of_one_line_with_the_command_that_makes_one(opened):
    result = run()
    assert (result.exit_code, result.stdout, opened) == (2, "", [])
    (line,) = result.stderr.splitlines()
    assert line.startswith("emofactors: error: results/report/*/index.html: is missing; expected")
    assert "snakemake --cores 8 --configfile config/studies/<study>.yaml" in line


def test_without_a_browser_the_path_is_printed(pages, monkeypatch):
    monkeypatch.setattr(report.webbrowser, "open", lambda _: False)
    result = run()
    assert (result.exit_code, result.stdout) == (0, f"{pages['large']}\n")
    assert "no browser" in result.stderr


def test_completion_offers_the_studies_with_a_page(pages):
    assert report._studies("la") == ["large"]
