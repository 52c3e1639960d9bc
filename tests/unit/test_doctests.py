import doctest
import importlib
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "src" / "emofactors"
WITH_EXAMPLES = sorted(file for file in PACKAGE.rglob("*.py") if ">>> " in file.read_text(encoding="utf-8"))


#: Modules whose functions a reader of numbers looks up.
OF_NUMBERS = ("metrics", "intervals", "jackknife", "mutual_information")


def test_there_are_examples():
    assert len(WITH_EXAMPLES) >= 3
    assert {f"evaluation/{name}.py" for name in OF_NUMBERS} <= {
        file.relative_to(PACKAGE).as_posix() for file in WITH_EXAMPLES
    }


@pytest.mark.parametrize("file", WITH_EXAMPLES, ids=lambda file: file.stem)
def test_examples_of_docstrings_print_what_they_say(file):
    name = ".".join(["emofactors", *file.relative_to(PACKAGE).with_suffix("").parts])
    results = doctest.testmod(importlib.import_module(name))
    assert results.attempted > 0
    assert results.failed == 0
