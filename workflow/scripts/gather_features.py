"""rule gather_features: join the archives of a corpus' shards into one."""

from pathlib import Path

from emofactors.features.archive import gather
from emofactors.jobs.log import log_to

log_to(snakemake.log[0])

gather([Path(folder) for folder in snakemake.input.shards], Path(snakemake.output.archive))
