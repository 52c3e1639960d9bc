"""rule make_table: one table of a study, with published values, in five forms."""

from emofactors.config.systems import SystemConfig
from emofactors.config.tasks import TaskConfig
from emofactors.io.json import read_json_files
from emofactors.jobs.log import log_to
from emofactors.report.tables.make import make_table

log_to(snakemake.log[0])
given, params = snakemake.input, snakemake.params

table = make_table(
    snakemake.wildcards.table,
    params.table,
    tasks={name: TaskConfig(**task) for name, task in params.tasks.items()},
    systems={name: SystemConfig(**system) for name, system in params.systems.items()},
    corpora=read_json_files(given.corpora, "the metadata of a corpus"),
    cross_tasks=params.cross_tasks,
    evaluations=given.evaluations,
    runs=given.runs,
)

table.write(**dict(snakemake.output.items()))
