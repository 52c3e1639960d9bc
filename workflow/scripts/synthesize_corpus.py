"""rule synthesize_corpus: synthesize a corpus with known factors, and write the factors."""

from pathlib import Path

from emofactors.config.corpora import SyntheticCorpus
from emofactors.corpora.readers.synthetic import synthesize
from emofactors.io.csv import write_csv
from emofactors.jobs.log import log_to

log_to(snakemake.log[0])
corpus = SyntheticCorpus(**snakemake.params.corpus)

factors = synthesize(corpus.synthesis, Path(snakemake.output.audio))

write_csv(snakemake.output.factors, factors)
