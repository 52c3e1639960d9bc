"""Hook of mkdocs: what stands between dollars becomes MathML when the site is built.

No reader needs a script or a network for it. `pymdownx.arithmatex` finds it, also beside code; GitHub renders the
same source by itself.
"""

import re
from html import unescape
from typing import Any

from latex2mathml.converter import convert

_FOUND = re.compile(r'<(span|div) class="arithmatex">\s*\\([(\[])(.+?)\\[)\]]\s*</\1>', re.DOTALL)


def on_page_content(html: str, **_: Any) -> str:
    """The page with its equations as MathML."""
    return _FOUND.sub(_as_mathml, html)


def _as_mathml(found: re.Match[str]) -> str:
    _, bracket, latex = found.groups()
    return convert(unescape(latex).strip(), display="inline" if bracket == "(" else "block")
