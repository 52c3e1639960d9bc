"""What the tools do not check: one name for rule, script and log, and a fingerprint that sees all code."""

import ast
import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
PACKAGE = REPOSITORY / "src" / "emofactors"
SCRIPTS = sorted((REPOSITORY / "workflow" / "scripts").glob("*.py"))
RULE_FILES = sorted((REPOSITORY / "workflow" / "rules").glob("*.smk"))
MODULES = sorted(PACKAGE.rglob("*.py"))

#: Where a name from config becomes code: their imports stand inside a function.
DOORS = {
    "emofactors.corpora": "corpora/__init__.py",
    "emofactors.features": "features/__init__.py",
    "emofactors.systems": "systems/__init__.py",
}

#: No script reaches it (tested below), so no fingerprint needs to see what a command imports when it is called.
CLI = PACKAGE / "cli"

COMMON = (REPOSITORY / "workflow" / "rules" / "common.smk").read_text(encoding="utf-8")


def rules():
    """Text of each rule, by its name."""
    found = {}
    for file in RULE_FILES:
        text = file.read_text(encoding="utf-8")
        _, *parts = re.split(r"^(?:rule|checkpoint) (\w+):\n", text, flags=re.MULTILINE)
        found |= dict(zip(parts[::2], parts[1::2], strict=True))
    return found


RULES = rules()


def quoted(directive, text):
    """The one string of a directive of a rule."""
    (string,) = re.findall(rf'^    {directive}:\n        "([^"]+)",?\n', text, flags=re.MULTILINE)
    return string


def code_of_rule(text):
    """What a rule's `code` param is made with: the arguments of code_of."""
    (value,) = re.findall(r"^        code=(.+),\n", text, flags=re.MULTILINE)
    if not value.startswith("code_of("):
        (value,) = re.findall(
            rf"^def {value}\(wildcards\):\n    return (code_of\([^)]*\))", COMMON, flags=re.MULTILINE
        )
    return value


def package_imports(tree):
    """Import statements of a file, wherever they stand, that name the package."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            modules = ["emofactors" if node.level else node.module]
        else:
            continue
        if any(module.split(".")[0] == "emofactors" for module in modules):
            yield node


def parse(file):
    return ast.parse(file.read_text(encoding="utf-8"))


def test_there_is_something_to_check():
    assert len(RULES) >= 10
    assert len(SCRIPTS) >= 10
    assert len(MODULES) >= 30


def test_snakemake_has_no_complaint_but_the_one_environment(fresh_project):
    lint = fresh_project().snakemake("--lint")
    complaints = re.findall(r"^    \* (.+):$", lint.stdout, flags=re.MULTILINE)
    assert set(complaints) == {"Specify a conda environment or container for each rule."}
    assert len(complaints) == len(RULES)


def test_every_rule_has_a_script_and_every_script_a_rule():
    assert [file.stem for file in SCRIPTS] == sorted(RULES)


@pytest.mark.parametrize("rule", RULES)
def test_rule_script_and_log_have_one_name(rule):
    assert quoted("script", RULES[rule]) == f"../scripts/{rule}.py"
    assert quoted("log", RULES[rule]).endswith(f"/{rule}.log")
    assert quoted("benchmark", RULES[rule]).endswith(f"/{rule}.jsonl")


@pytest.mark.parametrize("rule", RULES)
def test_log_and_benchmark_mirror_each_other(rule):
    log, benchmark = quoted("log", RULES[rule]), quoted("benchmark", RULES[rule])
    assert log.removeprefix("results/logs/").removesuffix(".log") == benchmark.removeprefix(
        "results/benchmarks/"
    ).removesuffix(".jsonl")


@pytest.mark.parametrize("rule", RULES)
def test_code_is_the_fingerprint_of_the_rules_own_script(rule):
    assert re.match(rf'code_of\(\s*"{rule}"', code_of_rule(RULES[rule]))


@pytest.mark.parametrize("rule", RULES)
def test_code_names_the_doors_a_script_goes_through(rule):
    imported = {node.module for node in package_imports(parse(REPOSITORY / "workflow" / "scripts" / f"{rule}.py"))}
    assert [door for door in DOORS if door in imported] == [
        door for door in DOORS if f'f"{door}.{{' in code_of_rule(RULES[rule])
    ]


@pytest.mark.parametrize("file", SCRIPTS, ids=lambda file: file.stem)
def test_a_script_says_its_rule_and_defines_nothing(file):
    tree = parse(file)
    assert ast.get_docstring(tree).startswith(f"rule {file.stem}: ")
    definitions = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda
    assert not [node for node in ast.walk(tree) if isinstance(node, definitions)]
    assert "snakemake.config" not in file.read_text(encoding="utf-8")


@pytest.mark.parametrize("file", RULE_FILES, ids=lambda file: file.stem)
def test_functions_stand_in_common_and_rules_in_chapters(file):
    text = file.read_text(encoding="utf-8")
    assert not re.search(r"\blambda\b|^\s*run:", text, flags=re.MULTILINE)
    assert bool(re.search(r"^\s*def ", text, flags=re.MULTILINE)) == (file.stem == "common")
    assert bool(re.search(r"^rule ", text, flags=re.MULTILINE)) == (file.stem != "common")


@pytest.mark.parametrize(
    "file",
    [
        file
        for file in [*MODULES, *SCRIPTS]
        if file not in [PACKAGE / door for door in DOORS.values()] and CLI not in file.parents
    ],
    ids=lambda file: file.relative_to(REPOSITORY).as_posix(),
)
def test_the_fingerprint_sees_every_import(file):
    tree = parse(file)
    for node in package_imports(tree):
        assert node in tree.body, f"line {node.lineno}: an import below the top level is not followed"
        assert isinstance(node, ast.Import) or node.level == 0, f"line {node.lineno}: a relative one neither"
    assert "import_module" not in file.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "file",
    [file for file in [*MODULES, *SCRIPTS, *RULE_FILES] if CLI not in file.parents],
    ids=lambda file: file.relative_to(REPOSITORY).as_posix(),
)
def test_nothing_reaches_the_commands(file):
    assert "emofactors.cli" not in file.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "file",
    [file for file in MODULES if CLI not in file.parents],
    ids=lambda file: file.relative_to(PACKAGE).as_posix(),
)
def test_only_scripts_go_through_a_door(file):
    for node in package_imports(parse(file)):
        if isinstance(node, ast.ImportFrom) and node.module in DOORS:
            folder = (PACKAGE / DOORS[node.module]).parent
            assert all((folder / f"{alias.name}.py").is_file() for alias in node.names)
