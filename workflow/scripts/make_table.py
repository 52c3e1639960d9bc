"""rule make_table: one table of the paper, ours beside published, in four forms."""

from emofactors.config import IntervalSettings, SystemConfig, TableConfig, TaskConfig
from emofactors.files import read_json_files
from emofactors.report.layout import write_table
from emofactors.report.tables import make_table, read_evaluations
from emofactors.runlog import log_to

log_to(snakemake.log[0])
table = TableConfig(**snakemake.params.table)
tasks = {name: TaskConfig(**task) for name, task in snakemake.params.tasks.items()}
systems = {name: SystemConfig(**system) for name, system in snakemake.params.systems.items()}
evaluations = read_evaluations(snakemake.input.confusions, table.metrics)
intervals = IntervalSettings(**snakemake.params.intervals)

tidy = make_table(
    snakemake.wildcards.table, table, tasks, evaluations, intervals, read_json_files(snakemake.input.notes)
)

write_table(
    tidy,
    table,
    tasks,
    systems=systems,
    **dict(snakemake.output.items()),
)
