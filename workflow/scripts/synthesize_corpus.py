"""rule synthesize_corpus: speak a corpus whose factors are known, and keep the factors."""

from pathlib import Path

from emofactors.config import CorpusConfig
from emofactors.corpora.synthetic import synthesize
from emofactors.runlog import log_to

log_to(snakemake.log[0])
corpus = CorpusConfig(**snakemake.params.corpus)

factors = synthesize(corpus.synthesis, Path(snakemake.output.audio))

factors.to_csv(snakemake.output.factors, index=False, lineterminator="\n")
