"""Draft the first study of a user's own corpus: a task, and every system on it with small networks.

Protocols, classes and tables are tried as the pipeline would run them; those that the corpus does not support are
left out with the reason.
"""

import json
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
import yaml

from emofactors.config.corpora import TableCorpus
from emofactors.config.features import FeatureSettings
from emofactors.config.labels import EMOTIONS
from emofactors.config.load import load_features, load_study
from emofactors.config.study import Study
from emofactors.config.tasks import TaskConfig
from emofactors.corpora.audit import audit_task, missing_classes
from emofactors.corpora.build_manifest import Manifest
from emofactors.corpora.onboarding.check import Finding
from emofactors.corpora.splits import make_folds
from emofactors.errors import InputError
from emofactors.io.csv import groups_of
from emofactors.io.yaml import read_yaml

#: Maximum number of speakers for leave-one-speaker-out; more speakers are grouped.
_MAX_LEAVE_ONE_OUT = 5
#: Minimum number of speakers for a dev speaker.
_MIN_WITH_DEV = 4
_N_GROUPS = 3
#: Number of speakers per dev speaker of a grouped corpus.
_SPEAKERS_PER_DEV = 8
#: Fractions of dev utterances, in the order they are tried: a fifth of few utterances is none.
_DEV_FRACTIONS = (0.2, 0.35, 0.5)

#: Duration of a segment in the default study: 96 frames of 16 ms. A corpus with longer utterances uses segments of
#: the published length.
_SHORT_SEGMENT_S = 96 * 0.016
_SEGMENT_KEYS = ("crop_frames", "reconstructed_frames", "segment_frames")


@dataclass(frozen=True)
class _Extras:
    """Figures and audio examples of the runs of a table."""

    figures: tuple[str, ...] = ()
    audio_examples: tuple[str, ...] = ()


#: Tables of the study: all systems and the baseline.
_TABLES = {
    "center_loss": _Extras(figures=("confusion", "embedding_pca")),
    "vit_transfer": _Extras(figures=("vit_confusion", "vit_attention")),
    "adversarial": _Extras(figures=("adversarial_embedding",)),
    "speakers_left": _Extras(),
    "code_information_small": _Extras(
        figures=("code_information_small",), audio_examples=("speechflow/cycle_small",)
    ),
    "factor_ablation_small": _Extras(),
}


@dataclass(frozen=True)
class Draft:
    """The files of a first study.

    Attributes:
        study: name of the study, that of the corpus.
        task: name of its task.
        files: path below the config folder -> text.
        protocol: label of the task's protocol.
        systems: names of the trained systems.
        left_out: classes and tables that the corpus does not support, with the reason; one line each.
        findings: findings of the audit of the task.
    """

    study: str
    task: str
    files: dict[Path, str]
    protocol: str
    systems: tuple[str, ...]
    left_out: tuple[str, ...]
    findings: tuple[Finding, ...]


def check_name(name: str) -> None:
    """Check the name of a corpus.

    Raises:
        InputError: if it cannot be part of a file name, or is too long for the names derived from it.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.]{0,47}", name):
        raise InputError(
            f"name: is {name!r}, expected letters, digits, _ and . (48 at most), a letter or digit first"
        )


def min_duration_s(config_dir: Path) -> float:
    """Return the minimum duration of an utterance for all features of the config, in seconds."""
    names = sorted(file.stem for file in (config_dir / "features").glob("*.yaml"))
    sections = [load_features(config_dir, name)[0] for name in names]
    return max(s.min_samples / s.sample_rate_hz for s in sections if isinstance(s, FeatureSettings))


def draft_study(
    name: str, corpus: Mapping[str, Any], utterances: pd.DataFrame, config_dir: Path, corpora_root: str
) -> Draft:
    """Draft the corpus, a task and a study.

    Args:
        name: name of the corpus and the study, checked by :func:`check_name`.
        corpus: content of the corpus file, a ``TableCorpus``.
        utterances: manifest of the corpus, columns ``manifest.MANIFEST_COLUMNS``.
        config_dir: config folder of the project; nothing is written to it.
        corpora_root: parent of the corpus folder.

    Returns:
        The draft; its study can be loaded.

    Raises:
        InputError: if the corpus has too few speakers or classes for a task.
    """
    task, folds, left_out = _choose_task(name, utterances)
    task_name = f"{name}{len(task['classes'])}_{_task_suffix(task)}"
    task_config = TaskConfig(**task)
    metadata = Manifest(utterances, dropped=(), whole=None).corpus_metadata(TableCorpus(**corpus))
    audit = audit_task(folds, utterances, task_config, json.loads(metadata))
    by_fold = list(groups_of(folds, "fold"))
    findings = [Finding(f"task {task_name}: {line}") for line in audit.failures]
    findings += [
        Finding(f"task {task_name}: {line}", is_fault=False)
        for line in missing_classes(by_fold, task_config, ("dev", "test"))
    ]
    training = folds[folds["split"] == "train"].groupby("fold")
    study = _study_content(name, task_name, corpora_root, utterances, int(training.size().max()), config_dir)
    files = {
        Path("corpora", f"{name}.yaml"): _as_yaml(f"{corpus['title']}: audio and {corpus['file']}.", corpus),
        Path("tasks", f"{task_name}.yaml"): _as_yaml(f"{task_config.protocol_label}.", task),
    }
    tables, more = _supported_tables(study, files, config_dir, int(training["speaker"].nunique().min()))
    study, loaded = _load(study, tables, files, config_dir)
    study["systems"] = {
        system: changes for system, changes in study["systems"].items() if system in loaded.systems
    }
    comment = (
        f"Every system on {corpus['title']} with small networks, for a first look. Delete `systems` to train the\n"
        f"# published sizes, which need a GPU.\n"
        f"# snakemake --cores 8 --configfile config/studies/{name}.yaml"
    )
    files[Path("studies", f"{name}.yaml")] = _as_yaml(comment, study)
    return Draft(
        study=name,
        task=task_name,
        files=files,
        protocol=task_config.protocol_label,
        systems=tuple(loaded.systems),
        left_out=(*left_out, *more),
        findings=tuple(findings),
    )


def _choose_task(name: str, utterances: pd.DataFrame) -> tuple[dict[str, Any], pd.DataFrame, list[str]]:
    """Return the content of a task, its folds, and the classes that were left out with the reasons."""
    per_class = utterances.groupby("emotion")["speaker"].agg(["nunique", "size"])
    classes = [noun for noun in EMOTIONS if noun in per_class.index]
    left_out: list[str] = []
    while len(classes) > 1:
        n_speakers = utterances.loc[utterances["emotion"].isin(classes), "speaker"].nunique()
        reason = "expected at least 2, one of them for test"
        for protocol in _protocols(n_speakers):
            task = {"corpus": name, "classes": classes, **protocol}
            try:
                return task, make_folds(utterances, TaskConfig(**task)), left_out
            except InputError as error:
                reason = str(error).splitlines()[0]
        rarest = min(classes, key=lambda noun: tuple(per_class.loc[noun]))
        if n_speakers < 2 or per_class.at[rarest, "nunique"] == n_speakers:  # fewer classes do not help
            raise InputError(f"no task is possible with {n_speakers} speaker(s): {reason}")
        n = per_class["nunique"][rarest]
        left_out.append(f"class {rarest}: only {n} of {n_speakers} speakers have it ({reason})")
        classes = [noun for noun in classes if noun != rarest]
    raise InputError(
        f"{'one class is' if classes else 'no class is'} left; expected at least two emotions, each of several "
        "speakers" + "".join(f"; {line}" for line in left_out)
    )


def _protocols(n_speakers: int) -> Iterator[dict[str, Any]]:
    """Yield speaker-independent protocols for a number of speakers, in order of preference."""
    leave_one_out = {"protocol": "leave_one_speaker_out", "folds": n_speakers}
    if n_speakers > _MAX_LEAVE_ONE_OUT:
        dev = max(1, n_speakers // _SPEAKERS_PER_DEV)
        yield {"protocol": "speaker_groups", "folds": _N_GROUPS, "dev_speakers": dev}
    elif n_speakers >= _MIN_WITH_DEV:
        yield {**leave_one_out, "dev_speakers": 1}
    elif n_speakers >= 2:
        yield from ({**leave_one_out, "dev_fraction": fraction} for fraction in _DEV_FRACTIONS)


def _task_suffix(task: Mapping[str, Any]) -> str:
    """Return the part of a task's name that describes its protocol."""
    return f"groups{task['folds']}" if task["protocol"] == "speaker_groups" else "speakers"


def _study_content(
    name: str, task: str, corpora_root: str, utterances: pd.DataFrame, n_training: int, config_dir: Path
) -> dict[str, Any]:
    """Return the study without tables, with the network sizes, probes and compute of the default study."""
    default = read_yaml(config_dir / "config.yaml")
    systems = default["systems"]
    if utterances["duration_s"].median() > _SHORT_SEGMENT_S:
        systems = {
            system: {key: value for key, value in changes.items() if key not in _SEGMENT_KEYS}
            for system, changes in systems.items()
        }
    # About the number of training utterances of a fold.
    systems["speaker_adversarial"]["speaker_memory"] = min(512, n_training)
    return {
        "study": name,
        "title": f"Every system on {name}, first look with small networks",
        "corpora_root": corpora_root,
        "tasks": [task],
        "seeds": [0],
        "tables": [],
        "figures": [],
        "audio_examples": {},
        "systems": systems,
        "probes": default["probes"],
        "compute": default["compute"],
    }


def _supported_tables(
    study: dict[str, Any], files: Mapping[Path, str], config_dir: Path, n_speakers: int
) -> tuple[list[str], list[str]]:
    """Return the tables that a number of training speakers suffices for; and the others, with the reason."""
    supported, left_out = [], []
    (task,) = study["tasks"]
    for table in _TABLES:
        _, loaded = _load(study, [table], files, config_dir)
        minimum = loaded.min_training_speakers(task)
        if n_speakers >= minimum:
            supported.append(table)
        else:
            left_out.append(
                f"table {table}: needs at least {minimum} training speakers in each fold, has {n_speakers}"
            )
    return supported, left_out


def _load(
    study: Mapping[str, Any], tables: Sequence[str], files: Mapping[Path, str], config_dir: Path
) -> tuple[dict[str, Any], Study]:
    """Return the content of the study with some of the tables and their extras, and the loaded study."""
    (task,) = study["tasks"]
    examples = [key for table in tables for key in _TABLES[table].audio_examples]
    content = {
        **study,
        "tables": list(tables),
        "figures": [figure for table in tables for figure in _TABLES[table].figures],
        "audio_examples": {task: examples} if examples else {},
    }
    with TemporaryDirectory() as folder:
        config = shutil.copytree(config_dir, Path(folder) / "config")
        for path, text in files.items():
            (config / path).write_text(text, encoding="utf-8")
        return content, load_study(content, config)


def _as_yaml(comment: str, content: Mapping[str, Any]) -> str:
    """Return content as YAML below a comment."""
    text = yaml.dump(dict(content), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)
    return f"# {comment}\n{text}"


class _Dumper(yaml.SafeDumper):
    """YAML with one key per line and lists on one line."""

    def represent_list(self, items: Iterable[Any]) -> yaml.SequenceNode:
        """Represent a list in brackets."""
        return self.represent_sequence("tag:yaml.org,2002:seq", items, flow_style=True)

    def ignore_aliases(self, _: Any) -> bool:
        """Write repeated values instead of aliases."""
        return True


_Dumper.add_representer(list, _Dumper.represent_list)
