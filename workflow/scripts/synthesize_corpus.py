"""rule synthesize_corpus: speak a corpus whose factors are known, and keep the factors."""

from pathlib import Path

from emofactors.config import CorpusConfig
from emofactors.corpora.synthetic import synthesize
from emofactors.runlog import log_to
from emofactors.sheets import write_csv

log_to(snakemake.log[0])
corpus = CorpusConfig(**snakemake.params.corpus)

factors = synthesize(corpus.synthesis, Path(snakemake.output.audio))

write_csv(snakemake.output.factors, factors)
