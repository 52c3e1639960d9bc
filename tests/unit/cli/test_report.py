import pytest
from typer.testing import CliRunner

from emofactors.cli import app, report


@pytest.fixture
def opened(tmp_path, monkeypatch):
    """An empty folder to be in, and what a browser was asked to open; there is a browser."""
    monkeypatch.chdir(tmp_path)
    addresses = []
    monkeypatch.setattr(report.webbrowser, "open", lambda address: addresses.append(address) or True)
    return addresses


@pytest.fixture
def page(opened, tmp_path):
    page = tmp_path / "results" / "report" / "index.html"
    page.parent.mkdir(parents=True)
    page.write_text("<html></html>", encoding="utf-8")
    return page


def run(*arguments):
    return CliRunner().invoke(app, ["report", *arguments])


def test_opens_the_page_and_says_where_it_is(page, opened):
    result = run()
    assert (result.exit_code, result.stdout) == (0, f"{page}\n")
    assert opened == [page.as_uri()]


def test_prints_only_where_it_is(page, opened):
    result = run("--print")
    assert (result.exit_code, result.stdout) == (0, f"{page}\n")
    assert opened == []


def test_without_a_page_one_line_says_what_makes_it(opened):
    result = run()
    assert (result.exit_code, result.stdout, opened) == (2, "", [])
    (line,) = result.stderr.splitlines()
    assert line.startswith("emofactors: error: results/report/index.html: is missing; expected")
    assert "snakemake --cores 8 --configfile config/studies/<study>.yaml" in line


def test_without_a_browser_the_path_is_enough(page, monkeypatch):
    monkeypatch.setattr(report.webbrowser, "open", lambda _: False)
    result = run()
    assert (result.exit_code, result.stdout) == (0, f"{page}\n")
    assert "no browser" in result.stderr
