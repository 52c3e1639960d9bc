"""Format and parse the path of every result.

The rules of the workflow state the same paths as literal strings, with wildcards
of the same names. ``tests/unit/plan/test_paths.py`` compares the two.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

#: Folder of an archive of features that holds the utterances without augmentation.
ORIGINAL = "original"

_RUN = re.compile(r"(?:^|/)([^/]+)/([^/]+)/([^/]+)/fold(\d+)/seed(\d+)/")
_EVALUATION = re.compile(r"(?:^|/)([^/]+)/([^/]+)/([^/]+)/on_([^/]+)(?:/reconstructed_([^/]+))?/[^/]+$")


class Wildcards(Protocol):
    """The variable parts of a job's paths, as Snakemake passes them to functions of a rule: ``wildcards.task``."""

    def __getattr__(self, name: str) -> str: ...

    def get(self, name: str, default: str) -> str:
        """Return the value of a wildcard, or a default if the rule has no such wildcard."""


@dataclass(frozen=True, order=True)
class Run:
    """Identity of one training.

    Attributes:
        task: name of the task.
        system: name of the system.
        variant: name of the variant.
        fold: number of the fold, from 0.
        seed: seed of the training.
    """

    task: str
    system: str
    variant: str
    fold: int
    seed: int


@dataclass(frozen=True, order=True)
class Evaluation:
    """Identity of the evaluation of a variant, over all folds and seeds.

    Attributes:
        task: task of the training.
        system: name of the system.
        variant: name of the variant.
        on_task: task whose utterances are predicted.
        reconstructed: variant whose reconstructed speech is the input; empty for the input of the training.
    """

    task: str
    system: str
    variant: str
    on_task: str
    reconstructed: str = ""


# --- corpora and features ------------------------------------------------------------------------------------


def manifest(corpus: str) -> str:
    """Return the manifest of a corpus."""
    return f"results/corpora/manifests/{corpus}.csv"


def corpus_metadata(corpus: str) -> str:
    """Return the metadata of a corpus as a whole."""
    return f"results/corpora/manifests/{corpus}.json"


def downloaded(corpus: str) -> str:
    """Return the mark that a corpus was downloaded."""
    return f"results/corpora/downloads/{corpus}.txt"


def synthesized_audio(corpus: str) -> str:
    """Return the folder of a synthetic corpus."""
    return f"results/corpora/audio/{corpus}"


def true_factors(corpus: str) -> str:
    """Return the true factors of a synthetic corpus."""
    return f"results/corpora/factors/{corpus}.csv"


def folds(task: str) -> str:
    """Return the folds of a task."""
    return f"results/corpora/folds/{task}.csv"


def audit(task: str) -> str:
    """Return the audit of a task."""
    return f"results/corpora/audits/{task}.json"


def archive(corpus: str, augmentation: str, features: str) -> str:
    """Return the archive of one kind of features of a corpus; ``ORIGINAL`` stands for no augmentation."""
    return f"results/features/{corpus}/{augmentation}/{features}"


def shard_archive(corpus: str, augmentation: str, features: str, shard: int) -> str:
    """Return the archive of one shard of a corpus."""
    return f"results/features/shards/{corpus}/{augmentation}/{features}/{shard}"


# --- training and evaluation ---------------------------------------------------------------------------------


def run_file(run: Run, file: str) -> str:
    """Return a file of a run, such as ``model.safetensors``."""
    return f"results/training/{run.task}/{run.system}/{run.variant}/fold{run.fold}/seed{run.seed}/{file}"


def parse_run(path: str | Path) -> Run:
    """Return the run that a path lies in.

    Args:
        path: file or folder below ``{task}/{system}/{variant}/fold{fold}/seed{seed}/``.

    Raises:
        ValueError: if the path has another form.
    """
    match = _RUN.search(Path(path).as_posix() + "/")
    if match is None:
        raise ValueError(f"{path}: expected <task>/<system>/<variant>/fold<n>/seed<n>/ in the path")
    task, system, variant, fold, seed = match.groups()
    return Run(task, system, variant, int(fold), int(seed))


def evaluation_folder(on_task: str, reconstructed: str = "") -> str:
    """Return the folder of an evaluation below a run or a variant: ``on_{task}[/reconstructed_{variant}]``."""
    return f"on_{on_task}" + (f"/reconstructed_{reconstructed}" if reconstructed else "")


def parse_evaluation_folder(folder: str) -> tuple[str, str]:
    """Return the task and the variant of reconstructed speech (or an empty string) of such a folder."""
    on_task, _, reconstructed = folder.partition("/")
    return on_task.removeprefix("on_"), reconstructed.removeprefix("reconstructed_")


def evaluation_file(evaluation: Evaluation, file: str) -> str:
    """Return a file of an evaluation, such as ``confusion.csv``."""
    folder = evaluation_folder(evaluation.on_task, evaluation.reconstructed)
    return f"results/evaluation/{evaluation.task}/{evaluation.system}/{evaluation.variant}/{folder}/{file}"


def parse_evaluation(path: str | Path) -> Evaluation:
    """Return the evaluation that a file belongs to.

    Args:
        path: file below ``{task}/{system}/{variant}/on_{task}[/reconstructed_{variant}]/``.

    Raises:
        ValueError: if the path has another form.
    """
    match = _EVALUATION.search(Path(path).as_posix())
    if match is None:
        raise ValueError(f"{path}: expected <task>/<system>/<variant>/on_<task>[/reconstructed_<variant>]/<file>")
    task, system, variant, on_task, reconstructed = match.groups()
    return Evaluation(task, system, variant, on_task, reconstructed or "")


def reconstructed_speech(run: Run, on_task: str) -> str:
    """Return the folder of speech reconstructed by a decomposer, with a subfolder for each condition."""
    return run_file(run, f"reconstructed/on_{on_task}")


# --- report --------------------------------------------------------------------------------------------------


def page(study: str) -> str:
    """Return the page of a study."""
    return f"results/report/{study}/index.html"


def claims_file(study: str, ending: str) -> str:
    """Return the ledger of claims of a study; ``ending`` is csv, md, tex or html."""
    return f"results/report/{study}/claims.{ending}"


def table_file(study: str, table: str, ending: str) -> str:
    """Return a table of a study; ``ending`` is csv, md, tex, html or json (its findings)."""
    return f"results/report/{study}/tables/{table}.{ending}"


def figure_file(study: str, figure: str, ending: str) -> str:
    """Return a figure of a study; ``ending`` is png or svg."""
    return f"results/report/{study}/figures/{figure}.{ending}"


def corpus_overview(study: str, corpus: str) -> str:
    """Return the folder with the overview of a corpus."""
    return f"results/report/{study}/corpora/{corpus}"


def audio_examples(study: str, task: str, system: str, variant: str) -> str:
    """Return the folder with the audio examples of a decomposer."""
    return f"results/report/{study}/audio_examples/{task}/{system}/{variant}"
