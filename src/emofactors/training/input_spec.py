"""What a run has to know to hear a new recording, beside its weights: a part of what it says of itself."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self

from emofactors.config.base import Section
from emofactors.config.features import Features
from emofactors.corpora.manifest import read_manifest


class InputSpec(Section):
    """Which run it is, and what becomes of a recording before it is heard.

    Attributes:
        task: name of the task.
        corpus: the corpus it was trained on.
        system: the paper's method.
        variant: one of its settings.
        fold: of the task.
        seed: of the training.
        method: ``network`` or ``svm``.
        classes: classes of the task, in the order of the scores.
        features: what waveforms become; None for speech that a decomposer reconstructs, which no recording is.
        longest_s: duration of the corpus' longest utterance in seconds, to which images are padded; None where
            nothing is padded.
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
        """That of a run of the workflow.

        Args:
            content: all but ``longest_s``.
            manifest: the corpus' manifest, where images are padded; else None.

        Raises:
            InputError: if the manifest is missing or damaged.
        """
        longest_s = None if manifest is None else float(read_manifest(Path(manifest))["duration_s"].max())
        return cls(**content, longest_s=longest_s)
