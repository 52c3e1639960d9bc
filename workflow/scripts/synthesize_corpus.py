"""rule synthesize_corpus: speak a corpus whose factors are known, and keep the factors."""

from pathlib import Path

from emofactors.config.corpora import CorpusConfig
from emofactors.corpora.readers.synthetic import synthesize
from emofactors.io.csv import write_csv
from emofactors.jobs.log import log_to

log_to(snakemake.log[0])
corpus = CorpusConfig(**snakemake.params.corpus)

factors = synthesize(corpus.synthesis, Path(snakemake.output.audio))

write_csv(snakemake.output.factors, factors)
