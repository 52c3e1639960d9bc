"""Write docs/configuration.md: every key a user may set, from the sections of emofactors.config.

Types and defaults come from the models, meanings from ``Attributes`` of their docstrings (``Args`` of a system's
class). A key without a meaning is an error. Sections that a section contains follow it.

    .venv/bin/python docs/scripts/configuration.py
"""

import ast
import builtins
import inspect
import re
import types
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import yaml
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from emofactors.config.augmentations import AugmentationSettings
from emofactors.config.base import Name, RowKey, RunKey, Section, Word
from emofactors.config.claims import ClaimSource
from emofactors.config.corpora import CORPUS_SECTIONS
from emofactors.config.features import FEATURE_SECTIONS
from emofactors.config.figures.kinds import FIGURE_SECTIONS
from emofactors.config.study import StudyRequest
from emofactors.config.systems import SystemConfig
from emofactors.config.tables.kinds import TABLE_SECTIONS
from emofactors.config.tasks import TaskConfig
from emofactors.config.training import RunSettings, SvmSettings
from emofactors.io.yaml import read_yaml

REPOSITORY = Path(__file__).parents[2]
PAGE = REPOSITORY / "docs" / "configuration.md"

HEAD = """\
# Configuration

<!-- Written by docs/scripts/configuration.py from the models, their docstrings and config/: do not edit. -->

Every key of every file below `config/`. All are checked before any job starts: a key that nobody knows, a value
of another type or out of its range, or a name without a file stops the run, in one line a fault that names file
and key and what was expected. Why config is made like this is told in
[the house](architecture.md#6-config-what-a-paper-says-and-what-had-to-be-chosen).

A study is one file. This one is whole, and could stand as `config/studies/look.yaml`:

```yaml
study: look
title: Center loss on EmoDB, three seeds
tasks: [emodb7_groups3]
seeds: [0, 1, 2]
tables: [center_loss]
systems:
  cnn_bigru: {max_steps: 240, select_after_step: 60, evaluate_every_steps: null}
```

`--configfile` names it to Snakemake. `--config 'seeds=[0]'` replaces a key of it on the command line, and
`--config 'compute={threads: 2}'` keys of a section.

A *name* has letters, digits, `_` and `.`, at most 64 of them, since it becomes part of a path; a *system/variant*
is two names, a *row* of a table a variant or both. `a → b` is keys and values: `{a: b}`. A key without a default
(–) has to be given; `null` is none.
"""

#: Heading, folder of the files, and their sections: one per kind.
CHAPTERS: tuple[tuple[str, str, Iterable[type[Section]]], ...] = (
    ("A study", "`config/config.yaml` and `config/studies/<study>.yaml`.", (StudyRequest,)),
    (
        "A corpus",
        "`config/corpora/<corpus>.yaml`; `reader` says which of these sections it is. What each reader makes of "
        "its corpus: [corpora](corpora.md).",
        CORPUS_SECTIONS.values(),
    ),
    ("A task", "`config/tasks/<task>.yaml`. How each protocol divides: [protocols](protocols.md).", (TaskConfig,)),
    (
        "An augmentation",
        "`config/augmentations/<augmentation>.yaml`, each key below `published` or `assumed` as "
        "`[value, where it is stated or why it was chosen]`.",
        (AugmentationSettings,),
    ),
    (
        "Features",
        "`config/features/<features>.yaml`, likewise; `kind` says which of these sections it is: "
        "[features](features.md).",
        FEATURE_SECTIONS.values(),
    ),
    (
        "A system",
        "`config/systems/<system>.yaml`. Its settings stand below `published` and `assumed`, flat: those of every "
        "training, and those of the system's own.",
        (SystemConfig, RunSettings, SvmSettings),
    ),
    (
        "A table",
        "`config/tables/<table>.yaml`; `kind` says which of these sections it is. What the numbers mean: "
        "[statistics](statistics.md).",
        TABLE_SECTIONS.values(),
    ),
    (
        "A figure",
        "`config/figures/<figure>.yaml`; `kind` says which of these sections it is.",
        FIGURE_SECTIONS.values(),
    ),
    (
        "A source of claims",
        "`config/claims/<source>.yaml`. What the verdicts mean: [the ledger of claims](claims.md).",
        (ClaimSource,),
    ),
)

#: Keys that say which section a file is; they come first.
DISCRIMINATORS = ("kind", "reader")
#: Keys of a section that no file has: they are derived, or set by a study.
NOT_IN_A_FILE = {
    "SystemConfig": {"settings", "overrides", "variant_overrides"},
    "TableSection": {"left_out"},
    "FactorAblationTable": {"rows"},
}
#: Keys of a system's file instead of those.
INSTEAD = {
    "SystemConfig": [
        ["`published`", "key → [value, text]", "`{}`", "", "what a paper, talk or public code states, and where."],
        ["`assumed`", "key → [value, text]", "`{}`", "", "what had to be chosen, and why."],
    ]
}

#: Units by the last word of a key, and of keys whose names do not say theirs.
UNITS_BY_ENDING = {
    "hz": "Hz",
    "ms": "ms",
    "db": "dB",
    "dbfs": "dB",
    "wpm": "words a minute",
    "mb": "MB",
    "bytes": "bytes",
    "s": "s",
    "step": "updates",
    "steps": "updates",
    "epochs": "epochs",
    "frames": "frames",
    "speakers": "speakers",
}
UNITS = {
    "n_fft": "samples",
    "shift": "of the duration",
    "percentiles": "%",
    "held_out": "of a speaker's utterances",
    "batch_size": "utterances",
    "pool_batches": "batches",
    "patience": "evaluations",
    "segment_codes": "codes",
    "downsample": "frames",
    "utterances": "utterances",
}

#: Texts of a special form, and their names on the page.
FORMS = ((Name, "name"), (Word, "word"), (RowKey, "row"), (RunKey, "system/variant"))
BOUNDS = {"ge": "≥ {}", "gt": "> {}", "le": "≤ {}", "lt": "< {}", "multiple_of": "multiple of {}"}
PLAIN = {bool: "true or false", int: "whole number", float: "number", str: "text", Any: "any"}


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")
    print(f"{PAGE.relative_to(REPOSITORY)}: written")


def page() -> str:
    """Return the page as Markdown."""
    parts, written = [HEAD], set[type[Section]]()
    for heading, where, sections in CHAPTERS:
        parts.append(f"## {heading}\n\n{where}\n")
        for section in _with_contained(sections):
            if section not in written:
                parts.append(_section(section))
                written.add(section)
        if heading == "A system":
            parts += [_system(file) for file in _files("systems")]
    return "\n".join([*parts, _tasks()])


def _with_contained(sections: Iterable[type[Section]]) -> Iterator[type[Section]]:
    """Yield sections, and after all of them the sections that their keys contain, at any depth."""
    chapter = list(dict.fromkeys(sections))
    for section in chapter:
        keys = [key for key in section.model_fields if key not in _left_out(section)]
        contained = (found for key in keys for found in _sections_of(section.model_fields[key].annotation))
        chapter += [found for found in dict.fromkeys(contained) if found not in chapter]
    yield from chapter


def _sections_of(annotation: Any) -> Iterator[type[Section]]:
    """Yield the sections of a type: of a dict, tuple or union those of its arguments."""
    if inspect.isclass(annotation) and issubclass(annotation, Section):
        yield annotation
    for argument in get_args(annotation):
        yield from _sections_of(argument)


def _files(kind: str) -> list[Path]:
    return sorted((REPOSITORY / "config" / kind).glob("*.yaml"))


def _title(section: type[Section]) -> str:
    """Return a section's name as words: ``FeatureSettings`` is ``Feature settings``."""
    words = re.findall("[A-Z][a-z]+", section.__qualname__)
    return " ".join(words).capitalize()


def _left_out(section: type[Section]) -> set[str]:
    """Return the keys of a section that no file has."""
    return {key for cls in section.__mro__ for key in NOT_IN_A_FILE.get(cls.__name__, set())}


def _anchor(section: type[Section]) -> str:
    return f"#{_title(section).replace(' ', '-').lower()}"


def _section(section: type[Section]) -> str:
    """Return heading, summary and one row per key of a section."""
    whole, _ = _documented(inspect.getdoc(section), "Attributes")
    rows = [
        [
            f"`{key}`",
            _type(field.annotation, field.metadata),
            _default(field),
            "" if field.annotation in (bool, bool | None) else _unit(key),
            _meaning(section, key),
        ]
        for key, field in sorted(section.model_fields.items(), key=lambda item: item[0] not in DISCRIMINATORS)
        if key not in _left_out(section)
    ]
    table = _table(["key", "type", "default", "unit", "meaning"], rows + INSTEAD.get(section.__name__, []))
    return f"### {_title(section)}\n\n{whole}\n\n{table}"


def _meaning(section: type[Section], key: str) -> str:
    """Return the meaning of a key from the docstring of the section or of a base class."""
    for cls in section.__mro__:
        _, meanings = _documented(cls.__doc__ or "", "Attributes")
        if key in meanings:
            return meanings[key]
    raise SystemExit(f"{section.__name__}: {key}: is not in 'Attributes' of the docstring; expected its meaning")


def _documented(docstring: str, heading: str) -> tuple[str, dict[str, str]]:
    """Return the summary of a Google docstring, and name -> meaning of one of its lists."""
    lines = inspect.cleandoc(docstring).splitlines()
    starts = [i for i, line in enumerate(lines) if line in ("Attributes:", "Args:")]
    whole = " ".join(lines[: starts[0] if starts else None]).split()
    meanings: dict[str, str] = {}
    if f"{heading}:" in lines:
        name = ""
        for line in lines[lines.index(f"{heading}:") + 1 :]:
            entry = re.fullmatch(r"    (\w+): (.+)", line)
            if entry:
                name = entry[1]
                meanings[name] = entry[2]
            elif line.startswith("        ") and name:
                meanings[name] += f" {line.strip()}"
            elif line:
                break
    return _code(" ".join(whole)), {key: _code(text) for key, text in meanings.items()}


def _code(text: str) -> str:
    """Return docstring text as Markdown: single backticks, ``null`` for None."""
    return re.sub(r"\bNone\b", "null", text.replace("``", "`")).replace(" -> ", " → ")


def _type(annotation: Any, metadata: Iterable[Any] = ()) -> str:
    """Return a type in the words of YAML."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    metadata = list(metadata)
    if origin is Annotated:
        return _type(arguments[0], [*_flat(annotation), *metadata])
    if origin is Literal:
        words = ", ".join(f"`{value}`" for value in arguments)
    elif origin in (Union, types.UnionType):
        words = " or ".join(_type(argument) for argument in arguments if argument is not types.NoneType)
        words += " or null" if types.NoneType in arguments else ""
    elif origin is dict:
        words = f"{_type(arguments[0])} → {_type(arguments[1])}"
    elif origin is tuple and arguments[-1] is Ellipsis:
        words = f"list of {_type(arguments[0])}"
    elif origin is tuple:
        words = f"[{', '.join(_type(argument) for argument in arguments)}]"
    elif inspect.isclass(annotation) and issubclass(annotation, Section):
        words = f"[{_title(annotation)}]({_anchor(annotation)})"
    else:
        words = PLAIN[annotation]
    if _pattern(metadata):
        return next((form for alias, form in FORMS if _pattern(_flat(alias)) == _pattern(metadata)), "text")
    bounds = [
        text.format(f"{getattr(m, key):,}")
        for m in metadata
        for key, text in BOUNDS.items()
        if getattr(m, key, None) is not None
    ]
    if any(getattr(m, "min_length", None) for m in metadata):
        bounds.append("at least one")
    return ", ".join([words, *bounds])


def _flat(annotated: Any) -> list[Any]:
    """Return the constraints of an annotated type."""
    _, *extra = get_args(annotated)
    return [m for item in extra for m in (item.metadata if isinstance(item, FieldInfo) else [item])]


def _pattern(metadata: Iterable[Any]) -> str | None:
    return next((pattern for m in metadata if (pattern := getattr(m, "pattern", None))), None)


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "–"
    value = field.get_default(call_default_factory=True)
    if value is PydanticUndefined:
        return "–"
    return "as below" if isinstance(value, Section) else f"`{_yaml(value)}`"


def _yaml(value: Any) -> str:
    """Return a value as YAML on one line."""
    plain = list(value) if isinstance(value, tuple) else value
    return yaml.safe_dump(plain, default_flow_style=True, width=10_000).removesuffix("...\n").strip()


def _unit(key: str) -> str:
    return UNITS.get(key) or UNITS_BY_ENDING.get(key.rsplit("_", maxsplit=1)[-1], "")


def _table(head: list[str], rows: list[list[str]]) -> str:
    escaped = [[cell.replace("|", r"\|") for cell in row] for row in rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, ["---"] * len(head), *escaped]) + "\n"


def _system(file: Path) -> str:
    """Return the settings of a system's own; its page has their values."""
    settings = _arguments(file.stem)
    rows = [[f"`{key}`", kind, _unit(key), meaning] for key, (kind, meaning) in settings.items()]
    page = f"[its page](systems/{file.stem}.md)"
    if not rows:
        return f"### {file.stem}\n\nNo settings of its own; values of all: {page}.\n"
    words = f"Settings of its own; values of all, and where each is from: {page}."
    return f"### {file.stem}\n\n{words}\n\n{_table(['key', 'type', 'unit', 'meaning'], rows)}"


def _arguments(name: str) -> dict[str, tuple[str, str]]:
    """Return keyword argument of a system's constructor -> type and meaning; none for a support vector machine."""
    module = REPOSITORY / "src" / "emofactors" / "systems" / f"{name}.py"
    if not module.is_file():
        return {}
    content = read_yaml(REPOSITORY / "config" / "systems" / f"{name}.yaml")
    documented = [key for kind in ("published", "assumed") for key in content.get(kind, {})]
    arguments = {}
    for cls in ast.parse(module.read_text(encoding="utf-8")).body:  # read, not imported: torch takes seconds
        if not isinstance(cls, ast.ClassDef):
            continue
        _, meanings = _documented(ast.get_docstring(cls) or "", "Args")
        for function in cls.body:
            if isinstance(function, ast.FunctionDef) and function.name == "__init__":
                for argument in function.args.kwonlyargs:
                    if argument.arg in documented:
                        kind = ast.unparse(argument.annotation)
                        arguments[argument.arg] = _argument_type(kind), meanings[argument.arg]
    return {key: arguments[key] for key in documented if key in arguments}


def _argument_type(annotation: str) -> str:
    """Return the annotation of an argument in the words of YAML."""
    words = annotation.replace(" | None", " or null")
    words = re.sub(r"Sequence\[(\w+)\]", r"list of \1", words)
    return re.sub(r"\b(bool|int|float|str)\b", lambda name: PLAIN[getattr(builtins, name[1])], words)


def _tasks() -> str:
    """Return the table of all tasks."""
    rows = []
    for file in _files("tasks"):
        task = TaskConfig(**read_yaml(file))
        rows.append([f"`{file.stem}`", f"`{task.corpus}`", str(len(task.classes)), task.protocol_label])
    return f"## The tasks there are\n\n{_table(['task', 'corpus', 'classes', 'protocol'], rows)}"


if __name__ == "__main__":
    main()
