"""What the package reads cannot run code: no pickle, no objects of YAML, and CSV in one way."""

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

#: Modules that make objects of bytes by running what the bytes say, or that hand text to a shell.
FORBIDDEN = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
#: Functions that do; ``yaml.load`` is one but with a loader of our own that knows plain values alone.
FORBIDDEN_CALLS = {
    *("eval", "exec", "compile", "__import__", "os.system", "os.popen"),
    *("subprocess.getoutput", "subprocess.getstatusoutput", "pd.read_pickle", "np.fromregex"),
    *("yaml.full_load", "yaml.unsafe_load", "yaml.load_all", "yaml.full_load_all", "yaml.unsafe_load_all"),
}
#: Where CSV is read and written by another way: the one way itself, and the tables of users, as they are.
CSV_ELSEWHERE = {PACKAGE / "sheets.py", PACKAGE / "corpora" / "delimited.py"}


def faults(tree, file=None):
    """What a module does that it may not."""
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
        if name in FORBIDDEN_CALLS or keywords.get("shell", "False") != "False":
            found.append(f"calls {name}")
        elif name in ("np.load", "numpy.load") and keywords.get("allow_pickle") != "False":
            found.append(f"{name} without allow_pickle=False")
        elif name == "torch.load" and keywords.get("weights_only") != "True":
            found.append(f"{name} without weights_only=True")
        elif name == "yaml.safe_load" and file is not None and file.is_relative_to(PACKAGE):
            found.append(f"{name} beside plain.py")
        elif name == "yaml.load" and [ast.unparse(argument) for argument in node.args[1:]] not in (
            ["_Plain"],
            ["_Foreign"],
        ):
            found.append(f"{name} without the loader of plain values")
        elif name in ("pd.read_csv", "csv.reader", "csv.writer") or last == "to_csv":
            if file in CSV_ELSEWHERE:
                continue
            found.append(f"{name} beside sheets.py")
    return found


def test_there_is_something_to_check():
    assert len(FILES) >= 80


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(REPOSITORY).as_posix())
def test_nothing_that_is_read_can_run(file):
    assert faults(ast.parse(file.read_text(encoding="utf-8")), file) == []


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
def test_the_check_sees_what_is_forbidden(line):
    assert faults(ast.parse(line))


def test_no_rule_hands_a_value_to_a_shell():
    for file in [REPOSITORY / "Snakefile", *(REPOSITORY / "workflow" / "rules").glob("*.smk")]:
        text = file.read_text(encoding="utf-8")
        assert "shell:" not in text
        assert "shell(" not in text
