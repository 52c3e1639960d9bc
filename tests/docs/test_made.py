"""What is made of the code says what the code says: the reference of the config, and the pictures."""

import re
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from emofactors.config.base import Section

REPOSITORY = Path(__file__).parents[2]
SCRIPTS = REPOSITORY / "docs" / "scripts"
PICTURES = REPOSITORY / "docs" / "pictures"
MAX_BYTES = 150_000


def script(name):
    spec = spec_from_file_location(f"docs_{name}", SCRIPTS / f"{name}.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def texts(svg):
    return re.findall(r"<text[^>]*>([^<]+)</text>", svg.read_text(encoding="utf-8"))


def test_the_reference_of_the_config_is_what_the_models_say():
    made = script("configuration").page()
    kept = (REPOSITORY / "docs" / "configuration.md").read_text(encoding="utf-8")
    assert kept == made, "run: .venv/bin/python docs/scripts/configuration.py"


def test_a_key_without_a_meaning_is_refused():
    class Silent(Section):
        """Nothing is said of its key."""

        key: int

    with pytest.raises(SystemExit, match="Silent: key: is not in 'Attributes'"):
        script("configuration")._section(Silent)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """The pictures, drawn anew."""
    folder = tmp_path_factory.mktemp("pictures")
    command = [sys.executable, SCRIPTS / "pictures.py", folder]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert done.returncode == 0, done.stdout
    return folder


def test_the_picture_of_the_workflow_has_its_rules(drawn):
    rules = {
        rule
        for file in (REPOSITORY / "workflow" / "rules").glob("*.smk")
        for rule in re.findall(r"^(?:rule|checkpoint) (\w+):", file.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert len(rules) >= 20
    assert rules <= set(texts(PICTURES / "rules.svg")), "run: make pictures"


@pytest.mark.parametrize("name", ["rules", "protocols"])
def test_a_kept_picture_is_what_would_be_drawn(drawn, name):
    kept, anew = PICTURES / f"{name}.svg", drawn / f"{name}.svg"
    assert kept.stat().st_size < MAX_BYTES
    assert len(texts(kept)) >= 5
    assert texts(kept) == texts(anew), "run: make pictures"
    # As many lines and arrows; where each lies may differ in the last digit from machine to machine.
    assert kept.read_text(encoding="utf-8").count("<path") == anew.read_text(encoding="utf-8").count("<path")


def test_the_page_of_the_report_is_told_section_by_section():
    templates = REPOSITORY / "src" / "emofactors" / "report" / "page"
    order = re.findall(r'include "(\w+\.html)"', (templates / "page.html").read_text(encoding="utf-8"))
    headings = [
        heading
        for template in order
        for heading in re.findall(r"<h2[^>]*>([^<]+)</h2>", (templates / template).read_text(encoding="utf-8"))
    ]
    told = re.findall(
        r"^\| ([^|]+) \|", (REPOSITORY / "docs" / "page.md").read_text(encoding="utf-8"), flags=re.MULTILINE
    )
    assert len(headings) >= 9
    assert told[1:] == headings


def test_the_readme_counts_what_the_demo_trains(fresh_project):
    jobs = fresh_project().jobs()
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    networks, machines = re.search(r"(\d+) small networks and (\d+) support vector machines", readme).groups()
    assert int(networks) == jobs["train"] + jobs["train_decomposer"]
    assert int(machines) == jobs["fit_svm"]
    corpora = list((REPOSITORY / "config" / "corpora").glob("*.yaml"))
    assert len(corpora) == 9, "eight in the README, and the synthetic one"
    assert "Eight corpora have a reader" in readme
