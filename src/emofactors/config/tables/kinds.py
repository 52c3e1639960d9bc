"""The union of all kinds of tables."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, TypeAdapter

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

_TABLE: TypeAdapter[TableConfig] = TypeAdapter(TableConfig)


def table_config(content: Mapping[str, Any]) -> TableConfig:
    """Return the settings of a table from plain data; without ``kind`` it is of kind ``variants``.

    Raises:
        pydantic.ValidationError: if a key is unknown or missing, or a value impossible.
    """
    return _TABLE.validate_python({"kind": "variants"} | dict(content))
