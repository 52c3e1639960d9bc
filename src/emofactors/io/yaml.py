"""Read YAML files and check that values of config files and command lines are plain.

Config may come from an untrusted source. A short YAML file can expand to billions
of values (nested aliases), nest deeper than Python's recursion limit, or create
objects. Here, values are text, numbers, booleans, null, lists and mappings, of
bounded size.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, SequenceNode

from emofactors.errors import InputError

#: Forty times the longest file of the project.
MAX_BYTES = 256 * 1024
#: Four times the depth of the project's files; Python's limit is some hundreds.
MAX_DEPTH = 20
#: Values of a file with its aliases expanded; the longest file of the project has a few hundred.
MAX_VALUES = 20_000
#: Largest signed 64-bit integer; larger ones would fail less clearly in other libraries.
MAX_INTEGER = 2**63 - 1
#: Longer texts are not parsed as numbers.
_MAX_SCALAR_LENGTH = 40


def read_yaml(file: Path) -> dict[str, Any]:
    """Read a YAML file of keys and plain values.

    Args:
        file: UTF-8 within ``MAX_BYTES``, ``MAX_DEPTH`` and ``MAX_VALUES``.

    Returns:
        Its keys and values.

    Raises:
        InputError: if the file cannot be read, is not YAML within these limits, has a duplicate key, or has values
            that are not plain.
    """
    content = _parse(file, foreign=False)
    check_plain(content, str(file))
    return content


def read_foreign_yaml(file: Path) -> dict[Any, Any]:
    """Read a YAML file that may have numbers as keys; dates are read as text.

    Args:
        file: UTF-8 within the same limits.

    Returns:
        Its keys and values.

    Raises:
        InputError: if the file cannot be read, is not YAML within these limits, has a duplicate key, or creates
            objects.
    """
    return _parse(file, foreign=True)


def _parse(file: Path, *, foreign: bool) -> dict[Any, Any]:
    """Read a file within the limits of size, depth and number of values."""
    try:
        size = file.stat().st_size
        if size > MAX_BYTES:
            raise InputError(f"{file}: has {size:,} bytes, expected at most {MAX_BYTES:,}")
        text = file.read_bytes().decode("utf-8-sig")
        content = yaml.load(text, _Foreign) if foreign else yaml.load(text, _Plain)
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror}), expected YAML") from error
    except InputError:
        raise
    # PyYAML raises ValueError or LookupError for too many digits and for text tagged as a number.
    except (yaml.YAMLError, ValueError, LookupError) as error:
        raise InputError(f"{file}: is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict):
        raise InputError(f"{file}: is {type(content).__name__}, expected keys and values")
    return content


def check_plain(content: Mapping[str, Any], where: str) -> None:
    """Check that all values are plain.

    Args:
        content: keys and values.
        where: name of the source, for the error message.

    Raises:
        InputError: for a key that is not text, a value of another type, a number that is not finite or beyond
            ``MAX_INTEGER``, text with control characters, or too many or too deep values.
    """
    queue: list[tuple[str, Any, int]] = [("", content, 0)]
    n_values = 0
    while queue:
        key, value, depth = queue.pop()
        n_values += 1
        fault = _fault(value)
        if depth > MAX_DEPTH:
            fault = f"is nested {depth} levels deep, expected at most {MAX_DEPTH}"
        if n_values > MAX_VALUES:
            raise InputError(f"{where}: has more than {MAX_VALUES:,} values, expected fewer")
        if fault:
            raise InputError(f"{where}: {key}: {fault}")
        if isinstance(value, Mapping):
            for name, item in value.items():
                if not isinstance(name, str) or _fault(name):
                    raise InputError(f"{where}: {key}: has the key {short_repr(name)}, expected printable text")
                queue.append((f"{key}.{name}" if key else name, item, depth + 1))
        elif isinstance(value, list | tuple):
            queue += [(key, item, depth + 1) for item in value]


def parse_scalars(value: Any) -> Any:
    """Parse the scalars of nested values from Snakemake's command line, which Snakemake passes on as text."""
    match value:
        case Mapping():
            return {name: parse_scalars(item) for name, item in value.items()}
        case list() | tuple():
            return [parse_scalars(item) for item in value]
        case str():
            return _scalar(value)
    return value


def short_repr(value: Any) -> str:
    """Return the representation of a value for an error message: one line, at most 200 characters."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # an integer of too many digits, a list that contains itself
        text = f"some {type(value).__name__}"
    return text if len(text) <= 200 else f"{text[:180]} ... ({len(text):,} characters)"


def _scalar(text: str) -> Any:
    """Parse a text that is a number, true, false or null in YAML; return other texts unchanged."""
    if not text.strip() or len(text) > _MAX_SCALAR_LENGTH:
        return text
    try:
        value = _Plain(text).get_single_data()
    except (ValueError, yaml.YAMLError):
        return text
    return text if isinstance(value, str | list | dict) else value


def _fault(value: Any) -> str | None:
    """Return why a value is not plain, or None; items of lists and mappings are not checked."""
    fault = None
    match value:
        case None | bool() | Mapping() | list() | tuple():
            pass
        case str():
            if not value.replace("\n", "").replace("\t", "").isprintable():
                fault = f"is {short_repr(value)}, expected printable text"
        case int():
            if abs(value) > MAX_INTEGER:
                fault = f"is beyond {MAX_INTEGER}, expected a smaller number"
        case float():
            if not math.isfinite(value):
                fault = f"is {value}, expected a finite number"
        case _:
            kinds = "text, a number, true, false, null, a list, or keys and values"
            fault = f"is {type(value).__name__}, expected {kinds}"
    return fault


class _Plain(yaml.SafeLoader):
    """YAML loader without objects and dates, which refuses duplicate keys and too many aliases."""

    depth = 0

    def compose_node(self, parent: Node | None, index: Any) -> Node | None:
        """Compose a node within the limit of depth."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            mark = self.peek_event().start_mark
            raise yaml.composer.ComposerError(None, None, f"nested deeper than {MAX_DEPTH} levels", mark)
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def get_single_node(self) -> Node | None:
        """Compose the document, and check its number of values before it is constructed."""
        node = super().get_single_node()
        if node is not None:
            _count(node, {})
        return node


_Plain.yaml_constructors = {
    f"tag:yaml.org,2002:{tag}": yaml.SafeLoader.yaml_constructors[f"tag:yaml.org,2002:{tag}"]
    for tag in ("null", "bool", "int", "float", "str", "seq", "map")
} | {None: yaml.SafeLoader.yaml_constructors[None]}


class _Foreign(_Plain):
    """The same loader, which reads dates as text."""


_Foreign.yaml_constructors = _Plain.yaml_constructors | {
    "tag:yaml.org,2002:timestamp": yaml.SafeLoader.yaml_constructors["tag:yaml.org,2002:str"]
}


def _count(node: Node, known: dict[int, int | None]) -> int:
    """Count a node and all nodes below it, with aliases expanded.

    Raises:
        ComposerError: if there are too many, a node contains itself, or has a duplicate key.
    """
    match node:
        case MappingNode():
            children = [child for pair in node.value for child in pair]
            keys = [key.value for key, _ in node.value if key.tag == "tag:yaml.org,2002:str"]
            if len(set(keys)) < len(keys):
                key = short_repr(next(key for i, key in enumerate(keys) if key in keys[:i]))
                raise yaml.composer.ComposerError(None, None, f"has the key {key} twice", node.start_mark)
        case SequenceNode():
            children = node.value
        case _:
            return 1
    count = known.get(id(node), 0)
    if count is None:
        raise yaml.composer.ComposerError(None, None, "has an alias of a node that contains it", node.start_mark)
    if count == 0:
        known[id(node)] = None
        count = known[id(node)] = 1 + sum(_count(child, known) for child in children)
    if count > MAX_VALUES:
        raise yaml.composer.ComposerError(None, None, f"has more than {MAX_VALUES:,} values", node.start_mark)
    return count
