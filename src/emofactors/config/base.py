"""Base class and types of all sections of the configuration."""

from typing import Annotated, Any, get_args

from pydantic import BaseModel, ConfigDict, Field

#: A name that is part of a path: it can neither leave the results folder nor be interpreted by a shell.
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.]*$", max_length=64)]

#: A part of an utterance's name, without the underscore that joins the parts.
Word = Annotated[str, Field(pattern=r"^[A-Za-z0-9]+$", max_length=32)]

#: A row of a table: a variant of its own system, or ``system/variant`` of another.
RowKey = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.]*(/[A-Za-z0-9][A-Za-z0-9_.]*)?$", max_length=129)]

#: A variant of a system.
RunKey = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.]*/[A-Za-z0-9][A-Za-z0-9_.]*$", max_length=129)]

#: A seed of a random generator; scikit-learn accepts none that is larger.
Seed = Annotated[int, Field(ge=0, le=2**32 - 1)]

#: Lowest and highest value of a random draw.
Range = tuple[float, float]


class Section(BaseModel):
    """A section of the configuration: frozen; an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def sections_by_kind(union: Any, key: str = "kind") -> dict[str, Any]:
    """Return the sections of a discriminated union by their kind.

    Args:
        union: ``Annotated[A | B, Field(discriminator=key)]``.
        key: the discriminator; each section has a Literal of its kinds there.
    """
    members, *_ = get_args(union)
    return {
        kind: section for section in get_args(members) for kind in get_args(section.model_fields[key].annotation)
    }
