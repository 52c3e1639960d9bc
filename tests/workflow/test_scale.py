"""Planning costs the same for each training, however many a study has: counted in calls and files, as times depend on the machine."""

import importlib.util
import re
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[2] / "bench" / "scale.py"
#: Numbers of trainings, in equal steps; a variant of the sweep has 40.
TRAININGS = (40, 80, 120)

#: Start of a Snakefile that prints how many functions are called, and how often files of the package and of config are opened.
COUNTS = """
import atexit, itertools, sys
calls, files = itertools.count(), itertools.count()

def count_file(event, arguments):
    if event == "open" and ("/src/emofactors/" in str(arguments[0]) or "/config/" in str(arguments[0])):
        next(files)

def count_call(*_):
    next(calls)

sys.addaudithook(count_file)
sys.settrace(count_call)
atexit.register(lambda: print("calls", next(calls), "files", next(files)))
"""


@pytest.fixture(scope="module")
def counted(fresh_project):
    """Calls and opened files of the plan of each number of trainings, in two lists."""
    spec = importlib.util.spec_from_file_location("scale", BENCH)
    scale = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(scale)
    counts = []
    for trainings in TRAININGS:
        project = fresh_project()
        snakefile = project.folder / "Snakefile"
        snakefile.write_text(COUNTS + snakefile.read_text(encoding="utf-8"), encoding="utf-8")
        study = scale.write_sweep(project.folder, trainings)
        output = scale.plan(project.folder, "--configfile", str(study)).output
        assert re.search(rf"^train +{trainings}$", output, flags=re.MULTILINE)
        counts += re.findall(r"^calls (\d+) files (\d+)$", output, flags=re.MULTILINE)
    return [[int(n) for n in of_plans] for of_plans in zip(*counts, strict=True)]


def test_every_further_training_takes_as_many_calls(counted):
    (few, more, most), _ = counted
    assert most - more == pytest.approx(more - few, rel=0.05)


def test_further_trainings_open_no_further_files_of_config_and_code(counted):
    _, (few, more, most) = counted
    assert few == more == most > 100
