"""Inputs and params of the rules of the chapter corpora."""

import shlex
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from emofactors.config.study import Study
from emofactors.plan import paths
from emofactors.plan.paths import Wildcards


class CorporaPlan:
    """Files and settings of corpora and tasks.

    Args:
        study: the study.
    """

    def __init__(self, study: Study) -> None:
        self._study = study

    def settings(self, wildcards: Wildcards) -> dict[str, Any]:
        """Return the settings of a corpus that its manifest depends on: neither shards nor download."""
        return self._study.corpora[wildcards.corpus].model_dump(mode="json", exclude={"shards", "download"})

    def download_settings(self, wildcards: Wildcards) -> dict[str, Any]:
        """Return all settings of a corpus."""
        return self._study.corpora[wildcards.corpus].model_dump(mode="json")

    def n_shards(self, wildcards: Wildcards) -> int:
        """Return the number of shards of a corpus."""
        return self._study.corpora[wildcards.corpus].shards

    def is_synthetic(self, corpus: str) -> bool:
        """Return whether the workflow synthesizes the corpus."""
        return self._study.corpora[corpus].reader == "synthetic"

    def root(self, wildcards: Wildcards) -> str:
        """Return the folder of a corpus: synthesized by the workflow, or below ``corpora_root``."""
        if self.is_synthetic(wildcards.corpus):
            return paths.synthesized_audio(wildcards.corpus)
        return str(self._study.corpus_folder(wildcards.corpus))

    def synthesized_audio(self, wildcards: Wildcards) -> list[str]:
        """Return the folder of synthesized audio; empty for other corpora, which enter by :meth:`listing`."""
        return [self.root(wildcards)] if self.is_synthetic(wildcards.corpus) else []

    def listing(self, wildcards: Wildcards) -> str:
        """Return a hash of names, sizes and times of a corpus' files: a changed file re-runs its manifest."""
        if self.is_synthetic(wildcards.corpus):
            return "synthesized"
        root = Path(self.root(wildcards))
        digest = sha256()
        for file in sorted(file for file in root.rglob("*") if file.is_file()):
            status = file.stat()
            digest.update(f"{file.relative_to(root)} {status.st_size} {status.st_mtime_ns}\n".encode())
        return digest.hexdigest()[:16]

    def task(self, wildcards: Wildcards) -> dict[str, Any]:
        """Return the settings of a task."""
        return self._study.tasks[wildcards.task].model_dump(mode="json")

    def classes(self, wildcards: Wildcards) -> list[str]:
        """Return the classes of a task, in order."""
        return list(self._study.tasks[wildcards.task].classes)

    def min_training_speakers(self, wildcards: Wildcards) -> int:
        """Return the number of speakers that each fold of a task must train on."""
        return self._study.min_training_speakers(wildcards.task)

    def augmentation(self, wildcards: Wildcards) -> dict[str, Any] | None:
        """Return the settings of a task's augmentation, or None."""
        name = self._study.tasks[wildcards.task].augmentation
        return None if name is None else self._study.augmentations[name].model_dump(mode="json")

    def manifest(self, wildcards: Wildcards) -> str:
        """Return the manifest of a task's corpus."""
        return paths.manifest(self._study.tasks[wildcards.task].corpus)

    def metadata(self, wildcards: Wildcards) -> str:
        """Return the metadata of a task's corpus."""
        return paths.corpus_metadata(self._study.tasks[wildcards.task].corpus)

    def true_factors(self, wildcards: Wildcards) -> str:
        """Return the true factors of a task's synthetic corpus."""
        return paths.true_factors(self._study.tasks[wildcards.task].corpus)

    def missing_open_corpora(self, wildcards: Wildcards | None = None) -> list[str]:
        """Return the download marks of the open corpora of the study that are missing."""
        return [
            paths.downloaded(name)
            for name, corpus in self._study.corpora.items()
            if corpus.download is not None and self._study.is_missing(name)
        ]

    def forget_downloads(self) -> None:
        """Remove the download marks of open corpora that are missing: they are downloaded again."""
        for mark in self.missing_open_corpora():
            Path(mark).unlink(missing_ok=True)


def is_download(arguments: Sequence[str]) -> bool:
    """Return whether a run, or a job of one, downloads corpora and does nothing else: it starts without them.

    Args:
        arguments: of the command line; Snakemake knows its targets only after all rules are read.
    """
    is_job = any(word.startswith("download_corpus:") for word in arguments)
    return is_job or ("download_corpora" in arguments and "all" not in arguments)


def download_command(configfiles: Sequence[Any], config: Mapping[str, Any]) -> str:
    """Return the command that downloads the open corpora of a study.

    Args:
        configfiles: files given by ``--configfile``.
        config: keys given by ``--config``.
    """
    words = ["snakemake", "--cores", "2", "download_corpora"]
    if configfiles:
        words += ["--configfile", *map(str, configfiles)]
    if config:
        words += ["--config", *(f"{key}={value}" for key, value in config.items())]
    return shlex.join(words)
