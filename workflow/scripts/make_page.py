"""rule make_page: one page of a study that needs no other file, and its costs as CSV."""

from pathlib import Path

from emofactors.config.page import PageSettings
from emofactors.io.atomic import read_text, write_text_atomically
from emofactors.io.json import read_json_files
from emofactors.jobs.log import log_to
from emofactors.report.page.audio_examples import read_audio_examples
from emofactors.report.page.corpus_overview import read_corpus_overviews
from emofactors.report.page.costs import (
    read_jobs,
    rule_costs,
    rule_costs_csv,
    variant_costs,
    variant_costs_csv,
)
from emofactors.report.page.page import make_page, read_run, read_texts
from emofactors.report.tables.findings import read_findings

log_to(snakemake.log[0])
given = snakemake.input
settings = PageSettings(**snakemake.params.page)
runs = [read_run(path) for path in given.runs]
# Logs and benchmarks are no inputs: measurements differ from run to run and must not re-run the rule.
jobs = read_jobs(settings, Path("results/logs"), Path("results/benchmarks"))
costs_of_rules = rule_costs(settings, jobs, runs, snakemake.params.rules)

page = make_page(
    settings,
    claims=read_text(given.claims, "the ledger of claims"),
    tables=read_texts(given.tables),
    findings={Path(path).stem: read_findings(path) for path in given.findings},
    figures=read_texts(given.figures),
    audits=read_json_files(given.audits, "the audit of a task"),
    corpora=read_json_files(given.corpora, "the metadata of a corpus"),
    runs=runs,
    overviews=read_corpus_overviews(given.overviews),
    shuffles=[read_run(path) for path in given.shuffles],
    audio_examples=read_audio_examples(given.audio_examples),
    rule_costs=costs_of_rules,
)

write_text_atomically(snakemake.output.page, page)
write_text_atomically(snakemake.output.costs, variant_costs_csv(variant_costs(runs)))
write_text_atomically(snakemake.output.rule_costs, rule_costs_csv(costs_of_rules))
