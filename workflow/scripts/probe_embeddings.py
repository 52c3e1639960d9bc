"""rule probe_embeddings: what is left of speaker and emotion in the embeddings of all folds and seeds."""

from emofactors.config.evaluation import ProbeSettings
from emofactors.corpora.augmentations import original_of
from emofactors.evaluation.embedding_probes import probe_runs, read_runs
from emofactors.jobs.log import log_to

log_to(snakemake.log[0])
runs = read_runs(snakemake.input.embeddings)

probed = probe_runs(runs, ProbeSettings(**snakemake.params.settings), original_of)

probed.write(**dict(snakemake.output.items()))
