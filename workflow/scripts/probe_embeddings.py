"""rule probe_embeddings: probe and cluster the embeddings of all folds and seeds, and measure their scatter."""

from emofactors.config.evaluation import ProbeSettings
from emofactors.corpora.augmentations import original_of
from emofactors.evaluation.embedding_probes import probe_embeddings, read_embeddings
from emofactors.evaluation.embedding_scatter import measure_scatter
from emofactors.evaluation.runs import read_runs
from emofactors.io.csv import write_csv
from emofactors.jobs.log import log_to

log_to(snakemake.log[0])
runs = read_runs(snakemake.input.embeddings, read_embeddings)

probes = probe_embeddings(runs, ProbeSettings(**snakemake.params.settings), original_of)

probes.write(probes=snakemake.output.probes, information=snakemake.output.information)
write_csv(snakemake.output.scatter, measure_scatter(runs))
