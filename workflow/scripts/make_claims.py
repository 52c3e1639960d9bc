"""rule make_claims: what the tables of a study say about each claim of the sources, in four forms."""

from pathlib import Path

from emofactors.config.claims import LedgerSettings
from emofactors.jobs.log import log_to
from emofactors.report.claims.evidence import read_flops
from emofactors.report.claims.layout import write_ledger
from emofactors.report.claims.ledger import make_ledger
from emofactors.report.tables.tidy import read_tidy

log_to(snakemake.log[0])
given = snakemake.input

ledger = make_ledger(
    LedgerSettings(**snakemake.params.claims),
    tables={Path(path).stem: read_tidy(path) for path in given.tables},
    flops=read_flops(given.runs),
)

write_ledger(ledger, **dict(snakemake.output.items()))
