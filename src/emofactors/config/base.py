"""What all sections of the configuration share."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

#: A name becomes part of a path: it neither leaves the results folder nor reaches a shell.
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.]*$", max_length=64)]

#: A part of an utterance's name: without the mark that joins the parts.
Word = Annotated[str, Field(pattern=r"^[A-Za-z0-9]+$", max_length=32)]

#: A row of a table: a variant of its own system, or ``system/variant`` of another.
RowKey = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.]*(/[A-Za-z0-9][A-Za-z0-9_.]*)?$", max_length=129)]

#: A variant of a system.
RunKey = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.]*/[A-Za-z0-9][A-Za-z0-9_.]*$", max_length=129)]

#: The seed of every generator; scikit-learn takes none that is larger.
Seed = Annotated[int, Field(ge=0, le=2**32 - 1)]

#: From the lowest to the highest value a draw may take.
Range = tuple[float, float]


class Section(BaseModel):
    """A part of the config: frozen, and a key nobody knows is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
