"""Generated docs match the code: the reference of the config, the pictures, counts in the README."""

import re
import subprocess
import sys
import tomllib
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from emofactors.config.base import Section

REPOSITORY = Path(__file__).parents[2]
SCRIPTS = REPOSITORY / "docs" / "scripts"
PICTURES = REPOSITORY / "docs" / "pictures"
MAX_BYTES = 150_000


def load_script(name):
    """Return a module of docs/scripts."""
    spec = spec_from_file_location(f"docs_{name}", SCRIPTS / f"{name}.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def texts(svg):
    return re.findall(r"<text[^>]*>([^<]+)</text>", svg.read_text(encoding="utf-8"))


def test_the_reference_of_the_config_is_up_to_date():
    written = (REPOSITORY / "docs" / "configuration.md").read_text(encoding="utf-8")
    assert written == load_script("configuration").page(), "run: .venv/bin/python docs/scripts/configuration.py"


def test_a_key_without_a_meaning_is_an_error():
    class Undocumented(Section):
        """Its key has no entry in Attributes."""

        key: int

    with pytest.raises(SystemExit, match="Undocumented: key: is not in 'Attributes'"):
        load_script("configuration")._section(Undocumented)


def test_the_layers_of_the_architecture_are_those_of_the_import_linter():
    page = (REPOSITORY / "docs" / "architecture.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"run downwards only \(import-linter\):\n\n((?:    .+\n)+)", page)
    contracts = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    (layers,) = [contract["layers"] for contract in contracts["contracts"] if contract["type"] == "layers"]
    assert [line.strip().replace(" · ", " | ") for line in block.splitlines()] == layers


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """Return a folder with newly drawn pictures."""
    folder = tmp_path_factory.mktemp("pictures")
    command = [sys.executable, SCRIPTS / "pictures.py", folder]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert done.returncode == 0, done.stdout
    return folder


def test_the_picture_of_the_workflow_has_every_rule(drawn):
    rules = {
        rule
        for file in (REPOSITORY / "workflow" / "rules").glob("*.smk")
        for rule in re.findall(r"^(?:rule|checkpoint) (\w+):", file.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert len(rules) >= 20
    assert rules <= set(texts(PICTURES / "rules.svg")), "run: make pictures"


@pytest.mark.parametrize("name", ["rules", "protocols"])
def test_a_committed_picture_is_up_to_date(drawn, name):
    committed, anew = PICTURES / f"{name}.svg", drawn / f"{name}.svg"
    assert committed.stat().st_size < MAX_BYTES
    assert len(texts(committed)) >= 5
    assert texts(committed) == texts(anew), "run: make pictures"
    # Coordinates may differ in the last digit from machine to machine; the number of lines and arrows may not.
    assert committed.read_text(encoding="utf-8").count("<path") == anew.read_text(encoding="utf-8").count("<path")


def test_the_page_of_the_report_is_documented_section_by_section():
    templates = REPOSITORY / "src" / "emofactors" / "report" / "page" / "templates"
    order = re.findall(r'include "(\w+\.html)"', (templates / "page.html").read_text(encoding="utf-8"))
    headings = [
        heading
        for template in order
        for heading in re.findall(r"<h2[^>]*>([^<]+)</h2>", (templates / template).read_text(encoding="utf-8"))
    ]
    page = (REPOSITORY / "docs" / "page.md").read_text(encoding="utf-8")
    _, *documented = re.findall(r"^\| ([^|]+) \|", page, flags=re.MULTILINE)
    assert len(headings) >= 9
    assert documented == headings


def test_the_readme_counts_the_trainings_of_the_demo(fresh_project):
    jobs = fresh_project().jobs()
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    networks, machines = re.search(r"(\d+) small networks and (\d+) support vector machines", readme).groups()
    assert int(networks) == jobs["train"] + jobs["train_decomposer"]
    assert int(machines) == jobs["fit_svm"]
    recorded = [file for file in (REPOSITORY / "config" / "corpora").glob("*.yaml") if file.stem != "synthetic"]
    number = dict(enumerate(["Seven", "Eight", "Nine", "Ten", "Eleven", "Twelve"], 7))[len(recorded)]
    assert f"{number} corpora have a reader" in readme
