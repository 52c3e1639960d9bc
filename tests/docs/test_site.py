"""The site builds without a warning, has every page, and loads nothing from the network."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from latex2mathml.converter import convert

REPOSITORY = Path(__file__).parents[2]
DOCS = REPOSITORY / "docs"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Return the folder of the site, built as ``make docs`` builds it."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", folder]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


def leaves(nav):
    """Yield the pages of a nav of any depth."""
    for item in nav:
        if isinstance(item, str):
            yield item
        else:
            for below in item.values():
                yield from [below] if isinstance(below, str) else leaves(below)


def test_every_page_is_in_the_nav_once():
    nav = list(leaves(yaml.safe_load((REPOSITORY / "mkdocs.yml").read_text(encoding="utf-8"))["nav"]))
    pages = [p.relative_to(DOCS).as_posix() for p in DOCS.rglob("*.md") if not p.match("docs/results/*/*.md")]
    assert sorted(nav) == sorted(pages)


def test_every_page_is_built(site):
    assert len(list(site.rglob("*.html"))) >= len(list(DOCS.rglob("*.md")))
    assert not (site / "scripts").exists()


def test_no_page_loads_anything_from_elsewhere(site):
    outside = []
    for page in site.rglob("*.html"):
        html = page.read_text(encoding="utf-8")
        loaded = re.findall(r"<(?:script|img|iframe|source)[^>]*\ssrc=[\"']?([^\"'\s>]+)", html)
        loaded += re.findall(
            r"<link[^>]*rel=[\"']?(?:stylesheet|icon|preconnect)[^>]*href=[\"']?([^\"'\s>]+)", html
        )
        assert len(loaded) >= 3, page.name
        outside += [f"{page.name}: {address}" for address in loaded if "//" in address]
        outside += [f"{page.name}: mermaid"] if "mermaid" in html else []
    for style in site.rglob("*.css"):
        outside += [
            f"{style.name}: {found}"
            for found in re.findall(r"url\([\"']?(?:https?:)?//|@import", style.read_text(encoding="utf-8"))
        ]
    assert outside == []


def test_equations_are_mathml(site):
    source = "\n".join(page.read_text(encoding="utf-8") for page in DOCS.rglob("*.md"))
    displayed = len(re.findall(r"^\s*\$\$.+?\$\$\s*$", source, flags=re.MULTILINE | re.DOTALL))
    html = "\n".join(page.read_text(encoding="utf-8") for page in site.rglob("*.html"))
    assert html.count('display="block"') == displayed >= 1
    assert "arithmatex" not in html
    assert 'xmlns="http://www.w3.org/1998/Math/MathML"' in html


def test_an_equation_keeps_characters_that_html_escapes(tmp_path):
    """The converter receives an ampersand and a less-than sign as typed."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "index.md").write_text(
        "# T\n\nIf $a < b$:\n\n$$\nx &= \\frac{1}{2}\n$$\n", encoding="utf-8"
    )
    settings = {
        "site_name": "t",
        "hooks": [str(DOCS / "scripts" / "mathml.py")],
        "markdown_extensions": [{"pymdownx.arithmatex": {"generic": True}}],
    }
    (tmp_path / "mkdocs.yml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    subprocess.run([sys.executable, "-m", "mkdocs", "build", "-q"], cwd=tmp_path, check=True)
    html = (tmp_path / "site" / "index.html").read_text(encoding="utf-8")
    assert convert("a < b") in html
    assert convert(r"x &= \frac{1}{2}", display="block") in html
