"""Planning a study of 10,000 trainings takes at most a minute and 2 GB of memory."""

import importlib.util
import re
from pathlib import Path

BENCH = Path(__file__).parents[2] / "bench" / "scale.py"
TRAININGS = 10_000


def test_ten_thousand_trainings_are_planned_within_a_minute_and_2_gb(fresh_project):
    spec = importlib.util.spec_from_file_location("scale", BENCH)
    scale = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(scale)
    project = fresh_project()
    study = scale.write_sweep(project.folder, TRAININGS)
    planned = scale.plan(project.folder, "--configfile", str(study))
    assert re.search(rf"^train +{TRAININGS}$", planned.output, flags=re.MULTILINE)
    # CPU time, so that other processes on the machine do not count.
    assert planned.cpu_s < 60
    assert planned.peak_mb < 2000
