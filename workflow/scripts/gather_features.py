"""rule gather_features: the features of a corpus in one archive, whatever its shards."""

from pathlib import Path

from emofactors.features.archive import gather
from emofactors.jobs.log import log_to

log_to(snakemake.log[0])

gather([Path(folder) for folder in snakemake.input.shards], Path(snakemake.output.archive))
