"""Fingerprint of the code behind a result.

Snakemake reruns a job if its script changes, but not if a module that the script
imports changes. Every rule therefore has ``code=...`` among its params: a hash over
the syntax trees of all modules of the package that its script imports, directly or
indirectly, without docstrings, comments and layout.
"""

import ast
from functools import cache
from hashlib import sha256
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]


def fingerprint(script: Path, *lazy_imports: str) -> str:
    """Hash the package code that a script imports.

    Imports inside functions are not followed. They import a module by a name from
    the config (``emofactors.systems``), so a rule passes the modules that it uses.

    Args:
        script: the rule's script.
        lazy_imports: modules imported by name at run time, such as ``emofactors.systems.cnn_bigru``.

    Returns:
        16 hexadecimal digits.

    Raises:
        ModuleNotFoundError: if an imported module of the package does not exist.
    """
    files: dict[str, Path] = {}
    imports, code = _read(script)
    queue = [*imports, *lazy_imports]
    while queue:
        module = queue.pop()
        if module not in files:
            file = _find_file(module)
            if file is None:
                raise ModuleNotFoundError(f"{module} is imported, but is not a module of the package")
            files[module] = file
            queue += _read(file)[0]
    digest = sha256(code.encode())
    for module in sorted(files):
        digest.update(f"{module} {_read(files[module])[1]}\n".encode())
    return digest.hexdigest()[:16]


@cache
def _read(file: Path) -> tuple[tuple[str, ...], str]:
    """Return the modules of the package that a file imports at its top level, and the hash of its code."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return _package_imports(tree), _code_hash(tree)


def _package_imports(tree: ast.Module) -> tuple[str, ...]:
    """Return the modules of the package that are imported at the top level."""
    modules = []
    for node in tree.body:
        if isinstance(node, ast.Import):
            modules += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            # An imported name may be a module of a package or an attribute of a module.
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            modules += [node.module, *(name for name in names if _find_file(name) is not None)]
    return tuple(module for module in modules if module.split(".")[0] == "emofactors")


def _code_hash(tree: ast.Module) -> str:
    """Hash a syntax tree without docstrings, which are removed from it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                node.body = node.body[1:]
    return sha256(ast.dump(tree).encode()).hexdigest()


@cache
def _find_file(module: str) -> Path | None:
    """Return the file of a module of the package, or None if there is none."""
    root, *names = module.split(".")
    if root != "emofactors":
        return None
    folder = _PACKAGE.joinpath(*names)
    candidates = [folder / "__init__.py"] if not names else [folder.with_suffix(".py"), folder / "__init__.py"]
    return next((file for file in candidates if file.is_file()), None)
