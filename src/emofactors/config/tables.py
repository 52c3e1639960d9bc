"""Sections of config/tables/."""

from typing import Annotated, Any, Literal, Self, get_args

from pydantic import Field, model_validator

from emofactors.config.base import Name, RowKey, Section
from emofactors.config.labels import Condition


class PublishedScores(Section):
    """Published numbers, under a label of their own.

    Attributes:
        label: corpus, protocol and paper, as the column's header says it.
        task: the task of this house that repeats the published protocol.
        where: where the numbers are stated.
        values: variant -> metric -> value in percent.
    """

    label: str
    task: Name
    where: str
    values: dict[Name, dict[Literal["ua", "wa"], float]]


class Difference(Section):
    """A comparison a table makes: each metric of ``variant`` minus that of ``minus``, paired over speakers.

    Attributes:
        variant: a row of the table.
        minus: another row.
    """

    variant: RowKey
    minus: RowKey


#: Metrics of the probes and clusters of frozen embeddings.
ProbedMetric = Literal[
    "speaker_linear",
    "speaker_mlp",
    "speaker_held_out",
    "emotion_linear",
    "speaker_information",
    "emotion_information",
]

PROBED: tuple[str, ...] = get_args(ProbedMetric)

#: What a table may show of a row; ``report.measures`` says of each what it is.
Metric = Literal["ua", "wa", "held_out_ua", "held_out_gap", "speaker_ua", ProbedMetric]

#: Those of the speaker that a trade-off is drawn over.
SPEAKER_PROBES = ("speaker_linear", "speaker_mlp")

#: Metrics of held-out utterances of training speakers, which a task with ``held_out`` has.
OF_HELD_OUT = ("held_out_ua", "held_out_gap", "speaker_held_out")


class PublishedAblation(Section):
    """Published UA of speech reconstructed from its factors, under a label of its own.

    Attributes:
        label: corpora and paper, as the columns' header says it.
        where: where the numbers are stated.
        values: decomposer -> condition -> UA in percent, on the corpus of the training and on another.
    """

    label: str
    where: str
    values: dict[Name, dict[Name, tuple[float, float]]]


class PublishedInformation(Section):
    """Published mutual information between representations, under a label of its own.

    Attributes:
        label: what it is of and which paper, as the header says it.
        where: where the numbers are stated.
        values: variant -> pair (``content-rhythm``) -> value.
    """

    label: str
    where: str
    values: dict[Name, dict[str, float]]


#: Kinds of tables about the factors of speech, whose metrics are their own.
FactorKind = Literal["factor_ablation", "code_information", "true_factors"]

FACTOR_KINDS: tuple[str, ...] = get_args(FactorKind)


class TableConfig(Section):
    """One table: a row a variant, its metrics on each of its tasks, published values beside.

    Attributes:
        kind: ``variants`` gives each task a block of its own; ``protocols`` sets the tasks, protocols of one
            corpus, side by side, with the gaps between neighbours; ``factors`` sets classifiers of reconstructed speech out
            by condition and decomposer; ``information`` is what the codes of decomposers share;
            ``ground_truth`` is what they tell of the true factors of a synthetic corpus.
        title: one line.
        caption: what is compared, for a reader of the paper.
        system: name of the system whose variants the rows are; none where every row names its own.
        axis: what a sweep's row labels are (``lambda``); empty for a table that is no sweep.
        rows: variant, or ``system/variant`` -> label.
        metrics: what is shown of each row; UA always is.
        unseen_speakers: whether the table is about speakers unseen in training: other tasks are refused.
        left_out: labels of rows that need a package which is not installed; a study fills it in.
        differences: pairs to compare; Holm's correction runs over all of a task.
        published: the paper's numbers, an entry a corpus and protocol.
        conditions: of ``factor_ablation``: ``raw`` (speech as it is) or a condition of ``CONDITIONS`` -> label; the rows
            follow from conditions and decomposers.
        decomposers: of ``factor_ablation``: variant of the decomposer -> label.
        classifier: of ``factor_ablation``: how the names of the classifier's variants begin: ``{classifier}{decomposer}_{condition}``,
            and ``{classifier}raw``.
        frozen_classifier: of ``factor_ablation``: whether one classifier, trained on original speech, is tested on all
            conditions without retraining.
        published_ablation: of ``factor_ablation``: the paper's numbers.
        published_information: of ``code_information``: the paper's numbers.
    """

    kind: Literal["variants", "protocols", FactorKind] = "variants"
    title: str
    caption: str
    system: Name | None = None
    axis: str = ""
    rows: Annotated[dict[RowKey, str | float], Field(min_length=1)]
    metrics: tuple[Metric, ...] = ("ua", "wa")
    unseen_speakers: bool = False
    left_out: tuple[str, ...] = ()
    differences: tuple[Difference, ...] = ()
    published: tuple[PublishedScores, ...] = ()
    conditions: dict[Literal["raw", Condition], str] = {}
    decomposers: dict[Name, str] = {}
    classifier: str = ""
    frozen_classifier: bool = False
    published_ablation: PublishedAblation | None = None
    published_information: PublishedInformation | None = None

    @model_validator(mode="before")
    @classmethod
    def _rows_follow_from_conditions(cls, content: Any) -> Any:
        """The rows of ``factor_ablation``, and the metrics of all tables about factors."""
        if not isinstance(content, dict) or content.get("kind") not in FACTOR_KINDS:
            return content
        content = content | {"metrics": ("speaker_ua",) if content["kind"] == "factor_ablation" else ()}
        if content["kind"] == "factor_ablation":
            conditions, decomposers = content.get("conditions") or {}, content.get("decomposers") or {}
            classifier = content.get("classifier", "")
            reconstructed = {
                f"{classifier}{decomposer}_{condition}": f"{of}: {label}"
                for decomposer, of in decomposers.items()
                for condition, label in conditions.items()
                if condition != "raw"
            }
            raw = {f"{classifier}raw": conditions["raw"]} if "raw" in conditions else {}
            content["rows"] = raw | reconstructed
        return content

    @model_validator(mode="after")
    def _is_about_factors_or_not(self) -> Self:
        of_factors = [
            key
            for key in ("conditions", "decomposers")
            if bool(getattr(self, key)) != (self.kind == "factor_ablation")
        ]
        if of_factors:
            raise ValueError(f"'{of_factors[0]}' goes with kind 'factor_ablation', and only with it")
        if self.kind in FACTOR_KINDS and (self.system is None or any("/" in row for row in self.rows)):
            raise ValueError(
                f"a table of kind '{self.kind}' has the variants of one system for rows: expected 'system'"
            )
        if self.kind == "factor_ablation" and "raw" not in self.conditions:
            raise ValueError(
                "'conditions' has no 'raw': expected speech as it is among them, all others are compared with it"
            )
        return self

    @model_validator(mode="after")
    def _compares_its_own_rows(self) -> Self:
        for difference in self.differences:
            for variant in (difference.variant, difference.minus):
                if variant not in self.rows:
                    raise ValueError(f"'differences' names {variant!r}: expected a row of the table")
        if self.axis and not all(isinstance(label, int | float) for label in self.rows.values()):
            raise ValueError("'rows' of a sweep (with 'axis') are labelled by numbers")
        if self.kind in FACTOR_KINDS:
            return self
        if "ua" not in self.metrics or len(set(self.metrics)) < len(self.metrics):
            raise ValueError(f"'metrics' is {list(self.metrics)}: expected ua, and each metric once")
        if self.kind == "protocols" and (self.differences or self.axis or self.metrics != ("ua", "wa")):
            raise ValueError(
                "'differences', 'axis' and 'metrics' do not go with kind 'protocols': it shows gaps of UA and WA"
            )
        alone = [row for row in self.rows if "/" not in row]
        if alone and self.system is None:
            raise ValueError(f"'rows' names {alone[0]!r}: expected system/{alone[0]}, or 'system' for all rows")
        return self

    @property
    def runs(self) -> dict[str, tuple[str, str]]:
        """Row -> its system and variant."""
        own = self.system or ""  # without one all rows name theirs
        if self.frozen_classifier:
            return dict.fromkeys(self.rows, (own, f"{self.classifier}raw"))
        named = {row: row.rpartition("/") for row in self.rows}
        return {row: (system or own, variant) for row, (system, _, variant) in named.items()}

    def heard(self, row: str) -> str:
        """What the run of a row hears instead of what it was trained on: ``cycle_content``; mostly nothing."""
        return "" if not self.frozen_classifier or row == f"{self.classifier}raw" else row
