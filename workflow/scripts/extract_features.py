"""rule extract_features: write the features of a shard of a corpus, or of its augmented copies, as an archive."""

from pathlib import Path

from emofactors.config.augmentations import AugmentationSettings
from emofactors.config.features import features_of
from emofactors.corpora.manifest import read_manifest
from emofactors.corpora.shards import read_longest
from emofactors.features import feature_transform
from emofactors.features.extract import extract
from emofactors.jobs.log import log_to

log_to(snakemake.log[0])
utterances = read_manifest(Path(snakemake.input.manifest))
settings = features_of(snakemake.params.settings)
longest = snakemake.input.get("longest")
augmentation = snakemake.params.augmentation and AugmentationSettings(**snakemake.params.augmentation)

extract(
    utterances,
    Path(snakemake.params.root),
    settings,
    Path(snakemake.output.archive),
    threads=snakemake.threads,
    longest_s=read_longest(Path(longest)) if longest else None,
    augmentation=augmentation,
    transform=feature_transform(settings),
)
