"""Sessions of the docs print what they say, equations can be set, and what is written from config is up to date."""

import ast
import doctest
import importlib.util
import re
from pathlib import Path

import pytest
from latex2mathml.converter import convert

REPOSITORY = Path(__file__).parents[2]
DOCS = REPOSITORY / "docs"
PAGES = {
    page.relative_to(DOCS).as_posix(): page.read_text(encoding="utf-8") for page in sorted(DOCS.rglob("*.md"))
}
SESSIONS = [name for name, text in PAGES.items() if "```python\n>>> " in text]
SYSTEMS = sorted(file.stem for file in (REPOSITORY / "config" / "systems").glob("*.yaml"))

#: Equations: between two dollars on a line of their own, between one within a line. A dollar in code is none.
BLOCK = re.compile(r"^\$\$(.+?)\$\$$", re.DOTALL | re.MULTILINE)
INLINE = re.compile(r"(?<![\\$\w])\$(?![\s$])([^$\n]+?)(?<!\s)\$(?![\d$])")


def without_code(text):
    return re.sub(r"`[^`\n]*`", "", re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE))


def equations(text):
    blocks = BLOCK.findall(without_code(text))
    return blocks + INLINE.findall(BLOCK.sub("", without_code(text)))


EQUATIONS = {name: found for name, text in PAGES.items() if (found := equations(text))}


# --- sessions -------------------------------------------------------------------------------------------------


def test_the_pieces_and_every_network_have_a_session():
    assert {"nn.md", "systems/index.md"} <= set(SESSIONS)
    networks = [system for system in SYSTEMS if (REPOSITORY / "src/emofactors/systems" / f"{system}.py").is_file()]
    assert len(networks) >= 5
    assert {f"systems/{system}.md" for system in networks} <= set(SESSIONS)


@pytest.mark.parametrize("name", SESSIONS)
def test_a_session_prints_what_it_says(name, monkeypatch):
    monkeypatch.chdir(REPOSITORY)
    # The lines of everything else are kept empty, so that a failure names the line of the page.
    session, inside = [], False
    for line in PAGES[name].splitlines():
        inside = line == "```python" or (inside and line != "```")
        session.append(line if inside and line != "```python" else "")
    test = doctest.DocTestParser().get_doctest("\n".join(session), {}, name, name, 0)
    assert len(test.examples) >= 5
    said = []
    failed = doctest.DocTestRunner(verbose=False).run(test, out=said.append).failed
    assert failed == 0, "".join(said)


def test_every_public_piece_of_nn_has_its_example_on_the_page():
    modules = sorted((REPOSITORY / "src" / "emofactors" / "nn").glob("[!_]*.py"))
    assert len(modules) >= 15
    code = "\n".join(re.findall(r"^(?:>>>|\.\.\.) (.*)$", PAGES["nn.md"], flags=re.MULTILINE))
    used = re.findall(r"\w+", re.sub(r"^from .*$", "", code, flags=re.MULTILINE))
    for module in modules:
        for node in ast.parse(module.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_"):
                if any(
                    isinstance(part, ast.Name) and part.id == "dataclass"
                    for d in node.decorator_list
                    for part in ast.walk(d)
                ):
                    continue  # what a function gives back
                assert node.name in used, f"{module.stem}.{node.name} has no example in docs/nn.md"


# --- equations ------------------------------------------------------------------------------------------------


def test_there_are_equations():
    assert sum(map(len, EQUATIONS.values())) >= 40


@pytest.mark.parametrize("name", EQUATIONS)
def test_every_equation_becomes_mathml(name):
    for equation in EQUATIONS[name]:
        mathml = convert(equation)
        unknown = re.findall(r"\\\w+", mathml)
        assert not unknown, f"{equation}: {unknown}"


@pytest.mark.parametrize("name", EQUATIONS)
def test_no_equation_has_what_markdown_takes_for_its_own(name):
    for equation in EQUATIONS[name]:
        assert not re.search(r"\\[^A-Za-z]", equation), f"{equation}: GitHub drops a backslash before punctuation"
        assert not re.search(r"^\s*(?:[-+#>]|\d+[.)])\s", equation, flags=re.MULTILINE), (
            f"{equation}: begins a list"
        )
        assert "*" not in equation
        lone = re.findall(r"(?<!\\left)\\l[vV]ert|(?<!\\right)\\r[vV]ert", equation)
        assert not lone, f"{equation}: the site's bars are of one height after \\left and \\right alone"
        assert "|" not in equation, f"{equation}: a bar ends a cell"


# --- systems --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def writer():
    """The script that writes the tables."""
    spec = importlib.util.spec_from_file_location("systems", DOCS / "scripts" / "systems.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_system_has_its_page():
    assert [f"systems/{system}.md" for system in SYSTEMS if f"systems/{system}.md" not in PAGES] == []
    assert all(f"({system}.md)" in PAGES["systems/index.md"] for system in SYSTEMS)


@pytest.mark.parametrize("system", SYSTEMS)
def test_tables_of_a_system_are_up_to_date(system, writer):
    text = PAGES[f"systems/{system}.md"]
    assert writer.filled(text) == text, "run .venv/bin/python docs/scripts/systems.py"


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_page_prints_all_settings_variants_and_tables(system, writer):
    asked = re.findall(r"<!-- begin: (.+) -->", PAGES[f"systems/{system}.md"])
    config = writer._system(system)
    kinds = [kind for kind in ("published", "assumed") if config[kind]]
    assert {f"settings {system} {kind}" for kind in kinds} <= set(asked)
    assert {f"variants {system}", f"tables {system}"} <= set(asked)
    assert any(words.startswith("measured ") for words in asked)


def test_an_edited_number_is_found_out(writer):
    text = PAGES["systems/cnn_bigru.md"]
    assert text.count("`3520`") == 1
    assert writer.filled(text.replace("`3520`", "`3521`")) == text
