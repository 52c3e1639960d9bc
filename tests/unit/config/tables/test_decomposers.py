import pytest
from pydantic import ValidationError

from emofactors.config.tables.decomposers import DecomposerTable

TEXT = {"title": "t", "caption": "c"}


def test_rows_are_decomposers_of_one_system():
    assert DecomposerTable(system="flow", rows={"original": "1"}, **TEXT).of_decomposers
    with pytest.raises(ValidationError, match="system\n"):
        DecomposerTable(rows={"flow/original": "1"}, **TEXT)
    with pytest.raises(ValidationError, match="'rows' names 'flow/cycle': expected variants of 'system' alone"):
        DecomposerTable(system="flow", rows={"original": "1", "flow/cycle": "2"}, **TEXT)
