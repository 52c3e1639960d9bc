"""The pieces of nn are for other people's training loops, too: importing one brings torch and nothing of the pipeline."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[3] / "src" / "emofactors" / "nn"
MODULES = sorted(file for file in PACKAGE.glob("*.py") if file.stem != "__init__")

#: What importing comes to: modules of the house after one of nn, and packages beyond torch's own after all of them.
IMPORTED = """
import json, sys
import torch, torch.nn.utils.rnn
at_first = set(sys.modules)
import emofactors.nn.center_loss
of_one = sorted(set(sys.modules) - at_first)
for name in sys.argv[1:]:
    __import__("emofactors.nn." + name)
packages = {name.partition(".")[0] for name in set(sys.modules) - at_first} - set(sys.stdlib_module_names)
print(json.dumps({"of_one": of_one, "packages": sorted(packages)}))
"""


@pytest.fixture(scope="module")
def imported():
    names = [file.stem for file in MODULES]
    printed = subprocess.run([sys.executable, "-c", IMPORTED, *names], check=True, capture_output=True, text=True)
    return json.loads(printed.stdout)


def test_there_are_pieces():
    assert len(MODULES) >= 15


def test_a_piece_brings_itself_alone(imported):
    assert imported["of_one"] == ["emofactors", "emofactors.nn", "emofactors.nn.center_loss"]


def test_all_pieces_together_bring_nothing_beyond_torch(imported):
    assert imported["packages"] == ["emofactors"]


@pytest.mark.parametrize("file", MODULES, ids=lambda file: file.stem)
def test_every_public_piece_has_an_example(file):
    public = [
        node
        for node in ast.parse(file.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_")
    ]
    assert public
    without = [node.name for node in public if "\nExample:\n    >>> " not in (ast.get_docstring(node) or "")]
    assert not without
