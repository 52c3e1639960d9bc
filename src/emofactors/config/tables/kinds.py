"""The union of all kinds of tables."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from emofactors.config.base import sections_by_kind
from emofactors.config.tables.base import TableSection
from emofactors.config.tables.code_information import CodeInformationTable
from emofactors.config.tables.factor_ablation import FactorAblationTable
from emofactors.config.tables.protocols import ProtocolsTable
from emofactors.config.tables.true_factors import TrueFactorsTable
from emofactors.config.tables.variants import VariantsTable

#: A table of any kind.
TableConfig = Annotated[
    VariantsTable | ProtocolsTable | FactorAblationTable | CodeInformationTable | TrueFactorsTable,
    Field(discriminator="kind"),
]

#: Kind -> section of its tables.
TABLE_SECTIONS: Mapping[str, type[TableSection]] = sections_by_kind(TableConfig)


def table_config(content: Mapping[str, Any]) -> TableSection:
    """Return the settings of a table from plain data; without ``kind`` it is of kind ``variants``.

    Raises:
        KeyError: if ``kind`` is unknown.
        pydantic.ValidationError: if a key is unknown or missing, or a value is impossible.
    """
    return TABLE_SECTIONS[content.get("kind", "variants")].model_validate(content)
