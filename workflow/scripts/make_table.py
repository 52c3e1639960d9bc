"""rule make_table: one table of the paper, ours beside published, in four forms."""

from emofactors.config import IntervalSettings, SystemConfig, TableConfig, TaskConfig
from emofactors.files import read_json_files
from emofactors.report.ablation import make_ablation_table
from emofactors.report.factor_tables import make_ground_truth_table, make_information_table
from emofactors.report.layout import write_table
from emofactors.report.tables import make_table, read_evaluations
from emofactors.runlog import log_to

log_to(snakemake.log[0])
name, given, params = snakemake.wildcards.table, snakemake.input, snakemake.params
table = TableConfig(**params.table)
tasks = {name: TaskConfig(**task) for name, task in params.tasks.items()}
systems = {name: SystemConfig(**system) for name, system in params.systems.items()}
intervals = IntervalSettings(**params.intervals)
corpora = read_json_files(given.notes, "the notes of a corpus")

match table.kind:
    case "factors":
        tidy = make_ablation_table(name, table, tasks, given.confusions, intervals, corpora, params.others)
    case "information":
        tidy = make_information_table(name, table, tasks, given.codes, corpora)
    case "ground_truth":
        tidy = make_ground_truth_table(name, table, tasks, given.codes, corpora)
    case _:
        evaluations = read_evaluations(given.confusions, table.metrics)
        tidy = make_table(name, table, tasks, evaluations, intervals, corpora)

write_table(
    tidy,
    table,
    tasks,
    systems=systems,
    **dict(snakemake.output.items()),
)
