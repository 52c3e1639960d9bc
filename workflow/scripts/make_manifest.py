"""rule make_manifest: one row an utterance, its audio heard once and found sound."""

from pathlib import Path

from emofactors.config import CorpusConfig
from emofactors.corpora import read_corpus
from emofactors.corpora.manifest import make_manifest, write_manifest
from emofactors.files import write_text_atomically
from emofactors.runlog import log_to

log_to(snakemake.log[0])
root = Path(snakemake.params.root)
corpus = CorpusConfig(**snakemake.params.corpus)

manifest = make_manifest(read_corpus(root, corpus), root, corpus)

write_manifest(manifest.utterances, Path(snakemake.output.manifest))
write_text_atomically(Path(snakemake.output.notes), manifest.notes(corpus))
