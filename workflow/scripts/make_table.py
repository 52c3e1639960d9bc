"""rule make_table: one table of the paper, ours beside published, in four forms."""

from emofactors.config import IntervalSettings, TableConfig, TaskConfig
from emofactors.files import read_json_files
from emofactors.report.layout import write_table
from emofactors.report.tables import make_table, read_evaluations
from emofactors.runlog import log_to

log_to(snakemake.log[0])
table = TableConfig(**snakemake.params.table)
tasks = {name: TaskConfig(**task) for name, task in snakemake.params.tasks.items()}
evaluations = read_evaluations(snakemake.input.confusions)
intervals = IntervalSettings(**snakemake.params.intervals)

tidy = make_table(
    snakemake.wildcards.table, table, tasks, evaluations, intervals, read_json_files(snakemake.input.notes)
)

write_table(
    tidy,
    table,
    tasks,
    overrides=snakemake.params.overrides,
    variant_overrides=snakemake.params.variant_overrides,
    **dict(snakemake.output.items()),
)
