"""rule make_page: the whole study on one page that stands alone."""

from pathlib import Path

from emofactors.config.study import Study
from emofactors.io.atomic import write_text_atomically
from emofactors.io.json import read_json_files
from emofactors.jobs.log import log_to
from emofactors.report.page.audio_examples import read_audio_examples
from emofactors.report.page.corpus_overview import read_corpus_overviews
from emofactors.report.page.costs import costs, costs_csv, read_jobs, rule_costs, rule_costs_csv
from emofactors.report.page.page import make_page, read_run, read_scores, read_texts

log_to(snakemake.log[0])
study = Study(**snakemake.params.study)
runs = [read_run(path) for path in snakemake.input.runs]
# No inputs: what was measured differs from run to run, and re-makes nothing.
jobs = read_jobs(study, Path("results/logs"), Path("results/benchmarks"))
spent = rule_costs(study, jobs, runs, snakemake.params.rules)

page = make_page(
    study,
    fragments=read_texts(snakemake.input.fragments),
    scores=read_scores(snakemake.input.scores),
    figures=read_texts(snakemake.input.figures),
    audits=read_json_files(snakemake.input.audits, "the audit of a task"),
    notes=read_json_files(snakemake.input.notes, "the notes of a corpus"),
    runs=runs,
    corpus_overviews=read_corpus_overviews(snakemake.input.corpus_overviews),
    inspections=[read_run(path) for path in snakemake.input.shuffles],
    sounds=read_audio_examples(snakemake.input.sounds),
    rule_costs=spent,
)

write_text_atomically(snakemake.output.page, page)
write_text_atomically(snakemake.output.costs, costs_csv(costs(runs)))
write_text_atomically(snakemake.output.rule_costs, rule_costs_csv(spent))
