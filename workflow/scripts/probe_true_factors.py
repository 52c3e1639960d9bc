"""rule probe_true_factors: what the codes of a decomposer tell of the factors a corpus was made from."""

from emofactors.config.evaluation import ProbeSettings
from emofactors.evaluation.code_information import read_code_runs
from emofactors.evaluation.true_factors import probe_true_factors, read_factors
from emofactors.jobs.log import log_to

log_to(snakemake.log[0])
runs = read_code_runs(snakemake.input.codes)
factors = read_factors(snakemake.input.factors)

probed = probe_true_factors(runs, factors, ProbeSettings(**snakemake.params.settings))

probed.write(snakemake.output.factors)
