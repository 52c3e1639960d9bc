"""rule split_manifest: a manifest for each shard of a corpus."""

from pathlib import Path

from emofactors.corpora.manifest import read_manifest
from emofactors.corpora.shards import write_longest, write_shards
from emofactors.jobs.log import log_to

log_to(snakemake.log[0])
manifest = read_manifest(Path(snakemake.input.manifest))

write_shards(manifest, snakemake.params.shards, Path(snakemake.output.shards))
write_longest(manifest, Path(snakemake.output.longest))
