"""rule make_page: the whole study on one page that stands alone."""

from emofactors.files import read_json_files, write_text_atomically
from emofactors.report.html import make_page, read_run, read_scores, read_texts
from emofactors.runlog import log_to
from emofactors.study import Study

log_to(snakemake.log[0])
study = Study(**snakemake.params.study)

page = make_page(
    study,
    fragments=read_texts(snakemake.input.fragments),
    scores=read_scores(snakemake.input.scores),
    figures=read_texts(snakemake.input.figures),
    audits=read_json_files(snakemake.input.audits),
    notes=read_json_files(snakemake.input.notes),
    runs=[read_run(path) for path in snakemake.input.runs],
)

write_text_atomically(snakemake.output.page, page)
