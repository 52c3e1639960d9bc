"""``snakemake --report``: one archive with captions and categories, made without a network."""

import re
import zipfile

import pytest

#: Category -> path below the study's report and ending of its items.
ITEMS = {
    "Page": [("index.html", ".html")],
    "Tables": [("tables", ".csv"), ("tables", ".html")],
    "Figures": [("figures", ".png")],
    "Corpora": [("corpora", ".png"), ("corpora", ".svg")],
    "Audio examples": [("audio_examples", ".mp3")],
    "Claims": [("claims.csv", ".csv"), ("claims.html", ".html")],
    "Cost": [("costs.csv", ".csv"), ("rule_costs.csv", ".csv")],
}
#: An item in the script of the report: its path and its caption.
ITEM = re.compile(r'"(results/report/[^"]+)": \{"name": .*?"caption": "((?:[^"\\]|\\.)*)", "mime_type"')


@pytest.fixture(scope="module")
def report(finished, tmp_path_factory):
    """Names in the archive and its HTML; no proxy answers while it is made."""
    archive = tmp_path_factory.mktemp("report") / "report.zip"
    with pytest.MonkeyPatch.context() as environment:
        for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            environment.setenv(name, "http://127.0.0.1:9")
        run = finished.snakemake("--configfile", "config/studies/smoke.yaml", "--report", str(archive))
    assert run.returncode == 0, run.stdout
    with zipfile.ZipFile(archive) as files:
        return files.namelist(), files.read("report/report.html").decode("utf-8")


def files_of(finished, name, ending):
    """Return the paths of the items in a file or folder of the study's report."""
    path = finished.folder / "results" / "report" / "smoke" / name
    files = [path] if path.is_file() else path.rglob(f"*{ending}")
    return {file.relative_to(finished.folder).as_posix() for file in files}


def test_the_archive_has_every_item_with_a_caption(finished, report):
    names, html = report
    captions = dict(ITEM.findall(html))
    items = [files_of(finished, *item) for items in ITEMS.values() for item in items]
    assert all(items)
    expected = set().union(*items)
    assert set(captions) == expected
    assert [path for path, caption in captions.items() if len(caption) < 40] == []
    packed = sorted(name.rpartition("/")[2] for name in names if "/data/" in name)
    assert packed == sorted(path.rpartition("/")[2] for path in expected)


def test_the_report_has_its_categories_and_loads_nothing_from_a_network(report):
    _, html = report
    assert [category for category in ITEMS if f'"{category}": {{' not in html] == []
    assert re.findall(r'(?:src|href)="(?:https?:)?//[^"]+"', html) == []
