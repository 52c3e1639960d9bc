"""Hook of mkdocs: convert equations between dollars to MathML when the site is built.

The site then needs neither a script nor a network for equations. `pymdownx.arithmatex` finds them; GitHub renders
the same source.
"""

import re
from html import unescape
from typing import Any

from latex2mathml.converter import convert

_FOUND = re.compile(r'<(span|div) class="arithmatex">\s*\\([(\[])(.+?)\\[)\]]\s*</\1>', re.DOTALL)


def on_page_content(html: str, **_: Any) -> str:
    """Return the page with its equations as MathML."""
    return _FOUND.sub(_as_mathml, html)


def _as_mathml(found: re.Match[str]) -> str:
    _, bracket, latex = found.groups()
    return convert(unescape(latex).strip(), display="inline" if bracket == "(" else "block")
