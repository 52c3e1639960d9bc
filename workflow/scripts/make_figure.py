"""rule make_figure: one figure of the paper, as PNG and SVG."""

from emofactors.config.evaluation import IntervalSettings
from emofactors.config.figures import FigureConfig
from emofactors.config.tables import TableConfig
from emofactors.config.tasks import TaskConfig
from emofactors.jobs.log import log_to
from emofactors.report.figures.make import make_figure

log_to(snakemake.log[0])
figure = FigureConfig(**snakemake.params.figure)
tasks = {name: TaskConfig(**task) for name, task in snakemake.params.tasks.items()}
table = snakemake.params.table and TableConfig(**snakemake.params.table)
intervals = snakemake.params.intervals and IntervalSettings(**snakemake.params.intervals)

make_figure(
    figure,
    tasks=tasks,
    sources=snakemake.input.sources,
    table=table,
    intervals=intervals,
    png=snakemake.output.png,
    svg=snakemake.output.svg,
)
