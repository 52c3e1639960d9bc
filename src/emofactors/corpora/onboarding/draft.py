"""The first study of a corpus of your own: a task its speakers can serve, and every system on it, small.

Which protocol, which classes and which tables: each is tried as the pipeline
will make it, and what the corpus cannot serve is left out with the reason.
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

from emofactors.config.corpora import CorpusConfig
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

#: Up to so many speakers each is left out once, as only then enough are left to train; above they are grouped.
_MOST_LEFT_OUT = 5
#: From so many speakers on one of them can be spared for dev.
_LEAST_WITH_DEV = 4
_GROUPS = 3
#: Speakers of a grouped corpus for each that is dev.
_SPEAKERS_PER_DEV = 8
#: Fractions of dev that are tried, from the least: of few utterances a fifth is none.
_DEV_FRACTIONS = (0.2, 0.35, 0.5)

#: A segment of the default study's decomposers and classifiers: 96 frames of 16 ms. Its utterances last little over a
#: second; longer ones are heard in segments of the published length.
_SHORT_SEGMENT_S = 96 * 0.016
_SEGMENT_KEYS = ("reconstructed_frames", "segment_frames")


@dataclass(frozen=True)
class _Part:
    """A table of the study, and what else is made of its runs."""

    figures: tuple[str, ...] = ()
    audio_examples: tuple[str, ...] = ()


#: Every system of the house, and the floor as a row beside them.
_PARTS = {
    "center_loss": _Part(figures=("confusion", "embedding_pca")),
    "vit_transfer": _Part(figures=("vit_confusion", "vit_attention")),
    "adversarial": _Part(figures=("adversarial_embedding",)),
    "speakers_left": _Part(),
    "code_information_small": _Part(
        figures=("code_information_small",), audio_examples=("speechflow/cycle_small",)
    ),
    "factor_ablation_small": _Part(),
}


@dataclass(frozen=True)
class Draft:
    """The files of a first study.

    Attributes:
        study: its name, that of the corpus.
        task: name of its task.
        files: path below the config folder -> text.
        protocol: of the task, in words.
        systems: systems that are trained.
        left_out: what the corpus cannot serve, and why; a line each.
        findings: what the audit of the task found.
    """

    study: str
    task: str
    files: dict[Path, str]
    protocol: str
    systems: tuple[str, ...]
    left_out: tuple[str, ...]
    findings: tuple[Finding, ...]


def check_name(name: str) -> None:
    """Whether a corpus may be called so.

    Raises:
        InputError: if it could be no name of a file, or is too long for the names that are made of it.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.]{0,47}", name):
        raise InputError(
            f"name: is {name!r}, expected letters, digits, _ and . (48 at most), a letter or digit first"
        )


def min_duration_s(config_dir: Path) -> float:
    """Seconds an utterance needs at least, whichever features of the house hear it."""
    names = sorted(file.stem for file in (config_dir / "features").glob("*.yaml"))
    sections = [load_features(config_dir, name)[0] for name in names]
    return max(s.min_samples / s.sample_rate_hz for s in sections if isinstance(s, FeatureSettings))


def draft_study(
    name: str, corpus: Mapping[str, Any], utterances: pd.DataFrame, config_dir: Path, corpora_root: str
) -> Draft:
    """Draft the corpus, a task and a study.

    Args:
        name: of the corpus and the study, as :func:`check_name` allows it.
        corpus: content of the corpus' file, a ``CorpusConfig`` of reader ``table``.
        utterances: manifest of the corpus, columns ``manifest.MANIFEST_COLUMNS``.
        config_dir: the house's config; nothing is written to it.
        corpora_root: where the corpus' folder lies.

    Returns:
        The draft; it is whole: the study has been loaded with it.

    Raises:
        InputError: if no task can be made of the corpus: too few speakers, or classes.
    """
    task, folds, left_out = _choose_task(name, utterances)
    task_name = f"{name}{len(task['classes'])}_{_ending(task)}"
    checked = TaskConfig(**task)
    notes = Manifest(utterances, dropped=(), whole=None).notes(CorpusConfig(**corpus))
    audit = audit_task(folds, utterances, checked, json.loads(notes))
    by_fold = list(groups_of(folds, "fold"))
    findings = [Finding(f"task {task_name}: {line}") for line in audit.failures]
    findings += [
        Finding(f"task {task_name}: {line}", is_fault=False)
        for line in missing_classes(by_fold, checked, ("dev", "test"))
    ]
    n_trained = folds[folds["split"] == "train"].groupby("fold")
    study = _study_content(name, task_name, corpora_root, utterances, int(n_trained.size().max()), config_dir)
    files = {
        Path("corpora", f"{name}.yaml"): _as_yaml(f"{corpus['title']}: audio and {corpus['file']}.", corpus),
        Path("tasks", f"{task_name}.yaml"): _as_yaml(f"{checked.protocol_label}.", task),
    }
    parts, more = _parts_served(study, files, config_dir, int(n_trained["speaker"].nunique().min()))
    study, loaded = _load(study, parts, files, config_dir)
    study["systems"] = {
        system: changes for system, changes in study["systems"].items() if system in loaded.systems
    }
    words = (
        f"Every system on {corpus['title']}, small, for a first look. For the published sizes delete `systems`:\n"
        f"# that asks for a GPU, or patience.\n"
        f"# snakemake --cores 8 --configfile config/studies/{name}.yaml"
    )
    files[Path("studies", f"{name}.yaml")] = _as_yaml(words, study)
    return Draft(
        study=name,
        task=task_name,
        files=files,
        protocol=checked.protocol_label,
        systems=tuple(loaded.systems),
        left_out=(*left_out, *more),
        findings=tuple(findings),
    )


def _choose_task(name: str, utterances: pd.DataFrame) -> tuple[dict[str, Any], pd.DataFrame, list[str]]:
    """Content of a task and its folds, with as many classes as the speakers serve; and why others are left out."""
    spoken = utterances.groupby("emotion")["speaker"].agg(["nunique", "size"])
    classes = [noun for noun in EMOTIONS if noun in spoken.index]
    left_out: list[str] = []
    while len(classes) > 1:
        heard = utterances[utterances["emotion"].isin(classes)]
        n_speakers = heard["speaker"].nunique()
        why = "one speaker; expected at least 2, one of them to be tested"
        for protocol in _protocols(n_speakers):
            task = {"corpus": name, "classes": classes, **protocol}
            try:
                return task, make_folds(utterances, TaskConfig(**task)), left_out
            except InputError as error:
                why = str(error).splitlines()[0]
        rarest = min(classes, key=lambda noun: tuple(spoken.loc[noun]))
        if n_speakers < 2 or spoken.at[rarest, "nunique"] == n_speakers:  # fewer classes would not help
            raise InputError(f"no task can be made of {n_speakers} speaker(s): {why}")
        n = spoken["nunique"][rarest]
        left_out.append(
            f"class {rarest}: of {n_speakers} speakers {n} speak it, too few to be tested unseen ({why})"
        )
        classes = [noun for noun in classes if noun != rarest]
    raise InputError(
        f"{'one class is' if classes else 'no class is'} left; expected at least two emotions, each spoken by "
        "several speakers" + "".join(f"; {line}" for line in left_out)
    )


def _protocols(n_speakers: int) -> Iterator[dict[str, Any]]:
    """Speaker-independent protocols for so many speakers, the preferred first."""
    each = {"protocol": "leave_one_speaker_out", "folds": n_speakers}
    if n_speakers > _MOST_LEFT_OUT:
        dev = max(1, n_speakers // _SPEAKERS_PER_DEV)
        yield {"protocol": "speaker_groups", "folds": _GROUPS, "dev_speakers": dev}
    elif n_speakers >= _LEAST_WITH_DEV:
        yield {**each, "dev_speakers": 1}
    elif n_speakers >= 2:
        yield from ({**each, "dev_fraction": fraction} for fraction in _DEV_FRACTIONS)


def _ending(task: Mapping[str, Any]) -> str:
    """How the name of a task ends: by its protocol."""
    return f"groups{task['folds']}" if task["protocol"] == "speaker_groups" else "speakers"


def _study_content(
    name: str, task: str, corpora_root: str, utterances: pd.DataFrame, n_trained: int, config_dir: Path
) -> dict[str, Any]:
    """The study without its tables: sizes of networks, probes and compute are the default study's."""
    default = read_yaml(config_dir / "config.yaml")
    systems = default["systems"]
    if utterances["duration_s"].median() > _SHORT_SEGMENT_S:
        systems = {
            system: {key: value for key, value in changes.items() if key not in _SEGMENT_KEYS}
            for system, changes in systems.items()
        }
    systems["speaker_adversarial"]["speaker_memory"] = min(
        512, n_trained
    )  # about all training utterances of a fold
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


def _parts_served(
    study: dict[str, Any], files: Mapping[Path, str], config_dir: Path, n_speakers: int
) -> tuple[list[str], list[str]]:
    """The tables that a training with as many speakers serves; and the others, with why."""
    served, left_out = [], []
    (task,) = study["tasks"]
    for table in _PARTS:
        _, loaded = _load(study, [table], files, config_dir)
        least = loaded.min_training_speakers(task)
        if n_speakers >= least:
            served.append(table)
        else:
            left_out.append(
                f"table {table}: tells training speakers apart, {least} at least, and a fold trains {n_speakers}"
            )
    return served, left_out


def _load(
    study: Mapping[str, Any], tables: Sequence[str], files: Mapping[Path, str], config_dir: Path
) -> tuple[dict[str, Any], Study]:
    """The study with some of the tables and all that goes with them, loaded as the pipeline would load it."""
    (task,) = study["tasks"]
    sounds = [key for table in tables for key in _PARTS[table].audio_examples]
    content = {
        **study,
        "tables": list(tables),
        "figures": [figure for table in tables for figure in _PARTS[table].figures],
        "audio_examples": {task: sounds} if sounds else {},
    }
    with TemporaryDirectory() as folder:
        house = shutil.copytree(config_dir, Path(folder) / "config")
        for path, text in files.items():
            (house / path).write_text(text, encoding="utf-8")
        return content, load_study(content, house)


def _as_yaml(comment: str, content: Mapping[str, Any]) -> str:
    """Content as YAML under a comment."""
    text = yaml.dump(dict(content), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)
    return f"# {comment}\n{text}"


class _Dumper(yaml.SafeDumper):
    """YAML as the house writes it: a key a line, a list on one line."""

    def represent_list(self, items: Iterable[Any]) -> yaml.SequenceNode:
        """A list in brackets."""
        return self.represent_sequence("tag:yaml.org,2002:seq", items, flow_style=True)

    def ignore_aliases(self, _: Any) -> bool:
        """What is there twice is written twice."""
        return True


_Dumper.add_representer(list, _Dumper.represent_list)
