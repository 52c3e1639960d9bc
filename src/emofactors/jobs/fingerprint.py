"""Which code stands behind a result: a fingerprint that changes when the code does, and only then.

Snakemake re-runs a job when its script changes, but not when a module the
script imports does: results would go stale in silence. Every rule therefore
has ``code=fingerprint(...)`` among its params: a hash over the syntax trees of
all modules of the package that its script reaches, without docstrings,
comments and layout.
"""

import ast
from functools import cache
from hashlib import sha256
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]


def fingerprint(script: Path, *doors: str) -> str:
    """Hash of the package code behind a script.

    Imports inside functions are not followed: they are the doors through which
    a name from config becomes code (``emofactors.systems``), and a rule that
    uses one names what lies behind it.

    Args:
        script: the rule's script.
        doors: modules reached by name at run time, ``emofactors.systems.cnn_bigru``.

    Returns:
        16 hexadecimal digits.

    Raises:
        ModuleNotFoundError: if the script or a module imports a module of the package that is not there.
    """
    found: dict[str, Path] = {}
    waiting = [*_package_imports(script), *doors]
    while waiting:
        module = waiting.pop()
        if module not in found:
            found[module] = _file_of(module)
            waiting += _package_imports(found[module])
    digest = sha256(_code_hash(script).encode())
    for module in sorted(found):
        digest.update(f"{module} {_code_hash(found[module])}\n".encode())
    return digest.hexdigest()[:16]


@cache
def _package_imports(file: Path) -> tuple[str, ...]:
    """Modules of the package that a file imports at its top level."""
    modules = []
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Import):
            modules += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            # `import emodb` from a chapter names a module, `import read_corpus` does not.
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            modules += [node.module, *(name for name in names if _exists(name))]
    return tuple(module for module in modules if module.split(".")[0] == "emofactors")


@cache
def _code_hash(file: Path) -> str:
    """Hash of a file's syntax tree without docstrings."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                node.body = node.body[1:]
    return sha256(ast.dump(tree).encode()).hexdigest()


def _exists(module: str) -> bool:
    return module.split(".", maxsplit=1)[0] == "emofactors" and _candidates(module) is not None


def _file_of(module: str) -> Path:
    file = _candidates(module)
    if file is None:
        raise ModuleNotFoundError(f"{module} is imported, but is no module of the package")
    return file


def _candidates(module: str) -> Path | None:
    path = _PACKAGE.joinpath(*module.split(".")[1:])
    for file in (path.with_suffix(".py") if path != _PACKAGE else None, path / "__init__.py"):
        if file is not None and file.is_file():
            return file
    return None
