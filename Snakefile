"""The study: what its file asks for, from raw audio to the page."""

# A study given by --configfile is whole; without one, or with a few keys only, the default study stands.
if "study" not in config:

    configfile: "config/config.yaml"


include: "workflow/rules/common.smk"
include: "workflow/rules/corpora.smk"
include: "workflow/rules/features.smk"
include: "workflow/rules/training.smk"
include: "workflow/rules/evaluation.smk"
include: "workflow/rules/report.smk"


onstart:
    hold_results()
    set_clock_right()


rule all:
    default_target: True
    input:
        "results/report/index.html",
        expand(
            "results/report/tables/{table}.{kind}",
            table=STUDY.tables,
            kind=["csv", "md", "tex", "html"],
        ),
        expand(
            "results/report/figures/{figure}.{kind}",
            figure=STUDY.figures,
            kind=["png", "svg"],
        ),


# The first step where a study's corpora are not there yet: docs/corpora.md.
rule download_corpora:
    input:
        missing_open_corpora,
