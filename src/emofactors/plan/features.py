"""Inputs and params of the rules of the chapter features."""

from typing import Any

from emofactors.config.features import FeatureSettings
from emofactors.config.study import Study
from emofactors.plan import paths
from emofactors.plan.corpora import CorporaPlan
from emofactors.plan.paths import Wildcards


class FeaturesPlan:
    """Files and settings of archives of features.

    Args:
        study: the study.
        checkpoints: checkpoints of the workflow, as Snakemake names them.
    """

    def __init__(self, study: Study, checkpoints: Any) -> None:
        self._study = study
        self._corpora = CorporaPlan(study)
        self._checkpoints = checkpoints

    def settings(self, wildcards: Wildcards) -> dict[str, Any]:
        """Return the settings of a kind of features."""
        return self._study.features[wildcards.features].model_dump(mode="json")

    def augmentation(self, wildcards: Wildcards) -> dict[str, Any] | None:
        """Return the settings of an archive's augmentation; None for the utterances of the corpus."""
        if wildcards.augmentation == paths.ORIGINAL:
            return None
        return self._study.augmentations[wildcards.augmentation].model_dump(mode="json")

    def manifest_of_shard(self, wildcards: Wildcards) -> str:
        """Return the manifest of a shard; a corpus of one shard has that of the corpus."""
        if self._corpora.n_shards(wildcards) == 1:
            return paths.manifest(wildcards.corpus)
        return f"{self._split_manifest(wildcards).shards}/{wildcards.shard}.csv"

    def longest_of_corpus(self, wildcards: Wildcards) -> str | list[str]:
        """Return the file with the duration that images of a shard are padded to; empty for other features."""
        settings = self._study.features[wildcards.features]
        is_padded = isinstance(settings, FeatureSettings) and settings.pad_to_longest
        if not is_padded or self._corpora.n_shards(wildcards) == 1:
            return []
        return self._split_manifest(wildcards).longest

    def shards(self, wildcards: Wildcards) -> list[str]:
        """Return the archives of all shards of a corpus."""
        return [
            paths.shard_archive(wildcards.corpus, wildcards.augmentation, wildcards.features, shard)
            for shard in range(self._corpora.n_shards(wildcards))
        ]

    def threads(self, wildcards: Wildcards) -> int:
        """Return the threads of an extraction: one for a small corpus, so that several jobs run at once."""
        return 1 if self._corpora.is_synthetic(wildcards.corpus) else 2

    def _split_manifest(self, wildcards: Wildcards) -> Any:
        """Return the outputs of ``split_manifest``; Snakemake waits for them."""
        return self._checkpoints.split_manifest.get(corpus=wildcards.corpus).output
