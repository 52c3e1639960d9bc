import doctest
import importlib
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "src" / "emofactors"
#: Modules that must have examples.
STATISTICS = ("metrics", "estimates", "mutual_information")


def test_examples_of_docstrings_are_correct():
    files = sorted(file for file in PACKAGE.rglob("*.py") if ">>> " in file.read_text(encoding="utf-8"))
    names = [".".join(["emofactors", *file.relative_to(PACKAGE).with_suffix("").parts]) for file in files]
    assert {f"emofactors.evaluation.statistics.{name}" for name in STATISTICS} <= set(names)
    failed = []
    for name in names:
        results = doctest.testmod(importlib.import_module(name))
        if results.failed or not results.attempted:
            failed.append(name)
    assert failed == []
