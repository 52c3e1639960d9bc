from pathlib import Path

import pytest

from emofactors.config.tables.kinds import TABLE_SECTIONS, table_config

NAMES = sorted(file.stem for file in (Path(__file__).parents[4] / "config" / "tables").glob("*.yaml"))


def test_every_table_of_the_project_is_read_back_from_its_plain_data(project_table):
    tables = [project_table(name) for name in NAMES]
    assert {table.kind for table in tables} == set(TABLE_SECTIONS)
    for table in tables:
        assert table_config(table.model_dump(mode="json")) == table


def test_the_default_kind_is_variants():
    table = table_config({"title": "t", "caption": "c", "rows": {"net/plain": "1"}})
    assert type(table) is TABLE_SECTIONS["variants"]
    with pytest.raises(KeyError, match="matrix"):
        table_config({"kind": "matrix"})
