"""Section of tables of kind ``factor_ablation``: emotion classifiers of speech reconstructed from some factors."""

from collections.abc import Mapping
from itertools import combinations
from typing import Any, ClassVar, Literal, Self, get_args

from pydantic import field_validator, model_validator

from emofactors.config.base import Name
from emofactors.config.labels import FACTORS, Condition
from emofactors.config.tables.base import PublishedSource, TableSection, single_class_faults
from emofactors.config.tasks import TaskConfig

OriginalSpeech = Literal["raw", "raw_speaker_normalised"]

#: Conditions that are not compared with original speech, as they are checks.
CHECKS = ("none", "speaker")

#: Every two single factors, rhythm first: the claim is that it carries most emotion.
_FACTOR_PAIRS = tuple(combinations(("rhythm", "content", "pitch"), 2))

#: Conditions of original speech, with one row for all decomposers: as it is, and standardised by speaker.
ORIGINAL_SPEECH: tuple[str, ...] = get_args(OriginalSpeech)


class PublishedAblation(PublishedSource):
    """Published UA of speech reconstructed from its factors.

    Attributes:
        values: decomposer -> condition -> UA in percent, on the corpus of the training and on another corpus.
    """

    values: dict[Name, dict[Name, tuple[float, float]]]


class FactorAblationTable(TableSection):
    """UA of emotion classifiers, by condition (the factors that are kept) and decomposer.

    Attributes:
        kind: ``factor_ablation``.
        system: system of the classifiers.
        rows: variant -> label; they follow from ``conditions`` and ``decomposers``.
        conditions: condition of ``ORIGINAL_SPEECH`` or ``CONDITIONS`` -> label. ``raw`` is original speech,
            ``raw_speaker_normalised`` the same, standardised by speaker, as F0 is before it is decomposed.
        decomposers: variant of the decomposer -> label.
        classifier: prefix of the classifier's variants: ``{classifier}raw``,
            ``{classifier}raw_speaker_normalised`` and ``{classifier}{decomposer}_{condition}``.
        frozen_classifier: whether one classifier, trained on original speech, is tested on all conditions without
            retraining.
        published_ablation: the paper's numbers.
    """

    tests_other_corpus: ClassVar[bool] = True

    kind: Literal["factor_ablation"]
    system: Name
    conditions: dict[Literal[OriginalSpeech, Condition], str]
    decomposers: dict[Name, str]
    classifier: str = ""
    frozen_classifier: bool = False
    published_ablation: PublishedAblation | None = None

    @model_validator(mode="before")
    @classmethod
    def _derive_rows(cls, content: Any) -> Any:
        if not isinstance(content, dict):
            return content
        conditions, decomposers = content.get("conditions"), content.get("decomposers")
        if not (isinstance(conditions, dict) and isinstance(decomposers, dict)):
            return content | {"rows": {"raw": ""}}  # the fields themselves are reported
        prefix = content.get("classifier", "")
        rows = {f"{prefix}{c}": conditions[c] for c in ORIGINAL_SPEECH if c in conditions}
        rows |= {
            f"{prefix}{decomposer}_{condition}": f"{of}: {label}"
            for decomposer, of in decomposers.items()
            for condition, label in conditions.items()
            if condition not in ORIGINAL_SPEECH
        }
        if content.get("rows", rows) != rows:
            raise ValueError("'rows' follow from 'conditions' and 'decomposers': expected no 'rows'")
        return content | {"rows": rows or {"raw": ""}}

    @field_validator("conditions")
    @classmethod
    def _has_original_speech(cls, conditions: dict[str, str]) -> dict[str, str]:
        if "raw" not in conditions:
            raise ValueError("'conditions' has no 'raw': expected original speech, the reference of the others")
        return conditions

    @field_validator("decomposers")
    @classmethod
    def _has_a_decomposer(cls, decomposers: dict[str, str]) -> dict[str, str]:
        if not decomposers:
            raise ValueError("'decomposers' is empty: expected at least one")
        return decomposers

    @model_validator(mode="after")
    def _frozen_classifier_is_standardised_once(self) -> Self:
        if self.frozen_classifier and "raw_speaker_normalised" in self.conditions:
            raise ValueError(
                "'conditions' has 'raw_speaker_normalised': expected none with 'frozen_classifier', "
                "as it has a classifier of its own"
            )
        return self

    @property
    def raw_row(self) -> str:
        """The row of original speech."""
        return f"{self.classifier}raw"

    def row(self, decomposer: str, condition: str) -> str:
        """Return the row of a condition and decomposer; original speech has one row for all decomposers."""
        return f"{self.classifier}{condition if condition in ORIGINAL_SPEECH else f'{decomposer}_{condition}'}"

    @property
    def runs(self) -> dict[str, tuple[str, str]]:
        """Row -> the system and variant that are evaluated."""
        return {row: (self.system, self.raw_row if self.frozen_classifier else row) for row in self.rows}

    @property
    def named_variants(self) -> tuple[tuple[str, str], ...]:
        """System and variant of everything the table names, whether or not it is trained for the table."""
        return (*self.runs.values(), *((self.system, row) for row in self.rows))

    @property
    def evaluation_files(self) -> tuple[str, ...]:
        """Names of the files that the table reads from the evaluation of each row."""
        return ("confusion.csv",)

    @property
    def comparisons(self) -> tuple[tuple[tuple[str, str], ...], ...]:
        """Pairs of rows to compare, by family of Holm's correction.

        Each decomposer with original speech; two decomposers with each other; the single factors of each
        decomposer; and original speech standardised by speaker, with original speech as it is and with pitch.
        """
        conditions = [c for c in self.conditions if c not in (*ORIGINAL_SPEECH, *CHECKS)]
        families = [[(self.row(of, c), self.raw_row) for c in conditions] for of in self.decomposers]
        if len(self.decomposers) == 2:
            first, second = self.decomposers
            families.append([(self.row(second, c), self.row(first, c)) for c in conditions])
        if set(FACTORS) <= set(conditions):
            families += [
                [(self.row(of, factor), self.row(of, other)) for factor, other in _FACTOR_PAIRS]
                for of in self.decomposers
            ]
        if "raw_speaker_normalised" in self.conditions:
            normalised = self.row("", "raw_speaker_normalised")
            pitch = [self.row(of, "pitch") for of in self.decomposers if "pitch" in conditions]
            families.append([(normalised, self.raw_row), *((row, normalised) for row in pitch)])
        return tuple(map(tuple, families))

    @property
    def compared_pairs(self) -> tuple[tuple[str, str], ...]:
        """All pairs of rows that are compared."""
        return tuple(pair for family in self.comparisons for pair in family)

    @property
    def compared_metrics(self) -> tuple[str, ...]:
        """UA on the corpus of the training, and on the other corpus."""
        return ("speaker_ua", "cross_ua")

    @property
    def published_sources(self) -> tuple[PublishedSource, ...]:
        """The published values of the table."""
        return (self.published_ablation,) if self.published_ablation else ()

    def reconstructed_variant(self, row: str) -> str:
        """Return the variant whose reconstructed speech a frozen classifier is tested on; empty for other rows."""
        return "" if not self.frozen_classifier or row == self.raw_row else row

    def task_faults(self, tasks: Mapping[str, TaskConfig]) -> list[str]:
        """Return one line per task without several classes, or that tests a speaker in several folds."""
        return single_class_faults(tasks) + [
            f"task {name} is {task.protocol_label}; expected one that tests each speaker in one fold, as UA is "
            "averaged over speakers"
            for name, task in tasks.items()
            if task.n_folds > 1 and not task.speaker_independent
        ]
