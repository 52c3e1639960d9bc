"""Plain values: what a YAML file or a command line may say, before anybody asks what it means.

Config comes from people, and may come from strangers. A short file can stand for
billions of values (aliases of aliases), nest deeper than Python can follow, or
make objects; here it is text, numbers, truth values, lists and keys, of a size a person
could have written.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, SequenceNode

from emofactors.errors import InputError

#: Forty times the longest of our files: a person wrote it.
MAX_BYTES = 256 * 1024
#: Four times as deep as our files; Python follows some hundreds.
MAX_DEPTH = 20
#: Values of a file with its aliases written out; the longest of ours has a few hundred.
MAX_VALUES = 20_000
#: What fits 64 bits: no number of a study is larger, and a library below would say so less clearly.
MAX_WHOLE = 2**63 - 1
#: No number has more characters.
_LONGEST_SCALAR = 40


def read_yaml(file: Path) -> dict[str, Any]:
    """Read a YAML file of keys and plain values.

    Args:
        file: UTF-8, of at most ``MAX_BYTES``, ``MAX_DEPTH`` and ``MAX_VALUES``.

    Returns:
        Its keys and values.

    Raises:
        InputError: if the file cannot be read, is no such YAML, has a key twice, or values that are not plain.
    """
    content = _parse(file, foreign=False)
    check_plain(content, str(file))
    return content


def read_foreign_yaml(file: Path) -> dict[Any, Any]:
    """Read a YAML file of others, whose keys may be numbers; dates are text.

    Args:
        file: likewise.

    Returns:
        Its keys and values.

    Raises:
        InputError: if the file cannot be read, is no such YAML, has a key twice, or makes objects.
    """
    return _parse(file, foreign=True)


def _parse(file: Path, *, foreign: bool) -> dict[Any, Any]:
    """Content of a file of bounded size, depth and number of values."""
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
    # What PyYAML makes of a number of too many digits, or of text that is called a number.
    except (yaml.YAMLError, ValueError, LookupError) as error:
        raise InputError(f"{file}: is no YAML: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict):
        raise InputError(f"{file}: is {type(content).__name__}, expected keys and values")
    return content


def check_plain(content: Mapping[str, Any], where: str) -> None:
    """Check that there is nothing but plain values.

    Args:
        content: keys and values.
        where: what they are, for the error.

    Raises:
        InputError: for a key that is no text, a value of another kind, a number that is not finite or larger
            than ``MAX_WHOLE``, text with control characters, or more or deeper values than allowed.
    """
    waiting: list[tuple[str, Any, int]] = [("", content, 0)]
    n_values = 0
    while waiting:
        key, value, depth = waiting.pop()
        n_values += 1
        fault = _fault(value)
        if depth > MAX_DEPTH:
            fault = f"lies {depth} levels deep, expected at most {MAX_DEPTH}"
        if n_values > MAX_VALUES:
            raise InputError(f"{where}: has more than {MAX_VALUES:,} values, expected fewer")
        if fault:
            raise InputError(f"{where}: {key}: {fault}")
        if isinstance(value, Mapping):
            for name, item in value.items():
                if not isinstance(name, str) or _fault(name):
                    raise InputError(f"{where}: {key}: has the key {brief(name)}, expected printable text")
                waiting.append((f"{key}.{name}" if key else name, item, depth + 1))
        elif isinstance(value, list | tuple):
            waiting += [(key, item, depth + 1) for item in value]


def read_scalars(value: Any) -> Any:
    """What is told on Snakemake's command line, as YAML reads it: of nested values Snakemake keeps all as text."""
    match value:
        case Mapping():
            return {name: read_scalars(item) for name, item in value.items()}
        case list() | tuple():
            return [read_scalars(item) for item in value]
        case str():
            return _scalar(value)
    return value


def brief(value: Any) -> str:
    """A value as it stands in an error: on one line, and not longer than one."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # a whole number of too many digits, a list that holds itself
        text = f"some {type(value).__name__}"
    return text if len(text) <= 200 else f"{text[:180]} ... ({len(text):,} characters)"


def _scalar(text: str) -> Any:
    """A number, true, false or null, if that is what YAML takes a text for; else the text."""
    if not text.strip() or len(text) > _LONGEST_SCALAR:
        return text
    try:
        read = _Plain(text).get_single_data()
    except (ValueError, yaml.YAMLError):
        return text
    return text if isinstance(read, str | list | dict) else read


def _fault(value: Any) -> str | None:
    """Why a value is not plain, or None; of a list or keys and values this is asked of each."""
    fault = None
    match value:
        case None | bool() | Mapping() | list() | tuple():
            pass
        case str():
            if not value.replace("\n", "").replace("\t", "").isprintable():
                fault = f"is {brief(value)}, expected printable text"
        case int():
            if abs(value) > MAX_WHOLE:
                fault = f"is beyond {MAX_WHOLE}, expected a smaller number"
        case float():
            if not math.isfinite(value):
                fault = f"is {value}, expected a finite number"
        case _:
            kinds = "text, a number, true, false, null, a list, or keys and values"
            fault = f"is {type(value).__name__}, expected {kinds}"
    return fault


class _Plain(yaml.SafeLoader):
    """YAML without objects, dates, keys that are there twice, and aliases that multiply."""

    depth = 0

    def compose_node(self, parent: Node | None, index: Any) -> Node | None:
        """Nodes of a bounded depth."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            mark = self.peek_event().start_mark
            raise yaml.composer.ComposerError(None, None, f"nested deeper than {MAX_DEPTH} levels", mark)
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def get_single_node(self) -> Node | None:
        """The document, once it is known how many values it stands for."""
        node = super().get_single_node()
        if node is not None:
            _count(node, {})
        return node


_Plain.yaml_constructors = {
    f"tag:yaml.org,2002:{tag}": yaml.SafeLoader.yaml_constructors[f"tag:yaml.org,2002:{tag}"]
    for tag in ("null", "bool", "int", "float", "str", "seq", "map")
} | {None: yaml.SafeLoader.yaml_constructors[None]}


class _Foreign(_Plain):
    """The same; a date is the text it is written as."""


_Foreign.yaml_constructors = _Plain.yaml_constructors | {
    "tag:yaml.org,2002:timestamp": yaml.SafeLoader.yaml_constructors["tag:yaml.org,2002:str"]
}


def _count(node: Node, known: dict[int, int | None]) -> int:
    """Values below a node with aliases written out, itself included.

    Raises:
        ComposerError: if they are more than allowed, a node is part of itself, or has a key twice.
    """
    match node:
        case MappingNode():
            below = [part for pair in node.value for part in pair]
            names = [key.value for key, _ in node.value if key.tag == "tag:yaml.org,2002:str"]
            if len(set(names)) < len(names):
                twice = next(name for i, name in enumerate(names) if name in names[:i])
                raise yaml.composer.ComposerError(None, None, f"has the key {brief(twice)} twice", node.start_mark)
        case SequenceNode():
            below = node.value
        case _:
            return 1
    count = known.get(id(node), 0)
    if count is None:
        raise yaml.composer.ComposerError(None, None, "has an alias of what it is part of", node.start_mark)
    if count == 0:
        known[id(node)] = None
        count = known[id(node)] = 1 + sum(_count(part, known) for part in below)
    if count > MAX_VALUES:
        raise yaml.composer.ComposerError(None, None, f"is more than {MAX_VALUES:,} values", node.start_mark)
    return count
