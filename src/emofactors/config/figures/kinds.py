"""The union of all kinds of figures."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from emofactors.config.base import sections_by_kind
from emofactors.config.figures.attention import AttentionFigure
from emofactors.config.figures.base import FigureSection
from emofactors.config.figures.code_information import CodeInformationFigure
from emofactors.config.figures.confusion import ConfusionFigure
from emofactors.config.figures.cost import CostFigure
from emofactors.config.figures.embedding_pca import EmbeddingPcaFigure
from emofactors.config.figures.embedding_speakers import EmbeddingSpeakersFigure
from emofactors.config.figures.losses import LossesFigure
from emofactors.config.figures.sweep import SweepFigure
from emofactors.config.figures.trade_off import TradeOffFigure
from emofactors.config.figures.true_factors import TrueFactorsFigure

#: A figure of any kind.
FigureConfig = Annotated[
    AttentionFigure
    | CodeInformationFigure
    | ConfusionFigure
    | CostFigure
    | EmbeddingPcaFigure
    | EmbeddingSpeakersFigure
    | LossesFigure
    | SweepFigure
    | TradeOffFigure
    | TrueFactorsFigure,
    Field(discriminator="kind"),
]

#: Kind -> section of its figures.
FIGURE_SECTIONS: Mapping[str, type[FigureSection]] = sections_by_kind(FigureConfig)
