"""rule estimate_code_information: mutual information of a decomposer's codes, for all folds and seeds."""

from emofactors.config.evaluation import InformationSettings
from emofactors.evaluation.code_information import estimate_code_information, read_codes
from emofactors.evaluation.runs import read_runs
from emofactors.jobs.log import log_to

log_to(snakemake.log[0])
runs = read_runs(snakemake.input.codes, read_codes)

information = estimate_code_information(runs, InformationSettings(**snakemake.params.settings))

information.write(**dict(snakemake.output.items()))
