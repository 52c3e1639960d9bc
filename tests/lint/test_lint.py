"""Rules of the house that other tools do not check: names, layers of rules and scripts, fingerprints, mirrors, words."""

import ast
import re
from functools import cache
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
SRC = REPOSITORY / "src"
PACKAGE = SRC / "emofactors"
MODULES = sorted(PACKAGE.rglob("*.py"))
PLAN_CODE = PACKAGE / "plan" / "code.py"
SCRIPTS = sorted((REPOSITORY / "workflow" / "scripts").glob("*.py"))
RULE_FILES = sorted((REPOSITORY / "workflow" / "rules").glob("*.smk"))

#: Module that imports others by a name from config, inside a function -> the package of those others.
LAZY = {
    "emofactors.corpora.readers": "emofactors.corpora.readers",
    "emofactors.features": "emofactors.features",
    "emofactors.systems": "emofactors.systems",
    "emofactors.report.tables.make": "emofactors.report.tables",
    "emofactors.report.figures.make": "emofactors.report.figures",
}
#: Commands import their modules when they are called; no script reaches them (tested below).
CLI = PACKAGE / "cli"

TEXT_FILES = {".py", ".smk", ".yaml", ".md", ".html", ".js", ".css", ".rst", ".csv", ".sh"}
#: Words of the project's former private dialect, and the standard term for each.
DIALECT = {
    "hear|hears|heard|hearing": "read, input, ModelOutputs, input spec",
    "judge|judges|judged": "classifier",
    "rebuild|rebuilds|rebuilt|rebuilding": "reconstruct, reconstructed",
    "glance|glances": "corpus overview",
    "in_words": "exit_with_message, display",
    "runlog": "jobs.log",
    r"emofactors\.provenance|import provenance|provenance\.fingerprint": "jobs.fingerprint",
    r"least_\w+": "min_",
    r"role|roles|role_\w+": "split",
    r"(?!test_)\w+_seen|seen_\w+|seen (?:speakers?|utterances)": "held_out",
    "deviation|deviations": "std",
    "sheets|arrays\\.py|plain\\.py": "io.csv, io.npz, io.yaml",
    "TrainedRun|RoleData|Recognisability": "SavedModel, SplitData, ProbeAccuracy",
    "measure_factors|play_factors|test_run|draw_corpus|rebuild_speech": "the rule's new name",
}
#: Occurrences that stay: (folder, pattern) -> reason.
DIALECT_ALLOWED = {
    ("", r"standard deviation|^deviation"): "the term of statistics, also at the start of a line",
    ("", r"[Uu]nseen|unseen_speakers"): "the field's term, and the key of a table",
    ("src/emofactors/report/page/templates/", r'role="\w+"'): "roles of accessible HTML (ARIA)",
    ("tests/browser/", r"\brole\b"): "likewise",
}


def relative(file):
    return file.relative_to(REPOSITORY).as_posix()


@cache
def parse(file):
    return ast.parse(file.read_text(encoding="utf-8"))


def rules():
    """Return the text of each rule by its name."""
    found = {}
    for file in RULE_FILES:
        _, *parts = re.split(
            r"^(?:rule|checkpoint) (\w+):\n", file.read_text(encoding="utf-8"), flags=re.MULTILINE
        )
        found |= dict(zip(parts[::2], parts[1::2], strict=True))
    return found


RULES = rules()


def quoted(directive, text):
    """Return the only string of a directive of a rule, or an empty string."""
    strings = re.findall(rf'^    {directive}:\n        "([^"]+)",?\n', text, flags=re.MULTILINE)
    return strings[0] if len(strings) == 1 else ""


def code_of_rule(text):
    """Return the expression of a rule's ``code`` param; the body of a method of plan/code.py where the rule names one."""
    values = re.findall(r"^        code=(.+),\n", text, flags=re.MULTILINE)
    if len(values) != 1:
        return ""
    method = re.fullmatch(r"CODE\.(\w+)", values[0])
    methods = {node.name: node for node in ast.walk(parse(PLAN_CODE)) if isinstance(node, ast.FunctionDef)}
    return ast.unparse(methods[method[1]]) if method else values[0]


def package_imports(file):
    """Return the import statements of a file, at any depth, that name the package."""
    found = []
    for node in ast.walk(parse(file)):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            modules = ["emofactors" if node.level else node.module]
        else:
            continue
        if any(module.split(".")[0] == "emofactors" for module in modules):
            found.append(node)
    return found


def file_of(module):
    """Return the file of a module of the package, or None."""
    path = SRC / Path(*module.split("."))
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()), None)


def lazy_packages(script):
    """Return the packages from which a script imports by name, directly or through the modules that it imports."""
    found, reached, waiting = set(), set(), [script]
    while waiting:
        file = waiting.pop()
        if file in reached:
            continue
        reached.add(file)
        for node in parse(file).body:
            if not isinstance(node, ast.ImportFrom) or not node.module.startswith("emofactors"):
                continue
            submodules = [file_of(f"{node.module}.{alias.name}") for alias in node.names]
            if node.module in LAZY and None in submodules:  # a function of the module, not a module of the package
                found.add(LAZY[node.module])
            waiting += [file for file in (file_of(node.module), *submodules) if file is not None]
    return found


# --- rules and scripts ----------------------------------------------------------------------------------------


def test_the_lint_finds_the_files_it_checks():
    assert len(RULES) >= 20
    assert len(MODULES) >= 100
    assert len(RULE_FILES) == 6
    assert None not in map(file_of, [*LAZY, *LAZY.values()])


def test_snakemake_lint_only_asks_for_environments(fresh_project):
    lint = fresh_project().snakemake("--lint")
    complaints = re.findall(r"^    \* (.+):$", lint.stdout, flags=re.MULTILINE)
    assert set(complaints) == {"Specify a conda environment or container for each rule."}
    assert len(complaints) == len(RULES)


def test_every_rule_has_a_script_and_every_script_a_rule():
    assert [file.stem for file in SCRIPTS] == sorted(RULES)


def test_rule_script_log_and_benchmark_share_one_name():
    offenders = []
    for rule, text in RULES.items():
        log, benchmark = quoted("log", text), quoted("benchmark", text)
        folder = log.removeprefix("results/logs/").removesuffix(f"{rule}.log")
        if (
            quoted("script", text) != f"../scripts/{rule}.py"
            or log != f"results/logs/{folder}{rule}.log"
            or benchmark != f"results/benchmarks/{folder}{rule}.jsonl"
        ):
            offenders.append(f"{rule}: {log}, {benchmark}")
    assert offenders == [], "\n".join(offenders)


def test_the_code_of_a_rule_covers_its_script_and_its_lazy_imports():
    offenders = []
    for rule, text in RULES.items():
        code = code_of_rule(text)
        if not re.search(rf"""\.of\(["']{rule}["']""", code):
            offenders.append(f"{rule}: code= does not name the script: {code!r}")
        for package in lazy_packages(REPOSITORY / "workflow" / "scripts" / f"{rule}.py"):
            if f"{package}." not in code:
                offenders.append(f"{rule}: code= does not name the modules of {package}")
    assert offenders == [], "\n".join(offenders)


def test_a_script_names_its_rule_and_defines_nothing():
    offenders = []
    for file in SCRIPTS:
        tree = parse(file)
        definitions = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda
        if not (ast.get_docstring(tree) or "").startswith(f"rule {file.stem}: "):
            offenders.append(f"{relative(file)}: docstring does not begin with 'rule {file.stem}: '")
        offenders += [
            f"{relative(file)}:{node.lineno}: defines" for node in ast.walk(tree) if isinstance(node, definitions)
        ]
        if "snakemake.config" in file.read_text(encoding="utf-8"):
            offenders.append(f"{relative(file)}: reads snakemake.config")
    assert offenders == [], "\n".join(offenders)


def test_rule_files_have_rules_and_no_code():
    offenders = []
    for file in RULE_FILES:
        text = file.read_text(encoding="utf-8")
        forbidden = r"\blambda\b|^\s*run:" if file.stem == "common" else r"\blambda\b|^\s*run:|^\s*def "
        offenders += [f"{relative(file)}: {found}" for found in re.findall(forbidden, text, flags=re.MULTILINE)]
        if bool(re.search(r"^(rule|checkpoint) ", text, flags=re.MULTILINE)) == (file.stem == "common"):
            offenders.append(f"{relative(file)}: expected rules in chapters and none in common.smk")
    assert offenders == [], "\n".join(offenders)


# --- imports --------------------------------------------------------------------------------------------------


def test_the_fingerprint_follows_every_import():
    """It reads absolute imports at the top of a module; only lazy modules and commands have others."""
    lazy = [file_of(module) for module in LAZY]
    offenders = []
    for file in [*MODULES, *SCRIPTS]:
        if file in lazy or CLI in file.parents:
            continue
        for node in package_imports(file):
            if node not in parse(file).body or getattr(node, "level", 0):
                offenders.append(f"{relative(file)}:{node.lineno}: expected an absolute import at the top")
        if "import_module" in file.read_text(encoding="utf-8"):
            offenders.append(f"{relative(file)}: import_module")
    assert offenders == [], "\n".join(offenders)


def test_nothing_imports_the_commands():
    files = [file for file in [*MODULES, *SCRIPTS, *RULE_FILES] if CLI not in file.parents]
    assert [relative(file) for file in files if "emofactors.cli" in file.read_text(encoding="utf-8")] == []


# --- mirrors --------------------------------------------------------------------------------------------------


def test_every_module_has_its_mirror_among_the_tests():
    expected = [
        REPOSITORY / "tests" / "unit" / module.relative_to(PACKAGE).parent / f"test_{module.name}"
        for module in MODULES
        if module.name != "__init__.py"
    ]
    missing = [relative(file) for file in expected if not file.is_file()]
    assert missing == [], "\n".join(missing)


# --- words ----------------------------------------------------------------------------------------------------


def test_the_former_dialect_does_not_return():
    files = [
        file
        for folder in ("src", "workflow", "config", "bench", "tests")
        for file in sorted((REPOSITORY / folder).rglob("*"))
        if file.suffix in TEXT_FILES
        and not any(part.startswith(".") for part in file.relative_to(REPOSITORY).parts)
        and file != Path(__file__)
    ]
    assert len(files) >= 300
    forbidden = re.compile(rf"(?<![\w-])(?:{'|'.join(DIALECT)})(?![\w-])", flags=re.IGNORECASE)
    offenders = []
    for file in files:
        allowed = re.compile("|".join(p for folder, p in DIALECT_ALLOWED if relative(file).startswith(folder)))
        offenders += [
            f"{relative(file)}:{number}: {found[0]!r}"
            for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1)
            if (found := forbidden.search(allowed.sub("", line)))
        ]
    assert offenders == [], "\n".join(offenders)
