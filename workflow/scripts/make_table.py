"""rule make_table: one table of the paper, ours beside published, in four forms."""

from emofactors.config.evaluation import IntervalSettings
from emofactors.config.systems import SystemConfig
from emofactors.config.tables import TableConfig
from emofactors.config.tasks import TaskConfig
from emofactors.io.json import read_json_files
from emofactors.jobs.log import log_to
from emofactors.report.tables.factor_ablation import make_ablation_table
from emofactors.report.tables.factor_tables import make_ground_truth_table, make_information_table
from emofactors.report.tables.layout import write_table
from emofactors.report.tables.tidy import make_table, read_evaluations

log_to(snakemake.log[0])
name, given, params = snakemake.wildcards.table, snakemake.input, snakemake.params
table = TableConfig(**params.table)
tasks = {name: TaskConfig(**task) for name, task in params.tasks.items()}
systems = {name: SystemConfig(**system) for name, system in params.systems.items()}
intervals = IntervalSettings(**params.intervals)
corpora = read_json_files(given.notes, "the notes of a corpus")

match table.kind:
    case "factor_ablation":
        tidy = make_ablation_table(name, table, tasks, given.confusions, intervals, corpora, params.others)
    case "code_information":
        tidy = make_information_table(name, table, tasks, given.codes, corpora)
    case "true_factors":
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
