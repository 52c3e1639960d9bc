from typing import Annotated, Literal

import pytest
from pydantic import Field, TypeAdapter, ValidationError

from emofactors.config.base import Name, RowKey, Section, sections_by_kind


class One(Section):
    kind: Literal["one", "uno"]


class Two(Section):
    kind: Literal["two"]


def test_a_section_is_frozen_and_refuses_unknown_keys():
    with pytest.raises(ValidationError, match="Extra inputs"):
        Two(kind="two", more=1)
    with pytest.raises(ValidationError, match="frozen"):
        Two(kind="two").kind = "two"


def test_sections_of_a_union_are_found_by_kind():
    union = Annotated[One | Two, Field(discriminator="kind")]
    assert sections_by_kind(union) == {"one": One, "uno": One, "two": Two}


@pytest.mark.parametrize("name", ["", ".", "../x", "a b", "-a", "a/b", "a" * 65])
def test_a_name_is_a_safe_part_of_a_path(name):
    with pytest.raises(ValidationError):
        TypeAdapter(Name).validate_python(name)


def test_a_row_may_name_its_system():
    rows = TypeAdapter(RowKey)
    assert [rows.validate_python(row) for row in ("lambda_0.3", "cnn/mel")] == ["lambda_0.3", "cnn/mel"]
    with pytest.raises(ValidationError):
        rows.validate_python("a/b/c")
