"""rule plot_corpus: plots and statistics of a corpus for its overview on the page."""

from pathlib import Path

from emofactors.corpora.manifest import read_manifest
from emofactors.features import pitch_tracker
from emofactors.jobs.log import log_to
from emofactors.report.page.plot_corpus import plot_corpus

log_to(snakemake.log[0])

plot_corpus(
    read_manifest(Path(snakemake.input.manifest)),
    Path(snakemake.params.root),
    Path(snakemake.output.overview),
    pitch_tracker(snakemake.params.f0_method),
    snakemake.params.f0_method,
)
