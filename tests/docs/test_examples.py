"""Sessions of the docs print what is shown, equations can be typeset, and generated tables are up to date."""

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

#: Equations: between double dollars on lines of their own, between single dollars within a line; not in code.
BLOCK = re.compile(r"^\$\$(.+?)\$\$$", re.DOTALL | re.MULTILINE)
INLINE = re.compile(r"(?<![\\$\w])\$(?![\s$])([^$\n]+?)(?<!\s)\$(?![\d$])")


def without_code(text):
    return re.sub(r"`[^`\n]*`", "", re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE))


def equations(text):
    blocks = BLOCK.findall(without_code(text))
    return blocks + INLINE.findall(BLOCK.sub("", without_code(text)))


EQUATIONS = {name: found for name, text in PAGES.items() if (found := equations(text))}


# --- sessions -------------------------------------------------------------------------------------------------


def test_nn_and_every_network_have_a_session():
    assert {"nn.md", "systems/index.md"} <= set(SESSIONS)
    networks = [system for system in SYSTEMS if (REPOSITORY / "src/emofactors/systems" / f"{system}.py").is_file()]
    assert len(networks) >= 5
    assert {f"systems/{system}.md" for system in networks} <= set(SESSIONS)


@pytest.mark.parametrize("name", SESSIONS)
def test_a_session_prints_what_is_shown(name, monkeypatch):
    monkeypatch.chdir(REPOSITORY)
    # Lines outside sessions become empty, so that a failure names the line of the page.
    session, inside = [], False
    for line in PAGES[name].splitlines():
        inside = line == "```python" or (inside and line != "```")
        session.append(line if inside and line != "```python" else "")
    test = doctest.DocTestParser().get_doctest("\n".join(session), {}, name, name, 0)
    assert len(test.examples) >= 5
    output = []
    failed = doctest.DocTestRunner(verbose=False).run(test, out=output.append).failed
    assert failed == 0, "".join(output)


def is_dataclass(node):
    """Return whether a class is a dataclass, that is a result of a function."""
    return any(
        isinstance(part, ast.Name) and part.id == "dataclass" for d in node.decorator_list for part in ast.walk(d)
    )


def test_every_public_name_of_nn_has_its_example_on_the_page():
    modules = sorted((REPOSITORY / "src" / "emofactors" / "nn").glob("[!_]*.py"))
    assert len(modules) >= 15
    code = "\n".join(re.findall(r"^(?:>>>|\.\.\.) (.*)$", PAGES["nn.md"], flags=re.MULTILINE))
    used = set(re.findall(r"\w+", re.sub(r"^from .*$", "", code, flags=re.MULTILINE)))
    public = {
        f"{module.stem}.{node.name}": node.name
        for module in modules
        for node in ast.parse(module.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ClassDef | ast.FunctionDef)
        and not node.name.startswith("_")
        and not is_dataclass(node)
    }
    assert [name for name, short in public.items() if short not in used] == []


# --- equations ------------------------------------------------------------------------------------------------


def test_the_docs_have_equations():
    assert sum(map(len, EQUATIONS.values())) >= 40


def test_every_equation_becomes_mathml():
    offenders = [
        f"{name}: {equation}: {unknown}"
        for name, found in EQUATIONS.items()
        for equation in found
        if (unknown := re.findall(r"\\\w+", convert(equation)))
    ]
    assert offenders == [], "\n".join(offenders)


#: Parts of an equation that GitHub, the site or Markdown would change.
UNSAFE = {
    r"\\[^A-Za-z]": "GitHub removes a backslash before punctuation",
    r"(?m)^\s*(?:[-+#>]|\d+[.)])\s": "Markdown begins a list",
    r"\*": "Markdown begins emphasis",
    r"(?<!\\left)\\l[vV]ert|(?<!\\right)\\r[vV]ert": "the site needs \\left and \\right before bars",
    r"\|": "a bar ends a cell of a table",
}


def test_no_equation_has_characters_of_markdown():
    offenders = [
        f"{name}: {equation}: {reason}"
        for name, found in EQUATIONS.items()
        for equation in found
        for pattern, reason in UNSAFE.items()
        if re.search(pattern, equation)
    ]
    assert offenders == [], "\n".join(offenders)


# --- systems --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def writer():
    """Return the script that writes the tables."""
    spec = importlib.util.spec_from_file_location("systems", DOCS / "scripts" / "systems.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_system_has_its_page():
    assert [f"systems/{system}.md" for system in SYSTEMS if f"systems/{system}.md" not in PAGES] == []
    assert [system for system in SYSTEMS if f"({system}.md)" not in PAGES["systems/index.md"]] == []


def test_the_tables_of_every_system_are_up_to_date(writer):
    pages = {system: PAGES[f"systems/{system}.md"] for system in SYSTEMS}
    outdated = [system for system, text in pages.items() if writer.filled(text) != text]
    assert outdated == [], "run: .venv/bin/python docs/scripts/systems.py"


def test_every_page_of_a_system_has_all_settings_variants_tables_and_results(writer):
    missing = []
    for system in SYSTEMS:
        parts = re.findall(r"<!-- begin: (.+) -->", PAGES[f"systems/{system}.md"])
        config = writer._system(system)
        expected = {f"settings {system} {kind}" for kind in ("published", "assumed") if config[kind]}
        expected |= {f"variants {system}", f"tables {system}"}
        missing += [f"{system}: {part}" for part in sorted(expected - set(parts))]
        if not any(part.startswith("measured ") for part in parts):
            missing.append(f"{system}: measured …")
    assert missing == [], "\n".join(missing)


def test_an_edited_number_is_corrected(writer):
    text = PAGES["systems/cnn_bigru.md"]
    assert text.count("`3520`") == 1
    assert writer.filled(text.replace("`3520`", "`3521`")) == text
