"""Time and memory that Snakemake needs to plan a study of 10,000 trainings, measured by a dry run of a sweep.

The generated study sweeps one weight of a system over many values, on a task of eight folds with five seeds, in a
copy of the project without results. It is compared with a plain workflow with the same number of jobs and the same
files, but without functions, checks or fingerprints.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import yaml

REPOSITORY = Path(__file__).parents[1]
TASK = "synthetic4_speakers"
SEEDS = 5

PLAIN = """
VARIANTS = [f"lambda_{{n}}" for n in range({variants})]
OF_VARIANT = dict(fold=range({folds}), seed=range({seeds}))
RUN = "results/training/{{variant}}/fold{{fold}}/seed{{seed}}"

rule all:
    input:
        "results/index.html",

rule extract:
    output:
        directory("results/features"),
    shell:
        "mkdir {{output}}"

rule train:
    input:
        "results/features",
    output:
        "results/training/{{variant}}/fold{{fold}}/seed{{seed}}/model.safetensors",
        "results/training/{{variant}}/fold{{fold}}/seed{{seed}}/history.csv",
        "results/training/{{variant}}/fold{{fold}}/seed{{seed}}/predictions.csv",
        "results/training/{{variant}}/fold{{fold}}/seed{{seed}}/embeddings.npz",
        "results/training/{{variant}}/fold{{fold}}/seed{{seed}}/run.json",
    log:
        "results/logs/{{variant}}/fold{{fold}}/seed{{seed}}/train.log",
    shell:
        "touch {{output}}"

rule score:
    input:
        expand(RUN.replace("{{variant}}", "{{{{variant}}}}") + "/predictions.csv", **OF_VARIANT),
    output:
        "results/scores/{{variant}}.csv",
    shell:
        "touch {{output}}"

rule page:
    input:
        expand("results/scores/{{variant}}.csv", variant=VARIANTS),
        expand(RUN + "/run.json", variant=VARIANTS, **OF_VARIANT),
    output:
        "results/index.html",
    shell:
        "touch {{output}}"
"""


@dataclass(frozen=True)
class Plan:
    """Measurements of a dry run.

    Attributes:
        wall_s: wall-clock time in seconds.
        cpu_s: processor time in seconds.
        peak_mb: peak memory in MB.
        output: printed text.
    """

    wall_s: float
    cpu_s: float
    peak_mb: float
    output: str


def folds_of_task(project: Path) -> int:
    """Number of folds of the task."""
    return yaml.safe_load((project / "config" / "tasks" / f"{TASK}.yaml").read_text(encoding="utf-8"))["folds"]


def write_sweep(project: Path, trainings: int) -> Path:
    """Write a study of at least a number of trainings into a copy of the project; return its file."""
    system = project / "config" / "systems" / "cnn_bigru.yaml"
    variants = -(-trainings // (folds_of_task(project) * SEEDS))
    weights = {f"swept_{n}": round(0.001 * (n + 1), 6) for n in range(variants)}
    content = yaml.safe_load(system.read_text(encoding="utf-8"))
    content["variants"] |= {name: {"center_lambda": weight} for name, weight in weights.items()}
    system.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    table = {
        "title": "A sweep",
        "caption": "One weight, many values.",
        "system": "cnn_bigru",
        "axis": "lambda",
        "rows": weights,
    }
    (project / "config" / "tables" / "sweep.yaml").write_text(yaml.safe_dump(table, sort_keys=False))
    study = {
        "study": "sweep",
        "title": "A sweep of many trainings",
        "tasks": [TASK],
        "seeds": list(range(SEEDS)),
        "tables": ["sweep"],
    }
    file = project / "config" / "studies" / "sweep.yaml"
    file.write_text(yaml.safe_dump(study, sort_keys=False), encoding="utf-8")
    return file


def copy_project(folder: Path) -> Path:
    """Copy the project without results and data."""
    ignored = shutil.ignore_patterns(".*", "__pycache__", "results", "data", "docs", "tests")
    return Path(shutil.copytree(REPOSITORY, folder, ignore=ignored))


def plan(folder: Path, *arguments: str) -> Plan:
    """Dry-run the workflow of a folder."""
    command = [sys.executable, "-m", "snakemake", "-n", "--quiet", "rules", "--cores", "2", *arguments]
    with tempfile.TemporaryFile("w+") as file:
        start = time.monotonic()
        run = subprocess.Popen(
            command,
            cwd=folder,
            env=os.environ | {"PYTHONPATH": str(folder / "src")},
            stdout=file,
            stderr=subprocess.STDOUT,
        )
        _, status, usage = os.wait4(run.pid, 0)
        wall_s = time.monotonic() - start
        run.returncode = os.waitstatus_to_exitcode(status)
        file.seek(0)
        output = file.read()
    if run.returncode != 0:
        raise RuntimeError(output)
    return Plan(wall_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, output)


def main() -> None:
    """Plan the generated study and the plain workflow, and print their measurements."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trainings", type=int, default=10_000)
    trainings = parser.parse_args().trainings
    with tempfile.TemporaryDirectory() as name:
        plain = Path(name) / "plain"
        plain.mkdir()
        folds = folds_of_task(REPOSITORY)
        (plain / "Snakefile").write_text(
            PLAIN.format(variants=-(-trainings // (folds * SEEDS)), folds=folds, seeds=SEEDS)
        )
        plans = {"plain workflow": plan(plain)}
        project = copy_project(Path(name) / "project")
        plans["study"] = plan(project, "--configfile", str(write_sweep(project, trainings)))
    print(plans["study"].output.partition("Job stats:")[2].partition("\n\n")[0])
    for kind, run in plans.items():
        print(f"{kind:>15}: {run.wall_s:6.1f} s, {run.cpu_s:6.1f} s of processor time, {run.peak_mb:6.0f} MB")
    print(f"ratio of processor time: {plans['study'].cpu_s / plans['plain workflow'].cpu_s:.2f}")


if __name__ == "__main__":
    main()
