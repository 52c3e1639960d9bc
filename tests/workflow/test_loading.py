"""Reading a file cannot run code: no pickle, no YAML objects, one way to read CSV."""

import ast
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
PACKAGE = REPOSITORY / "src" / "emofactors"
FILES = [
    *sorted(PACKAGE.rglob("*.py")),
    *sorted((REPOSITORY / "workflow" / "scripts").glob("*.py")),
    *sorted((REPOSITORY / "bench").glob("*.py")),
]

#: Modules that run code stored in bytes.
FORBIDDEN = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
#: Functions that run code or a shell. ``yaml.load`` is allowed with the two loaders of io/yaml.py.
FORBIDDEN_CALLS = {
    *("eval", "exec", "compile", "__import__", "os.system", "os.popen"),
    *("subprocess.getoutput", "subprocess.getstatusoutput", "pd.read_pickle", "np.fromregex"),
    *("yaml.full_load", "yaml.unsafe_load", "yaml.load_all", "yaml.full_load_all", "yaml.unsafe_load_all"),
}
YAML = PACKAGE / "io" / "yaml.py"
#: Runs the scripts of jobs, as an interpreter would.
FORK_SERVER = PACKAGE / "jobs" / "fork_server.py"
#: Modules that call pandas' or Python's CSV functions: io/csv.py itself, and the reader of users' tables.
CSV_MODULES = {PACKAGE / "io" / "csv.py", PACKAGE / "corpora" / "readers" / "delimited.py"}
#: Classes of loaders that io/yaml.py derives from yaml.SafeLoader.
LOADERS = {
    node.name for node in ast.walk(ast.parse(YAML.read_text(encoding="utf-8"))) if isinstance(node, ast.ClassDef)
}


def faults(tree, file=None):
    """Return what a module does that is forbidden."""
    found = []
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        found += [f"imports {name}" for name in names if name.split(".")[0] in FORBIDDEN]
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func)
        keywords = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
        *_, last = name.split(".")
        if file == FORK_SERVER and name in ("exec", "compile"):
            continue
        if name in FORBIDDEN_CALLS or keywords.get("shell", "False") != "False":
            found.append(f"calls {name}")
        elif name in ("np.load", "numpy.load") and keywords.get("allow_pickle") != "False":
            found.append(f"{name} without allow_pickle=False")
        elif name == "torch.load" and keywords.get("weights_only") != "True":
            found.append(f"{name} without weights_only=True")
        elif name == "yaml.safe_load" and file is not None and file.is_relative_to(PACKAGE):
            found.append(f"{name} outside io/yaml.py")
        elif name == "yaml.load" and not (
            file == YAML and len(node.args) == 2 and ast.unparse(node.args[1]) in LOADERS
        ):
            found.append(f"{name} without a loader of io/yaml.py")
        elif file not in CSV_MODULES and (name in ("pd.read_csv", "csv.reader", "csv.writer") or last == "to_csv"):
            found.append(f"{name} outside io/csv.py")
    return found


def test_no_module_can_run_code_that_it_reads():
    assert len(FILES) >= 80
    offenders = [
        f"{file.relative_to(REPOSITORY)}: {fault}"
        for file in FILES
        for fault in faults(ast.parse(file.read_text(encoding="utf-8")), file)
    ]
    assert offenders == [], "\n".join(offenders)


@pytest.mark.parametrize(
    "line",
    [
        "import pickle",
        "from joblib import load",
        "np.load(path)",
        "np.load(path, allow_pickle=True)",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "yaml.load(text)",
        "yaml.load(text, yaml.Loader)",
        "yaml.unsafe_load(text)",
        "pd.read_pickle(path)",
        "pd.read_csv(path)",
        "table.to_csv(path)",
        "eval(text)",
        "os.system(text)",
        "subprocess.run(text, shell=True)",
    ],
)
def test_the_check_finds_forbidden_calls(line):
    assert faults(ast.parse(line))


def test_no_rule_runs_a_shell_command():
    for file in [REPOSITORY / "Snakefile", *(REPOSITORY / "workflow" / "rules").glob("*.smk")]:
        text = file.read_text(encoding="utf-8")
        assert "shell:" not in text
        assert "shell(" not in text
