"""rule estimate_code_information: what the codes of a decomposer share, in the test utterances of all folds and seeds."""

from emofactors.config.evaluation import InformationSettings
from emofactors.evaluation.code_information import measure_information, read_code_runs
from emofactors.jobs.log import log_to

log_to(snakemake.log[0])
runs = read_code_runs(snakemake.input.codes)

measured = measure_information(runs, InformationSettings(**snakemake.params.settings))

measured.write(**dict(snakemake.output.items()))
