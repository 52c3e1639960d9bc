"""Figures as plain data."""

import pytest


@pytest.fixture
def of_variants():
    """Function of a kind and further keys: a figure of two variants."""

    def make(kind, **keys):
        return {
            "kind": kind,
            "title": "t",
            "caption": "c",
            "system": "net",
            "variants": {"a": "A", "b": "B"},
            **keys,
        }

    return make


@pytest.fixture
def of_table():
    """Function of a kind: a figure of the table ``scores``."""

    def make(kind):
        return {"kind": kind, "title": "t", "caption": "c", "table": "scores"}

    return make
