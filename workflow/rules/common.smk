"""Load the study and constrain the wildcards; what each rule needs is in the package, in emofactors.plan."""

import re
import shlex
import sys
from pathlib import Path

from emofactors.config.checks import check_corpora
from emofactors.config.load import load_study
from emofactors.errors import InputError
from emofactors.jobs.clock import clamp_future_mtimes
from emofactors.jobs.locks import hold_folder
from emofactors.plan.code import CodePlan
from emofactors.plan.corpora import CorporaPlan, download_command, is_download
from emofactors.plan.evaluation import EvaluationPlan
from emofactors.plan.features import FeaturesPlan
from emofactors.plan.gpus import n_gpus, uses_gpus
from emofactors.plan.paths import ORIGINAL, evaluation_folder
from emofactors.plan.report import ReportPlan, templates_hash
from emofactors.plan.training import TrainingPlan

BASE = Path(workflow.basedir)

# Ctrl-C reaches every process of a terminal. Jobs ignore it: Snakemake ends them by SIGTERM, so that a job that is
# still importing prints no traceback. Every job is one script, so its process replaces the shell.
shell.prefix("set -euo pipefail; trap '' INT; exec ")

# Snakemake inserts the path of the interpreter unquoted into shell commands.
if Path(sys.executable).exists():
    sys.executable = shlex.quote(sys.executable)


def exit_with_message(error):
    """End the run with the reason, without a traceback."""
    return SystemExit(
        "\n".join(f"emofactors: error: {line}" for line in str(error).splitlines())
    )


try:
    STUDY = load_study(config, BASE / "config")
    CORPORA = CorporaPlan(STUDY)
    if is_download(sys.argv[1:]):
        CORPORA.forget_downloads()
    else:
        check_corpora(
            STUDY,
            download_command(
                workflow.overwrite_configfiles or [], workflow.config_settings.config
            ),
        )
except InputError as error:
    raise exit_with_message(error) from None

FEATURES = FeaturesPlan(STUDY, checkpoints)
TRAINING = TrainingPlan(STUDY)
EVALUATION = EvaluationPlan(STUDY)
REPORT = ReportPlan(STUDY)
CODE = CodePlan(STUDY, BASE / "workflow" / "scripts")
GPUS = int(uses_gpus(STUDY.compute))


def start_run():
    """Lock the folder for this run, reset times in the future, and log the size of the systems."""
    # Snakemake's default limit of 100 jobs a second, which no run reaches, makes its scheduler start a timer whenever
    # a job has ended, and each timer starts the next: after 100 jobs it plans 100 times a second.
    limit = workflow.scheduler.job_rate_limiter
    if limit is not None and (limit.max_jobs, limit.timespan) == (100, 1):
        workflow.scheduler.job_rate_limiter = None
    try:
        hold_folder(Path(".snakemake/emofactors.lock"))
    except InputError as error:
        raise exit_with_message(error) from None
    n_ahead = clamp_future_mtimes(Path("results"))
    if n_ahead:
        logger.warning(
            f"emofactors: {n_ahead} results had timestamps in the future (clock skew); reset to the current time"
        )
    logger.info(f"emofactors: {STUDY.size_summary()}")
    # Snakemake hands its messages to another thread, which starts the live view. Jobs inherit stderr, which the view
    # replaces, so the first one waits for it.
    listener = workflow.logger_manager.queue_listener
    if listener is not None:
        listener.queue.join()


def one_of(names):
    """Return the pattern of a wildcard that takes some names."""
    return "|".join(re.escape(name) for name in names) or "none"


wildcard_constraints:
    study=re.escape(STUDY.study),
    on_task=one_of(STUDY.tasks),
    test=one_of(
        evaluation_folder(task, variant)
        for task in STUDY.tasks
        for variant in ("", *STUDY.reconstructed_variants)
    ),
    corpus=one_of(STUDY.corpora),
    task=one_of(STUDY.tasks),
    augmentation=one_of([ORIGINAL, *STUDY.augmentations]),
    features=one_of(STUDY.features),
    system=one_of(STUDY.systems),
    variant=one_of(
        sorted({v for system in STUDY.systems.values() for v in system.variants})
    ),
    table=one_of(STUDY.tables),
    figure=one_of(STUDY.figures),
    shard=r"\d+",
    fold=r"\d+",
    seed=r"\d+",


# As many trainings at a time as this machine has GPU slots, unless --resources gpu=N is given. This is only a limit:
# leases assign the slots. On a cluster the scheduler assigns GPUs.
if (
    workflow.is_main_process
    and workflow.resource_settings.nodes is None
    and "gpu" not in workflow.resource_settings.resources
    and GPUS
    and (found := n_gpus())
):
    workflow.register_resource("gpu", found * STUDY.compute.slots_per_gpu)
