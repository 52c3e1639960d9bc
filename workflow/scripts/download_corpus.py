"""rule download_corpus: an open corpus from its publishers, under a licence that is shown first."""

from pathlib import Path

from emofactors.config.corpora import CorpusConfig
from emofactors.corpora.acquire.download import download_corpus, show_terms
from emofactors.io.atomic import write_text_atomically
from emofactors.jobs.log import log_to

corpus = CorpusConfig(**snakemake.params.corpus)
corpora_root = Path(snakemake.params.corpora_root)
# Before the log takes what is said: this is for the terminal.
show_terms(snakemake.wildcards.corpus, corpus, corpora_root)
log_to(snakemake.log[0])

folder = download_corpus(snakemake.wildcards.corpus, corpus, corpora_root)

write_text_atomically(Path(snakemake.output.fetched), f"{folder}\n")
