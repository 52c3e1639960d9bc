"""rule extract_features: the spectrograms of a corpus, in one archive."""

from pathlib import Path

from emofactors.config import FeatureSettings
from emofactors.corpora.manifest import read_manifest
from emofactors.features.extract import extract
from emofactors.runlog import log_to

log_to(snakemake.log[0])
utterances = read_manifest(Path(snakemake.input.manifest))
settings = FeatureSettings(**snakemake.params.settings)

extract(
    utterances, Path(snakemake.params.root), settings, Path(snakemake.output.archive), threads=snakemake.threads
)
