"""What is added to the package re-runs the rules that use it, and no others."""

import json
import subprocess
import sys

import pytest

FINGERPRINTS = """
import json, sys, types
from pathlib import Path
import yaml
from emofactors.config.load import load_study
from emofactors.plan.code import CodePlan

project = Path(sys.argv[1])
study = load_study(yaml.safe_load((project / "config/config.yaml").read_text()), project / "config")
code = CodePlan(study, project / "workflow/scripts")
jobs = [
    types.SimpleNamespace(corpus=corpus, features=features, system=system, table=table, figure=figure)
    for corpus in study.corpora
    for features in study.features
    for system in study.systems if study.systems[system].method != "svm"
    for table in study.tables
    for figure in study.figures
]
rules = sorted(file.stem for file in (project / "workflow/scripts").glob("*.py"))
found = {
    rule: sorted({getattr(code, rule)(job) for job in jobs} if hasattr(code, rule) else {code.of(rule)})
    for rule in rules
}
print(json.dumps(found))
"""

#: Addition -> files of the package that change beside the new module, and the rules whose jobs re-run.
ADDITIONS = {
    "reader": (["config/corpora.py"], {"build_manifest", "download_corpus", "synthesize_corpus"}),
    "metric": (["config/tables/metrics.py", "report/tables/metrics.py"], {"make_table"}),
    "table kind": (["config/tables/kinds.py"], set()),
    "figure kind": (["config/figures/kinds.py"], set()),
}


def fingerprints(project):
    """The fingerprints of all rules of a project."""
    printed = subprocess.run(
        [sys.executable, "-c", FINGERPRINTS, str(project.folder)],
        env=project.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(printed.stdout)


@pytest.fixture(scope="module")
def project(fresh_project):
    return fresh_project()


@pytest.fixture(scope="module")
def before(project):
    return fingerprints(project)


@pytest.mark.parametrize("addition", ADDITIONS)
def test_an_addition_re_runs_only_what_uses_it(project, before, addition):
    files, expected = ADDITIONS[addition]
    for name in files:
        file = project.folder / "src" / "emofactors" / name
        file.write_text(f"{file.read_text()}\n_ADDED = {addition!r}\n")
    try:
        after = fingerprints(project)
    finally:
        for name in files:
            file = project.folder / "src" / "emofactors" / name
            file.write_text(file.read_text().replace(f"\n_ADDED = {addition!r}\n", ""))
    changed = {rule for rule, codes in after.items() if codes != before[rule]}
    assert changed == expected
    assert len(before) > 20
