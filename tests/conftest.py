"""Copies of the project in temporary folders, which tests run, edit and break; some with the smoke study."""

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
from hypothesis import settings

REPOSITORY = Path(__file__).parents[1]

# Hypothesis limits the time of an example, which a slow machine would exceed.
settings.register_profile("no_deadline", deadline=None)
settings.load_profile("no_deadline")

_PARTS = ("Snakefile", "config", "profiles", "src", "workflow")

SPEAKERS = {"ada": 110, "ben": 125, "cleo": 140, "dan": 160, "eva": 180, "finn": 200}  # pitch in Hz
UTTERANCES_OF_EACH = 4


@dataclass(frozen=True)
class Project:
    """Copy of the workflow, its config and the package.

    Attributes:
        folder: folder of the copy, which will contain ``results/``.
    """

    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        """Environment variables that make Python import the copy's package instead of the installed one."""
        return os.environ | {"PYTHONPATH": str(self.folder / "src")}

    def command(self, *arguments: str) -> list[str]:
        """Return the command line of a snakemake run; a second `--cores` overrides the first."""
        return [sys.executable, "-m", "snakemake", "--cores", "2", *arguments]

    def snakemake(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run snakemake in the copy; stdout includes stderr."""
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
        """Start a snakemake run in the copy as leader of a new process group; ``output`` receives stdout and stderr."""
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
        """Start a snakemake run in the copy on a new terminal."""
        return Terminal(self.command(*arguments), self, columns)

    def jobs(self, *arguments: str) -> dict[str, int]:
        """Return the number of jobs of each rule that a run would start; empty if all results are up to date."""
        dry_run = self.snakemake("-n", "--quiet", "rules", *arguments)
        assert dry_run.returncode == 0, dry_run.stdout
        _, _, table = dry_run.stdout.rpartition("Job stats:")
        jobs = {rule: int(n) for rule, n in re.findall(r"^(\w+) +(\d+)$", table, flags=re.MULTILINE)}
        assert jobs.pop("total", 0) == sum(jobs.values())
        return jobs


class Terminal:
    """A run on a pseudo-terminal.

    Attributes:
        process: the run, the session leader of the terminal.
    """

    #: Timeout of waiting.
    TIMEOUT_S = 300

    def __init__(self, command: list[str], project: Project, columns: int) -> None:
        self._controller, terminal = pty.openpty()
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        self.process = subprocess.Popen(
            # If the tests run in the background of a shell, they inherit that Ctrl-C is ignored.
            ["setsid", "--ctty", "env", "--default-signal=INT", *command],
            cwd=project.folder,
            env={"TERM": "xterm-256color"} | {k: v for k, v in project.environment.items() if k != "TERM"},
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
        )
        os.close(terminal)
        self._output = b""
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        with contextlib.suppress(OSError):  # raised on Linux when the last process has closed the terminal
            while chunk := os.read(self._controller, 65536):
                self._output += chunk

    @property
    def raw(self) -> str:
        """Output so far."""
        return self._output.decode(errors="replace")

    @property
    def text(self) -> str:
        """Output so far without escape sequences; a redrawn line is repeated."""
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\r", "", self.raw.replace("\x1b[2K", "\n"))

    def wait_until(self, condition: Callable[[], object]) -> None:
        """Wait for a condition while the run is active."""
        deadline = time.monotonic() + self.TIMEOUT_S
        while not condition():
            assert self.process.poll() is None, self.text
            assert time.monotonic() < deadline, self.text
            time.sleep(0.02)

    def press_ctrl_c(self) -> None:
        """Send SIGINT to all processes of the terminal."""
        os.write(self._controller, b"\x03")

    def finish(self) -> int:
        """Wait for the end; return the exit status."""
        status = self.process.wait(self.TIMEOUT_S)
        self._reader.join(self.TIMEOUT_S)
        os.close(self._controller)
        return status


def copy_project(folder: Path) -> Project:
    """Copy the project to a folder that does not exist."""
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
    """In continuous integration (CI is set), a skipped test fails."""
    report = yield
    if report.skipped and os.environ.get("CI"):
        _, _, reason = report.longrepr
        report.outcome, report.longrepr = "failed", f"CI runs every test: {reason}"
    return report


def pytest_addoption(parser):
    """Options of tests/faults and tests/fuzz."""
    parser.addoption("--kills", type=int, default=5, help="number of times that tests/faults kills a study")
    parser.addoption("--killed-study", choices=["smoke", "default"], default="smoke", help="study to kill")
    parser.addoption("--kill-seed", type=int, default=0, help="seed of the kills")
    parser.addoption(
        "--fuzz-examples", type=int, default=100, help="number of examples of each test of tests/fuzz"
    )


@pytest.fixture(scope="session")
def fresh_project(tmp_path_factory):
    """Function that makes a copy of the project."""
    return lambda: copy_project(tmp_path_factory.mktemp("project") / "emofactors")


def tone(pitch_hz, emotion, sample_rate_hz, rng):
    """Synthesise half a second of a voice: many harmonics and tremor for anger, few and none for sadness."""
    seconds = np.arange(sample_rate_hz // 2) / sample_rate_hz
    pitch_hz *= rng.uniform(0.95, 1.05)
    n_harmonics = 25 if emotion == "anger" else 3
    voice = sum(np.sin(2 * np.pi * k * pitch_hz * seconds) / k for k in range(1, n_harmonics + 1))
    tremor = 1 + 0.8 * np.sin(2 * np.pi * 12 * seconds) if emotion == "anger" else 1
    return 0.1 * voice * tremor + rng.normal(scale=0.002, size=len(seconds))


def write_tones(folder):
    """Write 48 utterances of six speakers, two emotions and three days, and the CSV that lists them."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    rows = []
    for speaker, pitch_hz in SPEAKERS.items():
        for emotion in ("anger", "sadness"):
            for number in range(UTTERANCES_OF_EACH):
                name = f"{speaker}_{emotion}_{number}"
                # One stereo file at 44.1 kHz and one FLAC; all others are 16-bit WAV at 16 kHz.
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
    """Function that makes a project with the smoke study, without results."""

    def make():
        project = fresh_project()
        smoke = REPOSITORY / "tests" / "end_to_end" / "smoke"
        for file in smoke.glob("*/*.yaml"):
            (project.folder / "config" / file.relative_to(smoke)).write_bytes(file.read_bytes())
        write_tones(project.folder / "data" / "tones")
        return project

    return make


@pytest.fixture(scope="session")
def finished(fresh_smoke, tmp_path_factory):
    """The finished smoke study, which tests must not change: made by the first worker of pytest-xdist that needs it."""
    of_workers = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        of_workers = of_workers.parent
    with (of_workers / "finished").open("a+", encoding="utf-8") as record:
        fcntl.flock(record, fcntl.LOCK_EX)
        record.seek(0)
        if folder := record.read():
            return Project(Path(folder))
        project = fresh_smoke()
        run = project.snakemake("--configfile", "config/studies/smoke.yaml")
        assert run.returncode == 0, run.stdout
        record.write(str(project.folder))
    return project


@pytest.fixture
def copy_of(tmp_path):
    """Function that copies a project with its results and their modification times."""

    def copy(project):
        return type(project)(Path(shutil.copytree(project.folder, tmp_path / "copy")))

    return copy
