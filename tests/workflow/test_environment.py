"""pyproject.toml, requirements.lock, environment.yml and the installed packages describe one environment."""

import subprocess
import tomllib
from importlib.metadata import PackageNotFoundError, metadata, requires, version
from pathlib import Path

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


#: GNU make prints the packages that it installs.
PRINT_PACKAGES = ["make", "--silent", "--eval", "print-packages:; @$(PACKAGES)", "print-packages"]

REQUIREMENTS = [Requirement(line) for line in LOCK]
#: The CPU build of torch is installed without them: ``make TORCH=cpu``.
CUDA = {r.name for r in REQUIREMENTS if r.name.startswith(("cuda", "nvidia", "triton"))}
#: Requirements of the lock that this platform installs.
WANTED = [
    r
    for r in REQUIREMENTS
    if (r.marker is None or r.marker.evaluate()) and not (r.name in CUDA and version("torch").endswith("+cpu"))
]
PINS = {canonicalize_name(r.name): next(iter(r.specifier)).version for r in REQUIREMENTS}


def installed_version(name):
    """Return the version of an installed package without its local label (+cpu), or None."""
    try:
        return version(name).split("+")[0]
    except PackageNotFoundError:
        return None


def test_the_lock_pins_every_package_once_and_names_no_address():
    assert len(LOCK) >= len(DECLARED)
    offenders = [
        line
        for line, requirement in zip(LOCK, REQUIREMENTS, strict=True)
        if line.startswith("-")
        or requirement.url is not None
        or [s.operator for s in requirement.specifier] != ["=="]
        or "*" in str(requirement.specifier)
    ]
    assert offenders == [], "\n".join(offenders)
    assert len(PINS) == len(LOCK)


def test_the_lock_satisfies_what_is_declared():
    offenders = [
        declared
        for declared in map(Requirement, DECLARED)
        if not declared.specifier.contains(PINS.get(canonicalize_name(declared.name), "0"))
    ]
    assert list(map(str, offenders)) == []


def test_declared_packages_have_no_marker_in_the_lock():
    declared = {canonicalize_name(Requirement(line).name) for line in DECLARED}
    assert [r.name for r in REQUIREMENTS if canonicalize_name(r.name) in declared and r.marker is not None] == []


def test_the_installed_packages_are_those_of_the_lock():
    expected = {r.name: PINS[canonicalize_name(r.name)] if r in WANTED else None for r in REQUIREMENTS}
    assert {name: installed_version(name) for name in expected} == expected


def packages_of_make(*arguments):
    """Return the requirements that make installs, line by line."""
    made = subprocess.run(
        [*PRINT_PACKAGES, *arguments], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    return made.stdout.splitlines() if made.returncode == 0 else made.stderr


def test_make_installs_the_lock():
    assert packages_of_make("TORCH=") == LOCK


def test_the_cpu_build_has_the_releases_of_the_lock_without_cuda():
    expected = [
        f"{line}+cpu" if line.startswith("torch") else line
        for line, requirement in zip(LOCK, REQUIREMENTS, strict=True)
        if requirement.name not in CUDA
    ]
    assert sum(line.endswith("+cpu") for line in expected) == 2
    assert packages_of_make("TORCH=cpu") == expected


def test_an_unknown_build_of_torch_is_refused():
    assert "TORCH is gpu, expected cpu" in packages_of_make("TORCH=gpu")


def test_only_torch_needs_the_packages_that_the_cpu_build_leaves_out():
    needed_by = {
        r.name
        for r in WANTED
        for line in requires(r.name) or ()
        if r.name not in CUDA and canonicalize_name(Requirement(line).name) in CUDA and "extra" not in line
    }
    assert needed_by == (set() if version("torch").endswith("+cpu") else {"torch"})


def test_every_package_supports_the_oldest_promised_python():
    offenders = [
        f"{r.name}: {metadata(r.name)['Requires-Python']}"
        for r in WANTED
        if not SpecifierSet(metadata(r.name)["Requires-Python"] or "").contains(f"{OLDEST_PYTHON}.0")
    ]
    assert offenders == [], "\n".join(offenders)


def test_conda_installs_the_lock_with_a_supported_python():
    environment = yaml.safe_load((REPOSITORY / "environment.yml").read_text(encoding="utf-8"))
    *of_conda, of_pip = environment["dependencies"]
    assert of_pip == {"pip": ["-r requirements.lock"]}
    python = {name: pin for name, _, pin in (package.partition("=") for package in of_conda)}
    assert python.keys() == {"python", "pip"}
    assert SpecifierSet(PYPROJECT["project"]["requires-python"]).contains(python["python"])
