"""Settings of figures of kind ``trade_off``."""

from typing import ClassVar, Literal

from emofactors.config.figures.base import FigureOfTable


class TradeOffFigure(FigureOfTable):
    """UA over the speaker accuracy of the probes, along the axis of a table.

    Attributes:
        kind: ``trade_off``.
    """

    table_kind: ClassVar[str] = "variants"
    needs_axis: ClassVar[bool] = True
    needs_one_of: ClassVar[tuple[str, ...]] = ("speaker_linear", "speaker_mlp")

    kind: Literal["trade_off"]
