"""The layers can be used in other training loops: importing them loads torch and nothing else of the package."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[3] / "src" / "emofactors" / "nn"
MODULES = sorted(file for file in PACKAGE.glob("*.py") if file.stem != "__init__")

#: Prints the modules loaded by one module of nn, and the packages loaded by all of them in addition to torch's own.
IMPORT = """
import json, sys
import torch, torch.nn.utils.rnn
before = set(sys.modules)
import emofactors.nn.center_loss
modules = sorted(set(sys.modules) - before)
for name in sys.argv[1:]:
    __import__("emofactors.nn." + name)
packages = {name.partition(".")[0] for name in set(sys.modules) - before} - set(sys.stdlib_module_names)
print(json.dumps({"modules": modules, "packages": sorted(packages)}))
"""


@pytest.fixture(scope="module")
def imported():
    assert len(MODULES) >= 15
    names = [file.stem for file in MODULES]
    output = subprocess.run([sys.executable, "-c", IMPORT, *names], check=True, capture_output=True, text=True)
    return json.loads(output.stdout)


def test_one_module_imports_no_other(imported):
    assert imported["modules"] == ["emofactors", "emofactors.nn", "emofactors.nn.center_loss"]


def test_all_modules_import_torch_only(imported):
    assert imported["packages"] == ["emofactors"]


def test_every_public_name_has_an_example():
    public = {
        f"{file.stem}.{node.name}": ast.get_docstring(node) or ""
        for file in MODULES
        for node in ast.parse(file.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_")
    }
    assert {name.partition(".")[0] for name in public} == {file.stem for file in MODULES}
    assert [name for name, docstring in public.items() if "\nExample:\n    >>> " not in docstring] == []
