"""rule draw_corpus: a corpus at a glance, as the page shows it."""

from pathlib import Path

from emofactors.corpora.manifest import read_manifest
from emofactors.features import pitch_tracker
from emofactors.report.glance import draw_corpus
from emofactors.runlog import log_to

log_to(snakemake.log[0])

draw_corpus(
    read_manifest(Path(snakemake.input.manifest)),
    Path(snakemake.params.root),
    Path(snakemake.output.glance),
    pitch_tracker(snakemake.params.f0_method),
    snakemake.params.f0_method,
)
