"""Sections of config/figures/."""

from typing import Literal, Self, get_args

from pydantic import model_validator

from emofactors.config.base import Name, Section

#: Kinds of figures that are drawn from a table.
OfTable = Literal["sweep", "trade_off", "code_information", "true_factors"]

OF_TABLES: tuple[str, ...] = get_args(OfTable)


class FigureConfig(Section):
    """One figure.

    Attributes:
        kind: ``confusion`` (a panel a variant), ``sweep`` (lines of a table over its axis),
            ``embedding_pca`` (train and test of fold 0 and the study's first seed, a row a variant),
            ``attention`` (of the class token, over spectrograms of fold 0 and the first seed, a row a
            variant), ``losses`` (a loss over the epochs, a line a variant), ``cost`` (UA over FLOPs),
            ``embedding_speakers`` (train embeddings of fold 0 and the first seed by PCA and t-SNE, coloured
            by emotion beside by speaker, a row a variant), ``trade_off`` (UA over the speaker accuracy of
            the probes, along the axis of a table), ``information`` or ``ground_truth`` (the matrices of a table
            of that kind).
        title: one line.
        caption: what to see.
        system: name of a system, but for figures of a table.
        variants: variant -> label, likewise.
        table: name of a table: with an axis, for ``sweep`` and ``trade_off``; else of the figure's own kind.
        loss: name of a column of the history, for ``losses``.
    """

    kind: Literal["confusion", "embedding_pca", "attention", "losses", "cost", "embedding_speakers", OfTable]
    title: str
    caption: str
    system: Name | None = None
    variants: dict[Name, str] = {}
    table: Name | None = None
    loss: str | None = None

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Self:
        of_table = self.kind in OF_TABLES
        if of_table != (self.table is not None):
            raise ValueError(f"'table' goes with kinds {', '.join(OF_TABLES)}, and only with them")
        if (self.kind == "losses") != (self.loss is not None):
            raise ValueError("'loss' goes with kind 'losses', and only with it")
        if of_table == (self.system is not None and bool(self.variants)):
            raise ValueError(f"'system' and 'variants' go with every kind but {', '.join(OF_TABLES)}")
        return self
