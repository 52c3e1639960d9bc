"""Read the files of config/ as sections; each fault is one line with file and key."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from emofactors.config.base import Section
from emofactors.config.features import FEATURE_SECTIONS, Features
from emofactors.config.systems import Documented
from emofactors.errors import InputError
from emofactors.io.yaml import read_yaml, short_repr

S = TypeVar("S", bound=Section)

#: Keys of a file whose settings are documented.
DOCUMENTED_KEYS = {"source", "published", "assumed"}


def names(config_dir: Path, folder: str) -> list[str]:
    """Return the names of all files of a folder of config/."""
    return sorted(file.stem for file in (config_dir / folder).glob("*.yaml"))


def existing(config_dir: Path, folder: str, name: str) -> Path:
    """Return the file ``config/<folder>/<name>.yaml``.

    Raises:
        InputError: if there is no such file.
    """
    file = config_dir / folder / f"{name}.yaml"
    if not file.is_file():
        raise InputError(f"{file}: is missing; expected one of {', '.join(names(config_dir, folder))}")
    return file


def load(section: type[S], config_dir: Path, folder: str, name: str) -> S:
    """Load ``config/<folder>/<name>.yaml`` as a section."""
    file = existing(config_dir, folder, name)
    return check(section, read_yaml(file), file)


def check(section: type[S], content: Mapping[str, Any], where: Any) -> S:
    """Return the content as a section.

    Raises:
        InputError: one line per wrong key.
    """
    try:
        return section.model_validate(content)
    except ValidationError as error:
        lines = []
        for fault in error.errors(include_url=False):
            key = ".".join(str(part) for part in fault["loc"])
            if fault["type"] == "extra_forbidden":
                lines.append(f"{where}: {key}: is unknown, expected one of {', '.join(section.model_fields)}")
            elif fault["type"] == "missing":
                lines.append(f"{where}: {key}: is missing")
            elif fault["type"] == "value_error":
                lines.append(f"{where}: {fault['msg'].removeprefix('Value error, ')}")
            else:
                lines.append(f"{where}: {key}: is {short_repr(fault['input'])}; {fault['msg']}")
        raise InputError("\n".join(lines)) from error


def check_kind(sections: Mapping[str, Any], content: Mapping[str, Any], where: Any, key: str = "kind") -> Any:
    """Return the content as the section of its kind.

    Args:
        sections: kind -> section.
        content: keys and values.
        where: file of the content, for errors.
        key: key of the kind.

    Raises:
        InputError: if the kind is unknown, or one line per wrong key.
    """
    kind = content.get(key)
    if not isinstance(kind, str) or kind not in sections:
        raise InputError(f"{where}: {key}: is {short_repr(kind)}, expected one of {', '.join(sections)}")
    return check(sections[kind], content, where)


def mapping(value: Any, where: str) -> dict[str, Any]:
    """Return a value that must be a mapping; an empty one for null.

    Raises:
        InputError: if it is something else.
    """
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InputError(f"{where}: is {short_repr(value)}, expected keys and values")
    return value


def check_known(keys: Iterable[str], known: Iterable[str], where: Any) -> None:
    """Check that all keys are known.

    Raises:
        InputError: for the first one that is not.
    """
    known = set(known)
    for key in keys:
        if key not in known:
            raise InputError(f"{where}: {key}: is unknown, expected one of {', '.join(sorted(known))}")


def read_documented(content: dict[str, Any], file: Path, known: set[str]) -> tuple[Documented, ...]:
    """Return the settings of a file under ``published`` and ``assumed``, each with its source or reason.

    Args:
        content: content of the file.
        file: the file, for errors.
        known: keys the file may have.

    Raises:
        InputError: for an unknown key, a setting that is not ``[value, source or reason]``, or a duplicate.
    """
    check_known(content, known, file)
    settings: dict[str, Documented] = {}
    for kind in ("published", "assumed"):
        for key, pair in mapping(content.get(kind), f"{file}: {kind}").items():
            if not (isinstance(pair, list) and len(pair) == 2 and isinstance(pair[1], str)):
                raise InputError(
                    f"{file}: {kind}: {key}: is {short_repr(pair)}, expected [value, source or reason]"
                )
            if key in settings:
                raise InputError(f"{file}: {key}: is both published and assumed, expected one of them")
            settings[key] = Documented(key=key, value=pair[0], kind=kind, why=pair[1])
    return tuple(settings.values())


def load_documented(
    section: type[S], config_dir: Path, folder: str, name: str
) -> tuple[S, tuple[Documented, ...]]:
    """Load a file of documented settings: as a section, and with their sources."""
    file = existing(config_dir, folder, name)
    settings = read_documented(read_yaml(file), file, known=DOCUMENTED_KEYS)
    return check(section, {s.key: s.value for s in settings}, file), settings


def load_features(config_dir: Path, name: str) -> tuple[Features, tuple[Documented, ...]]:
    """Load the settings of features: as the section of their kind, and with their sources.

    Raises:
        InputError: if there is no such file, or a setting is unknown or impossible.
    """
    file = existing(config_dir, "features", name)
    settings = read_documented(read_yaml(file), file, known=DOCUMENTED_KEYS)
    return check_kind(FEATURE_SECTIONS, {s.key: s.value for s in settings}, file), settings
