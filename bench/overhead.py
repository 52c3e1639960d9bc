"""What a job costs besides its work: jobs that start warm against an interpreter for each, in one run.

Three measurements, each with ``--executor emofactors`` (warm) and with ``--executor local`` (cold), in turn:

- an empty job: it imports what a training imports, and writes one file;
- a training of one update, of cnn_bigru on features that are there already;
- with ``--study``, the whole default study, from an empty results folder.

Of the first two, the cost of a job is that of a run with many jobs, less that of a run with one, divided by the
difference of jobs: the start of Snakemake, and of the server from which jobs are forked, belongs to the run. Times
are elapsed and processor time on one core (on two for the study).

    python bench/overhead.py [--jobs 12] [--repeats 3] [--study]
"""

import argparse
import ast
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
import yaml

REPOSITORY = Path(__file__).parents[1]
EXECUTORS = {"warm": "emofactors", "cold": "local"}
TASK = "synthetic4_groups2_held_out"
RUN = f"results/training/{TASK}/cnn_bigru/mel_softmax/fold0"

EMPTY = """
rule all:
    input:
        [f"done/{n}" for n in range(int(config["jobs"]))],

rule empty:
    output:
        "done/{n}",
    script:
        "empty.py"
"""


@dataclass(frozen=True)
class Cost:
    """Cost of a run, or of a job, in seconds.

    Attributes:
        wall_s: elapsed time.
        cpu_s: processor time of all processes.
        snakemake_s: processor time of Snakemake's own process.
    """

    wall_s: float
    cpu_s: float
    snakemake_s: float

    def per_job(self, one: "Cost", n_jobs: int) -> "Cost":
        """Cost of a job: that of this run with some jobs, less that of a run with one."""
        return Cost(
            (self.wall_s - one.wall_s) / (n_jobs - 1),
            (self.cpu_s - one.cpu_s) / (n_jobs - 1),
            (self.snakemake_s - one.snakemake_s) / (n_jobs - 1),
        )


def run(folder: Path, *arguments: str, cores: int = 1) -> Cost:
    """Run Snakemake in a folder and measure it.

    Raises:
        RuntimeError: if it fails.
    """
    command = [sys.executable, "-m", "snakemake", "--nolock", "--cores", str(cores), *arguments]
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY / "src")}
    before, start, own_s = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter(), 0.0
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=output, stderr=subprocess.STDOUT)
        snakemake = psutil.Process(process.pid)
        while os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            own_s = sum(snakemake.cpu_times()[:2])
            time.sleep(0.05)
        wall_s = time.perf_counter() - start
        if process.wait():
            output.seek(0)
            raise RuntimeError(output.read())
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Cost(wall_s, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, own_s)


def empty_job(folder: Path, executor: str, n_jobs: int) -> Cost:
    """Cost of a job that imports what a training imports."""
    folder.mkdir()
    train = ast.parse((REPOSITORY / "workflow" / "scripts" / "train.py").read_text(encoding="utf-8"))
    imports = [ast.unparse(node) for node in train.body if isinstance(node, ast.Import | ast.ImportFrom)]
    (folder / "empty.py").write_text("\n".join([*imports, "Path(snakemake.output[0]).touch()"]), encoding="utf-8")
    (folder / "Snakefile").write_text(EMPTY, encoding="utf-8")
    costs = {n: run(folder, "--executor", executor, "--config", f"jobs={n}", "--forceall") for n in (1, n_jobs)}
    return costs[n_jobs].per_job(costs[1], n_jobs)


def copy_of_project(folder: Path) -> Path:
    """Copy what runs a study to a folder; return it."""
    for part in ("config", "profiles", "src", "workflow"):
        shutil.copytree(REPOSITORY / part, folder / part)
    shutil.copy(REPOSITORY / "Snakefile", folder)
    return folder


def training(project: Path, executor: str, n_jobs: int) -> Cost:
    """Cost of a training of one update, in a project that has its features."""
    study = yaml.safe_load((project / "config" / "config.yaml").read_text(encoding="utf-8"))
    study["seeds"] = list(range(n_jobs))
    one_update = {"max_steps": 1, "select_after_step": 0, "evaluate_every_steps": 1}
    study["systems"]["cnn_bigru"] = study["systems"]["cnn_bigru"] | one_update
    (project / "one_update.yaml").write_text(yaml.safe_dump(study), encoding="utf-8")
    costs = {}
    for n in (0, 1, n_jobs):  # the first makes the features, unless they are there
        shutil.rmtree(project / "results" / "training", ignore_errors=True)
        targets = [f"{RUN}/seed{seed}/predictions.csv" for seed in range(max(n, 1))]
        costs[n] = run(project, "--executor", executor, "--configfile", "one_update.yaml", "--", *targets)
    return costs[n_jobs].per_job(costs[1], n_jobs)


def study(folder: Path, executor: str) -> Cost:
    """Cost of the default study on two cores."""
    return run(copy_of_project(folder), "--executor", executor, cores=2)


def print_costs(title: str, costs: dict[str, list[Cost]]) -> None:
    """Print the medians of a measurement, and the ratio of cold to warm."""
    medians = {
        name: [
            statistics.median(getattr(cost, key) for cost in costs[name])
            for key in ("wall_s", "cpu_s", "snakemake_s")
        ]
        for name in costs
    }
    print(f"{title:<28}{'elapsed':>10}{'processor':>11}{'of Snakemake':>14}")
    for name, values in medians.items():
        print(f"  {name + ', s':<26}{values[0]:>10.2f}{values[1]:>11.2f}{values[2]:>14.2f}")
    ratios = [cold / warm for warm, cold in zip(medians["warm"], medians["cold"], strict=True)]
    print(f"  {'cold / warm':<26}{ratios[0]:>10.1f}{ratios[1]:>11.1f}{ratios[2]:>14.1f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=12, help="jobs of a run (default: %(default)s)")
    parser.add_argument(
        "--repeats", type=int, default=3, help="runs of each kind; medians are printed (default: 3)"
    )
    parser.add_argument("--study", action="store_true", help="measure the default study as well, once each")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        project = copy_of_project(folder / "project")
        costs: dict[str, dict[str, list[Cost]]] = {"empty job": {}, "training of one update": {}}
        for repeat in range(options.repeats):
            for kind, executor in EXECUTORS.items():
                empty = empty_job(folder / f"empty_{kind}_{repeat}", executor, options.jobs)
                costs["empty job"].setdefault(kind, []).append(empty)
                one = training(project, executor, options.jobs)
                costs["training of one update"].setdefault(kind, []).append(one)
        for title, of_kinds in costs.items():
            print_costs(title, of_kinds)
        if options.study:
            print_costs("default study", {k: [study(folder / k, executor)] for k, executor in EXECUTORS.items()})


if __name__ == "__main__":
    main()
