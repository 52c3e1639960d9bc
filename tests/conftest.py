"""A copy of the project in a temporary folder: a test may run it, break it and edit it. One has the smoke study."""

import contextlib
import csv
import fcntl
import os
import pty
import re
import shutil
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
import pytest
import soundfile

REPOSITORY = Path(__file__).parents[1]

_PARTS = ("Snakefile", "config", "profiles", "src", "workflow")

SPEAKERS = {"ada": 110, "ben": 125, "cleo": 140, "dan": 160, "eva": 180, "finn": 200}  # pitch in Hz
UTTERANCES_OF_EACH = 4


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

    def start(self, *arguments: str, output: int | IO[str] = subprocess.PIPE) -> subprocess.Popen[str]:
        """Start a snakemake run in the copy, as leader of a process group of its own; ``output`` has all it says."""
        return subprocess.Popen(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def on_terminal(self, *arguments: str, columns: int = 100) -> "Terminal":
        """Start a snakemake run in the copy, on a terminal of its own."""
        return Terminal(self.command(*arguments), self, columns)

    def jobs(self, *arguments: str) -> dict[str, int]:
        """Number of jobs of each rule that a run would start; none if all is up to date."""
        dry_run = self.snakemake("-n", "--quiet", "rules", *arguments)
        assert dry_run.returncode == 0, dry_run.stdout
        _, _, table = dry_run.stdout.rpartition("Job stats:")
        jobs = {rule: int(n) for rule, n in re.findall(r"^(\w+) +(\d+)$", table, flags=re.MULTILINE)}
        assert jobs.pop("total", 0) == sum(jobs.values())
        return jobs


class Terminal:
    """A run on a pseudo-terminal, whose keys can be pressed.

    Attributes:
        process: the run, leader of the terminal's processes.
    """

    #: Seconds until whatever is waited for has surely come.
    WAIT_S = 300

    def __init__(self, command: list[str], project: Project, columns: int) -> None:
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        self.process = subprocess.Popen(
            ["setsid", "--ctty", *command],
            cwd=project.folder,
            env={"TERM": "xterm-256color"} | {k: v for k, v in project.environment.items() if k != "TERM"},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        )
        os.close(theirs)
        self._said = b""
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        with contextlib.suppress(OSError):  # Linux: the last process that has it open is gone
            while chunk := os.read(self._ours, 65536):
                self._said += chunk

    @property
    def raw(self) -> str:
        """All that was written so far."""
        return self._said.decode(errors="replace")

    @property
    def said(self) -> str:
        """Likewise, without what moves the cursor or colours; a line that was drawn again stands there again."""
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\r", "", self.raw.replace("\x1b[2K", "\n"))

    def wait_until(self, happened: Callable[[], object]) -> None:
        """Wait for something while the run is at work."""
        latest = time.monotonic() + self.WAIT_S
        while not happened():
            assert self.process.poll() is None, self.said
            assert time.monotonic() < latest, self.said
            time.sleep(0.02)

    def press_ctrl_c(self) -> None:
        """The terminal sends SIGINT to all of its processes."""
        os.write(self._ours, b"\x03")

    def finish(self) -> int:
        """Wait for the end; the exit status."""
        status = self.process.wait(self.WAIT_S)
        self._reader.join(self.WAIT_S)
        os.close(self._ours)
        return status


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


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """In continuous integration (CI is set) nothing is green that did not run: a test that skips has failed."""
    report = yield
    if report.skipped and os.environ.get("CI"):
        _, _, reason = report.longrepr
        report.outcome, report.longrepr = "failed", f"not run, and CI runs every test: {reason}"
    return report


def pytest_addoption(parser):
    """How tests/faults kills a study."""
    parser.addoption("--kills", type=int, default=5, help="kills of a study by tests/faults")
    parser.addoption(
        "--killed-study", choices=["smoke", "default"], default="smoke", help="the study that is killed"
    )
    parser.addoption("--kill-seed", type=int, default=0, help="of the moments and ways of kills")


@pytest.fixture(scope="session")
def fresh_project(tmp_path_factory):
    """Makes a copy of the project each time it is called."""
    return lambda: copy_project(tmp_path_factory.mktemp("project") / "emofactors")


def tone(pitch_hz, emotion, sample_rate_hz, rng):
    """Half a second of a voice: bright and trembling for anger, dull and steady for sadness."""
    seconds = np.arange(sample_rate_hz // 2) / sample_rate_hz
    pitch_hz *= rng.uniform(0.95, 1.05)
    n_harmonics = 25 if emotion == "anger" else 3
    voice = sum(np.sin(2 * np.pi * k * pitch_hz * seconds) / k for k in range(1, n_harmonics + 1))
    tremor = 1 + 0.8 * np.sin(2 * np.pi * 12 * seconds) if emotion == "anger" else 1
    return 0.1 * voice * tremor + rng.normal(scale=0.002, size=len(seconds))


def write_tones(folder):
    """Write 48 utterances of six speakers, two emotions and three days, with the CSV that names them."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    rows = []
    for speaker, pitch_hz in SPEAKERS.items():
        for emotion in ("anger", "sadness"):
            for number in range(UTTERANCES_OF_EACH):
                name = f"{speaker}_{emotion}_{number}"
                # One file as a field recorder leaves it, one packed: the rest is 16-bit wav at 16 kHz.
                sample_rate_hz = 44_100 if name == "ada_anger_0" else 16_000
                suffix = "flac" if name == "ben_sadness_1" else "wav"
                samples = tone(pitch_hz, emotion, sample_rate_hz, rng)
                if name == "ada_anger_0":
                    samples = np.stack([samples, 0.5 * samples], axis=1)
                soundfile.write(folder / f"{name}.{suffix}", samples, sample_rate_hz)
                rows.append([f"{name}.{suffix}", speaker, emotion, f"day{number % 3 + 1}"])
    with (folder / "utterances.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["path", "speaker", "emotion", "session"], *rows])


@pytest.fixture(scope="session")
def fresh_smoke(fresh_project):
    """Makes a project with the smoke study, nothing of it run, each time it is called."""

    def make():
        project = fresh_project()
        smoke = REPOSITORY / "tests" / "end_to_end" / "smoke"
        for file in smoke.glob("*/*.yaml"):
            (project.folder / "config" / file.relative_to(smoke)).write_bytes(file.read_bytes())
        write_tones(project.folder / "data" / "tones")
        return project

    return make


@pytest.fixture(scope="session")
def finished(fresh_smoke):
    """The smoke study after its first run; tests read it and change nothing."""
    project = fresh_smoke()
    run = project.snakemake("--configfile", "config/studies/smoke.yaml")
    assert run.returncode == 0, run.stdout
    return project


@pytest.fixture
def copy_of(tmp_path):
    """Makes a copy of a project with its results, times of files included."""

    def copy(project):
        return type(project)(Path(shutil.copytree(project.folder, tmp_path / "copy")))

    return copy
