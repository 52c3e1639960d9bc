"""A copy of the project in a temporary folder: a test may run it, break it and edit it."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]

_PARTS = ("Snakefile", "config", "profiles", "src", "workflow")


@dataclass(frozen=True)
class Project:
    """A copy of the workflow, its config and the package.

    Attributes:
        folder: where it lies; ``results/`` will be in it.
    """

    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        """Variables of a shell in which the copy's package is imported, not the installed one."""
        return os.environ | {"PYTHONPATH": str(self.folder / "src")}

    def command(self, *arguments: str) -> list[str]:
        """The command line of a snakemake run; of two `--cores` the last one counts."""
        return [sys.executable, "-m", "snakemake", "--cores", "2", *arguments]

    def snakemake(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run snakemake in the copy; stdout has all it says."""
        return subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )

    def jobs(self, *arguments: str) -> dict[str, int]:
        """Number of jobs of each rule that a run would start; none if all is up to date."""
        dry_run = self.snakemake("-n", "--quiet", "rules", *arguments)
        assert dry_run.returncode == 0, dry_run.stdout
        _, _, table = dry_run.stdout.rpartition("Job stats:")
        jobs = {rule: int(n) for rule, n in re.findall(r"^(\w+) +(\d+)$", table, flags=re.MULTILINE)}
        assert jobs.pop("total", 0) == sum(jobs.values())
        return jobs


def copy_project(folder: Path) -> Project:
    """Copy the project as it stands to a folder that does not exist yet."""
    folder.mkdir(parents=True)
    for part in _PARTS:
        source = REPOSITORY / part
        if source.is_dir():
            shutil.copytree(source, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / part)
    return Project(folder)


@pytest.fixture(scope="session")
def fresh_project(tmp_path_factory):
    """Makes a copy of the project each time it is called."""
    return lambda: copy_project(tmp_path_factory.mktemp("project") / "emofactors")
