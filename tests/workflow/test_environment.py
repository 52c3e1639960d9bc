"""One environment: what pyproject.toml allows, requirements.lock pins, conda installs and tests run in."""

import tomllib
from importlib.metadata import PackageNotFoundError, metadata, version
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

REPOSITORY = Path(__file__).parents[2]
PYPROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
DECLARED = [*PYPROJECT["project"]["dependencies"], *PYPROJECT["dependency-groups"]["dev"]]
OLDEST_PYTHON = PYPROJECT["project"]["requires-python"].removeprefix(">=")
LOCK = [
    line
    for line in (REPOSITORY / "requirements.lock").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#")
]


def pins():
    """Version of each package of the lock, and the requirement it stands in."""
    requirements = [Requirement(line) for line in LOCK]
    return {canonicalize_name(r.name): (next(iter(r.specifier)).version, r) for r in requirements}


def test_the_lock_pins_every_package_once_and_names_no_address():
    assert len(LOCK) >= len(DECLARED)
    for line in LOCK:
        assert not line.startswith("-"), line
        requirement = Requirement(line)
        assert requirement.url is None
        assert [s.operator for s in requirement.specifier] == ["=="], line
        assert "*" not in str(requirement.specifier), line
    assert len(pins()) == len(LOCK)


@pytest.mark.parametrize("declared", DECLARED)
def test_the_lock_satisfies_what_is_declared(declared):
    requirement = Requirement(declared)
    pinned, of_lock = pins()[canonicalize_name(requirement.name)]
    assert requirement.specifier.contains(pinned)
    assert of_lock.marker is None, "a declared package is wanted everywhere"


@pytest.mark.parametrize("line", LOCK)
def test_this_environment_is_the_lock(line):
    requirement = Requirement(line)
    wanted = requirement.marker is None or requirement.marker.evaluate()
    try:
        # A local label (+cpu) says which build of a version it is.
        installed = version(requirement.name).split("+")[0]
    except PackageNotFoundError:
        installed = None
    assert installed == (pins()[canonicalize_name(requirement.name)][0] if wanted else None)


@pytest.mark.parametrize("line", LOCK)
def test_every_package_takes_the_oldest_python_that_is_promised(line):
    requirement = Requirement(line)
    if requirement.marker is None or requirement.marker.evaluate():
        takes = metadata(requirement.name)["Requires-Python"] or ""
        assert SpecifierSet(takes).contains(f"{OLDEST_PYTHON}.0")


def test_conda_installs_the_lock_with_a_python_that_fits():
    environment = yaml.safe_load((REPOSITORY / "environment.yml").read_text(encoding="utf-8"))
    *of_conda, of_pip = environment["dependencies"]
    assert of_pip == {"pip": ["-r requirements.lock"]}
    python = {name: pin for name, _, pin in (package.partition("=") for package in of_conda)}
    assert python.keys() == {"python", "pip"}
    assert SpecifierSet(PYPROJECT["project"]["requires-python"]).contains(python["python"])
