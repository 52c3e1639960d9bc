"""rule download_corpus: download an open corpus from its publishers after showing its licence."""

from pathlib import Path

from emofactors.config.corpora import corpus_config
from emofactors.corpora.acquire.download import download_corpus, show_terms
from emofactors.io.atomic import write_text_atomically
from emofactors.jobs.log import log_to

corpus = corpus_config(snakemake.params.corpus)
corpora_root = Path(snakemake.params.corpora_root)
# Before output is redirected to the log: the terms are shown on the terminal.
show_terms(snakemake.wildcards.corpus, corpus, corpora_root)
log_to(snakemake.log[0])

folder = download_corpus(snakemake.wildcards.corpus, corpus, corpora_root)

write_text_atomically(Path(snakemake.output.fetched), f"{folder}\n")
