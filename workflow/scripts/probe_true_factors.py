"""rule probe_true_factors: information of a decomposer's codes about the true factors of a synthetic corpus."""

from emofactors.config.evaluation import ProbeSettings
from emofactors.evaluation.code_information import read_codes
from emofactors.evaluation.runs import read_runs
from emofactors.evaluation.true_factors import probe_true_factors, read_factors
from emofactors.jobs.log import log_to

log_to(snakemake.log[0])
runs = read_runs(snakemake.input.codes, read_codes)
factors = read_factors(snakemake.input.factors)

probes = probe_true_factors(runs, factors, ProbeSettings(**snakemake.params.settings))

probes.write(snakemake.output.factors)
