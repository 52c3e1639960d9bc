"""A study: from raw audio to the page, as its file requests."""

from pathlib import Path

# A run in another folder would find no profile and leave its results there.
if (
    workflow.overwrite_workdir is None
    and workflow.is_main_process
    and Path.cwd() != Path(workflow.basedir).resolve()
):
    raise SystemExit(
        f"emofactors: error: {Path.cwd()} is not the project's folder; expected `cd {workflow.basedir}` first, or "
        "-d FOLDER with the folder that results shall go to"
    )

# Without --configfile, or with a few keys only, the default study is run.
if "study" not in config:

    configfile: f"{workflow.basedir}/config/config.yaml"


include: "workflow/rules/common.smk"
include: "workflow/rules/corpora.smk"
include: "workflow/rules/features.smk"
include: "workflow/rules/training.smk"
include: "workflow/rules/evaluation.smk"
include: "workflow/rules/report.smk"


onstart:
    start_run()


rule all:
    default_target: True
    input:
        f"results/report/{STUDY.study}/index.html",
        expand(
            "results/report/{study}/claims.{kind}",
            study=STUDY.study,
            kind=["csv", "md", "tex", "html"],
        ),
        expand(
            "results/report/{study}/tables/{table}.{kind}",
            study=STUDY.study,
            table=STUDY.tables,
            kind=["csv", "md", "tex", "html"],
        ),
        expand(
            "results/report/{study}/figures/{figure}.{kind}",
            study=STUDY.study,
            figure=STUDY.figures,
            kind=["png", "svg"],
        ),


# Run first if corpora of the study are missing: docs/corpora.md.
rule download_corpora:
    input:
        CORPORA.missing_open_corpora,
