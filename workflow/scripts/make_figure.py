"""rule make_figure: draw one figure of a study, as PNG and SVG."""

from emofactors.config.tasks import TaskConfig
from emofactors.jobs.log import log_to
from emofactors.report.figures.base import FigureInputs
from emofactors.report.figures.make import make_figure

log_to(snakemake.log[0])
params = snakemake.params
inputs = FigureInputs(
    files=tuple(snakemake.input.files),
    tasks={name: TaskConfig(**task) for name, task in params.tasks.items()},
    table=params.table,
)

make_figure(params.figure, inputs, png=snakemake.output.png, svg=snakemake.output.svg)
