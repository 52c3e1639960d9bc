"""Input specification of a run: what a saved model needs, beside its weights, to read new audio."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self

from emofactors.config.base import Section
from emofactors.config.features import Features
from emofactors.corpora.manifest import read_manifest


class InputSpec(Section):
    """Identity of a run, and the features that its system reads; part of ``run.json``.

    Attributes:
        task: name of the task.
        corpus: training corpus.
        system: name of the system.
        variant: name of the variant.
        fold: number of the fold.
        seed: seed of the training.
        method: ``network`` or ``svm``.
        classes: classes of the task, in the order of the scores.
        features: features of a waveform; None if the run reads speech reconstructed by a decomposer.
        longest_s: duration of the longest utterance of the corpus in seconds, to which images are padded; None
            without padding.
    """

    task: str
    corpus: str
    system: str
    variant: str
    fold: int
    seed: int
    method: Literal["network", "svm"]
    classes: tuple[str, ...]
    features: Features | None
    longest_s: float | None = None

    @classmethod
    def of_run(cls, content: Mapping[str, Any], manifest: str | Path | None = None) -> Self:
        """Return the specification of a run of the workflow.

        Args:
            content: all fields but ``longest_s``.
            manifest: manifest of the corpus if images are padded, else None.

        Raises:
            InputError: if the manifest is missing or damaged.
        """
        longest_s = None if manifest is None else float(read_manifest(Path(manifest))["duration_s"].max())
        return cls(**content, longest_s=longest_s)
