"""Files around the code: hooks, citation, change log, licences, catalog entry and wheel match the project."""

import importlib.util
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

REPOSITORY = Path(__file__).parents[2]
PYPROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
#: Packages under a copyleft licence; NOTICE.md names each.
COPYLEFT = {"certifi", "docutils", "espeakng-loader", "hypothesis", "pathspec", "praat-parselmouth", "soxr"}


def read(name):
    return (REPOSITORY / name).read_text(encoding="utf-8")


def load_licences():
    """Return the module that writes the table of licences."""
    spec = importlib.util.spec_from_file_location("licences", REPOSITORY / "docs" / "scripts" / "licences.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


LICENCES = load_licences()


def commands_of_lint():
    """Return the commands of `make lint`."""
    (lines,) = re.findall(r"^lint: .*\n((?:\t.+\n)+)", read("Makefile"), flags=re.MULTILINE)
    return [line.strip() for line in lines.splitlines()]


# --- types, lint, hooks ---------------------------------------------------------------------------------------


def test_hooks_run_what_lint_runs():
    hooks = [hook for repo in yaml.safe_load(read(".pre-commit-config.yaml"))["repos"] for hook in repo["hooks"]]
    assert [hook["entry"] for hook in hooks] == commands_of_lint()
    assert all(hook["language"] == "system" and hook["pass_filenames"] is False for hook in hooks)
    assert len({hook["id"] for hook in hooks}) == len(hooks)


def test_types_are_checked_strictly_and_exceptions_have_reasons():
    settings = PYPROJECT["tool"]["mypy"]
    assert ".venv/bin/mypy" in commands_of_lint()
    assert settings["files"] == ["src"]
    for key in ("disallow_untyped_defs", "disallow_incomplete_defs", "check_untyped_defs", "warn_unused_ignores"):
        assert settings[key] is True
    offenders = [
        f"{file.relative_to(REPOSITORY)}:{number}: {line.strip()}"
        for file in sorted((REPOSITORY / "src").rglob("*.py"))
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1)
        if "type: ignore" in line and not re.search(r"# type: ignore\[[a-z-]+\]  # \w", line)
    ]
    assert offenders == [], "\n".join(offenders)


# --- citation and change log ----------------------------------------------------------------------------------


def test_the_citation_is_cff_of_this_version():
    citation = yaml.safe_load(read("CITATION.cff"))
    assert citation["cff-version"] == "1.2.0"
    assert {"message", "title", "authors", "type", "version", "license", "references"} <= citation.keys()
    assert citation["type"] in ("software", "dataset")
    assert citation["version"] == PYPROJECT["project"]["version"]
    assert citation["license"] == PYPROJECT["project"]["license"]
    for work in (citation, *citation["references"]):
        assert isinstance(work["title"], str)
        for author in work["authors"]:
            assert author.keys() <= {"family-names", "given-names"} or author.keys() == {"name"}
    for work in citation["references"]:
        assert work["type"] in {"article", "conference-paper"}
        assert isinstance(work["year"], int)
        assert re.fullmatch(r"10\.\d{4,9}/\S+", work.get("doi", "10.1000/none"))


def test_the_change_log_has_this_version():
    log = read("CHANGELOG.md")
    versions = re.findall(r"^## \[(\d+\.\d+\.\d+)\]", log, flags=re.MULTILINE)
    assert versions[0] == PYPROJECT["project"]["version"]
    kinds = re.findall(r"^### (.+)$", log, flags=re.MULTILINE)
    assert kinds
    assert set(kinds) <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


# --- licences -------------------------------------------------------------------------------------------------


def test_every_package_of_the_lock_has_a_licence():
    assert [name for name in LICENCES.names() if not LICENCES.licence(name)] == []


def test_the_table_of_licences_names_every_package_of_the_lock():
    _, _, rest = read("NOTICE.md").partition(LICENCES.BEGIN)
    rows = dict(re.findall(r"^\| (\S+) \| (.+) \|$", rest, flags=re.MULTILINE))
    rows.pop("package")
    assert list(rows) == sorted(LICENCES.names(), key=str.lower)
    assert all(rows.values())


def test_the_lock_has_every_declared_package():
    declared = {canonicalize_name(Requirement(line).name) for line in PYPROJECT["project"]["dependencies"]}
    assert declared - {canonicalize_name(name) for name in LICENCES.names()} == set()


def test_no_copyleft_enters_unnoticed():
    copyleft = re.compile(r"GPL|GNU|MPL|Mozilla|EUPL|CeCILL|CDDL|EPL|Eclipse|copyleft", flags=re.IGNORECASE)
    found = {name.lower() for name in LICENCES.names() if copyleft.search(LICENCES.licence(name))}
    assert found == COPYLEFT
    notice = read("NOTICE.md")
    before, _, _ = notice.partition(LICENCES.BEGIN)
    assert [name for name in COPYLEFT if name not in before] == []


def test_each_gpl_package_is_imported_by_one_module():
    for module, only in (
        ("espeakng_loader", "corpora/readers/espeak.py"),
        ("parselmouth", "features/pitch_praat.py"),
    ):
        package = REPOSITORY / "src" / "emofactors"
        importing = [
            file.relative_to(package).as_posix()
            for file in package.rglob("*.py")
            if re.search(rf"^\s*(import|from) {module}\b", file.read_text(encoding="utf-8"), flags=re.MULTILINE)
        ]
        assert importing == [only]


# --- the catalog of workflows ---------------------------------------------------------------------------------


def test_the_catalog_file_states_how_the_workflow_is_used():
    usage = yaml.safe_load(read(".snakemake-workflow-catalog.yml"))["usage"]
    assert usage.keys() == {"mandatory-flags", "software-stack-deployment", "report"}
    assert usage["mandatory-flags"].keys() == {"desc", "flags"}
    # All rules share one environment, so Snakemake deploys none.
    assert not any(usage["software-stack-deployment"].values())
    assert usage["report"] is True
    assert list((REPOSITORY / "workflow" / "report").glob("*.rst"))


def test_the_readme_of_config_names_every_folder():
    folders = {folder.name for folder in (REPOSITORY / "config").iterdir() if folder.is_dir()}
    assert set(re.findall(r"`(\w+)/`", read("config/README.md"))) == folders


# --- the wheel ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Return the names of the files of a wheel built from this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    built = subprocess.run(
        [*command, "--disable-pip-version-check", "--wheel-dir", str(folder), str(REPOSITORY)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    (file,) = folder.glob("*.whl")
    with zipfile.ZipFile(file) as archive:
        return set(archive.namelist())


def test_the_wheel_holds_the_package_and_nothing_else(wheel):
    code = {
        file.relative_to(REPOSITORY / "src").as_posix()
        for file in (REPOSITORY / "src").rglob("*")
        if file.is_file() and "__pycache__" not in file.parts and not file.match("*.egg-info/*")
    }
    in_package = {name for name in wheel if ".dist-info/" not in name}
    assert in_package == code
    assert {"emofactors/py.typed", "emofactors/report/page/templates/page.html"} <= in_package
    assert {Path(name).suffix for name in in_package} <= {".py", ".html", ".css", ".js", ".typed"}


def test_the_wheel_brings_the_licence_and_the_notice(wheel):
    names = {Path(name).name for name in wheel if ".dist-info/" in name}
    assert {"METADATA", "RECORD", "LICENSE", "NOTICE.md", "entry_points.txt"} <= names
