"""Write the ledger of claims in four forms."""

from pathlib import Path

from emofactors.io.atomic import write_text_atomically
from emofactors.report.claims.layout import ledger_layout
from emofactors.report.claims.ledger import Ledger, write_ledger_csv
from emofactors.report.tables.render import html as html_renderer
from emofactors.report.tables.render import latex, markdown


def write_ledger(ledger: Ledger, *, csv: str | Path, md: str | Path, tex: str | Path, html: str | Path) -> None:
    """Write the ledger; the same numbers give the same bytes.

    Args:
        ledger: the ledger.
        csv: one row per difference, see ``ledger.LedgerRow``.
        md: Markdown.
        tex: LaTeX tables; the document needs the package booktabs.
        html: a fragment of HTML for the page.
    """
    layout = ledger_layout(ledger)
    write_ledger_csv(csv, ledger)
    write_text_atomically(md, markdown.render(layout))
    write_text_atomically(tex, latex.render(layout))
    write_text_atomically(html, html_renderer.render(layout, level=3))
