"""``snakemake --report``: what the page shows, with captions and categories, in one archive; made without a network."""

import re
import zipfile

import pytest

#: Where each category's items come from, and their endings.
ITEMS = {
    "Page": [("index.html", ".html")],
    "Tables": [("tables", ".csv"), ("tables", ".html")],
    "Figures": [("figures", ".png")],
    "Corpora": [("corpora", ".png"), ("corpora", ".svg")],
    "AudioExamples": [("sounds", ".mp3")],
    "Cost": [("costs.csv", ".csv"), ("rule_costs.csv", ".csv")],
}
#: An item as the report's own script knows it.
ITEM = re.compile(r'"(results/report/[^"]+)": \{"name": .*?"caption": "((?:[^"\\]|\\.)*)", "mime_type"')


@pytest.fixture(scope="module")
def report(finished, tmp_path_factory):
    """The archive, made where every way to a network ends at once."""
    archive = tmp_path_factory.mktemp("report") / "report.zip"
    with pytest.MonkeyPatch.context() as environment:
        for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            environment.setenv(name, "http://127.0.0.1:9")
        run = finished.snakemake("--configfile", "config/studies/smoke.yaml", "--report", str(archive))
    assert run.returncode == 0, run.stdout
    with zipfile.ZipFile(archive) as files:
        names = files.namelist()
        text = files.read("report/report.html").decode("utf-8")
    return names, text


def made(finished, of, ending):
    """Paths of the study's results of one kind, as the report names them."""
    folder = finished.folder / "results" / "report" / of
    files = [folder] if folder.is_file() else list(folder.rglob(f"*{ending}"))
    return {file.relative_to(finished.folder).as_posix() for file in files}


def test_every_item_of_the_page_is_in_the_report_with_a_caption(finished, report):
    names, text = report
    captions = dict(ITEM.findall(text))
    expected = set()
    for kinds in ITEMS.values():
        for of, ending in kinds:
            items = made(finished, of, ending)
            assert items, f"{of}: the smoke study has none"
            expected |= items
    assert set(captions) == expected
    assert [path for path, caption in captions.items() if len(caption) < 40] == []
    packed = sorted(name.rpartition("/")[2] for name in names if "/data/" in name)
    assert packed == sorted(path.rpartition("/")[2] for path in expected)


def test_the_report_has_its_categories_and_asks_for_nothing(report):
    _, text = report
    assert [category for category in ITEMS if f'"{category}": {{' not in text] == []
    assert re.findall(r'(?:src|href)="(?:https?:)?//[^"]+"', text) == []
