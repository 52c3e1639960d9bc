import logging
import signal
import subprocess
import sys
from types import SimpleNamespace

import pytest
from snakemake_interface_logger_plugins.common import LogEvent

from snakemake_logger_plugin_emofactors import LogHandler, LogHandlerSettings

STOPPING = "Will exit after finishing currently running jobs (scheduler)."
OUTPUT_SETTINGS = {"printshellcmds": False, "nocolor": True, "quiet": None, "debug_dag": False, "verbose": False}


@pytest.fixture(autouse=True)
def ignored_sigint():
    """The handler of SIGINT is not replaced while it is ignored."""
    previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
    yield
    signal.signal(signal.SIGINT, previous)


def handler(**settings):
    common = OUTPUT_SETTINGS | {"show_failed_logs": True, "stdout": False, "dryrun": False} | settings
    plugin = LogHandler(SimpleNamespace(**common), LogHandlerSettings())
    plugin.setFormatter(logging.Formatter("%(message)s"))
    return plugin


def log(plugin, text="", event=None, level=logging.INFO, **content):
    record = logging.LogRecord("snakemake", level, "", 0, text, (), None)
    record.__dict__.update(event=event, **content)
    plugin.emit(record)


def start_run(plugin):
    log(plugin, "workflow", LogEvent.WORKFLOW_STARTED)
    log(plugin, "stats", LogEvent.RUN_INFO, stats={"train": 1, "total": 1})
    log(plugin, "train", LogEvent.JOB_INFO, jobid=1, rule_name="train", log=["none.log"], wildcards={"fold": "0"})


@pytest.mark.parametrize("settings", [{}, {"verbose": True}])
def test_the_message_on_sigterm_is_printed_once(capsys, settings):
    plugin = handler(**settings)
    start_run(plugin)
    capsys.readouterr()
    for _ in range(39):
        log(plugin, STOPPING)
    assert capsys.readouterr().err == f"{STOPPING}\n"


def test_a_run_without_terminal_prints_errors_finished_trainings_and_a_closing_line(capsys):
    plugin = handler()
    start_run(plugin)
    log(plugin, "Building DAG of jobs...")
    log(plugin, "rule train is broken", level=logging.ERROR)
    log(plugin, "", LogEvent.JOB_FINISHED, job_id=1)
    log(plugin, "", LogEvent.PROGRESS, done=1, total=1)
    plugin.close()
    assert capsys.readouterr().err == (
        "rule train is broken\n[1 of 1] train fold 0  0 s\nemofactors: 1 of 1 jobs done in 0 s\n"
    )


def test_a_dry_run_prints_the_output_of_snakemake(capsys):
    plugin = handler(dryrun=True)
    start_run(plugin)
    log(plugin, "Building DAG of jobs...")
    plugin.close()
    assert capsys.readouterr().err.split("\n") == ["workflow", "stats", "", "train", "Building DAG of jobs...", ""]


def test_unknown_settings_are_refused():
    parse = LogHandlerSettings.__dataclass_fields__["show"].metadata["parse_func"]
    assert parse("lines") == "lines"
    with pytest.raises(ValueError, match="'loud': expected auto, lines or snakemake"):
        parse("loud")


def test_the_import_of_the_plugin_is_fast():
    """Every Snakemake process imports all plugins."""
    code = (
        "import snakemake.cli, sys; before = set(sys.modules); import snakemake_logger_plugin_emofactors; "
        "print(*sorted(m for m in set(sys.modules) - before if '.' not in m))"
    )
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = process.stdout.split()
    assert "snakemake_logger_plugin_emofactors" in loaded
    assert not {"rich", "torch", "numpy", "pandas", "emofactors"} & set(loaded)
