"""Snakemake's executor plugin ``emofactors``: jobs on this machine that start warm.

It is Snakemake's own executor for one machine, but Python scripts run in processes
forked from a server that has already imported what they need
(:mod:`emofactors.jobs.fork_server`). ``--executor local`` starts an interpreter for
each job instead, as this one does where a process with loaded libraries should not
fork, which is everywhere but on Linux.
"""

import contextlib
import sys
from pathlib import Path
from subprocess import CalledProcessError
from typing import Any

from snakemake.benchmark import benchmarked
from snakemake.executors import local
from snakemake.logging import logger
from snakemake.script import PythonScript

from emofactors.jobs.fork_server import ForkServer

#: Snakemake reads this name.
common_settings = local.common_settings

#: The workflow replaces ``sys.executable`` by its quoted form.
_PYTHON = sys.executable


class Executor(local.Executor):
    """Snakemake's executor for one machine, with a fork server for Python scripts."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._server: ForkServer | None = None
        if sys.platform != "linux":
            return
        rules = dict.fromkeys(job.rule for job in self.dag.needrun_jobs() if job.rule.script)
        server = self._server = ForkServer(_PYTHON, [Path(str(rule.basedir), rule.script) for rule in rules])
        execute_cold = PythonScript.execute_script

        # Snakemake has no setting for how a script is executed.
        def execute_script(script: PythonScript, fname: str, edit: bool = False) -> None:
            if script.conda_env or script.container_img or script.env_modules:
                execute_cold(script, fname, edit)
            else:
                _execute(server, script, fname)

        PythonScript.execute_script = execute_script

    def shutdown(self) -> None:
        """Wait for the jobs, then end the server."""
        super().shutdown()
        self._close()

    def cancel(self) -> None:
        """Wait for the jobs, which have been asked to end, then end the server."""
        super().cancel()
        self._close()

    def _close(self) -> None:
        if self._server is not None:
            self._server.close()


def _execute(server: ForkServer, script: Any, fname: str) -> None:
    """Run a script in a forked process, measured as Snakemake measures the processes it starts."""
    job = server.fork(fname, script.threads, script.resources.get("tmpdir"))
    record = script.bench_record
    with benchmarked(job.pid, record) if record is not None else contextlib.nullcontext():
        status = job.run()
    if status is None:
        logger.error(
            "emofactors: error: the process that jobs are forked from was killed, and its jobs with it; "
            "run the same command again: finished results are kept"
        )
    if status != 0:
        raise CalledProcessError(status or 1, f"{_PYTHON} {fname}")
