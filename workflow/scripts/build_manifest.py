"""rule build_manifest: one row per utterance of a corpus, with the properties of its audio."""

from pathlib import Path

from emofactors.config.corpora import corpus_config
from emofactors.corpora.build_manifest import build_manifest
from emofactors.corpora.manifest import write_manifest
from emofactors.corpora.readers import read_corpus
from emofactors.io.atomic import write_text_atomically
from emofactors.jobs.log import log_to

log_to(snakemake.log[0])
root = Path(snakemake.params.root)
corpus = corpus_config(snakemake.params.corpus)

manifest = build_manifest(read_corpus(root, corpus), root, corpus)

write_manifest(manifest.utterances, Path(snakemake.output.manifest))
write_text_atomically(Path(snakemake.output.metadata), manifest.corpus_metadata(corpus))
