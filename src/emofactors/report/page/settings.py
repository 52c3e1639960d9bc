"""The settings of a system, of features or of an augmentation, with their pedigree, as the page lists them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from emofactors.config.systems import Documented, SystemConfig


@dataclass(frozen=True)
class SettingRow:
    """One setting as the page lists it.

    Attributes:
        key: its name.
        documented: its value in the system's file.
        used: its value in this study, or empty where it is the documented one.
        why: where it is stated, or why it was chosen.
    """

    key: str
    documented: str
    used: str
    why: str


@dataclass(frozen=True)
class Settings:
    """The settings of a system or of features, with their pedigree.

    Attributes:
        name: of the system or features.
        source: the publication; empty for features.
        published: settings a paper, talk or public code states.
        assumed: settings that had to be chosen.
        variants: variant -> what it changes, in words.
        departure: how this study departs from the published system, in one sentence; empty if not at all.
        is_published: whether no published setting is changed.
    """

    name: str
    source: str
    published: tuple[SettingRow, ...]
    assumed: tuple[SettingRow, ...]
    variants: Mapping[str, str]
    departure: str
    is_published: bool


def system_settings(name: str, system: SystemConfig) -> Settings:
    """The settings of a system, and how this study departs from what is published."""
    published = [s.key for s in system.settings if s.kind == "published"]
    departing = departures(system)
    others = [
        f"{key} = {_words(value)}{_of_variant(variant)}"
        for variant, key, value, _ in _overridden(system)
        if key not in published
    ]
    departure = ""
    if departing:
        changed = {key for _, key, value, instead in _overridden(system) if key in published and value != instead}
        departure = (
            f"This is not the published system: the study changes {len(changed)} of its {len(published)} "
            f"published settings ({', '.join(departing)}). Its scores do not say whether the published numbers "
            "can be reproduced. "
        )
    if others:
        departure += f"Of the settings no publication states, the study changes {', '.join(others)}."
    return Settings(
        name=name,
        source=system.source,
        published=_setting_rows(system.settings, "published", system.overrides),
        assumed=_setting_rows(system.settings, "assumed", system.overrides),
        variants={variant: _variant_words(system, variant) for variant in system.variants},
        departure=departure.strip(),
        is_published=not departing,
    )


def documented_settings(name: str, settings: Sequence[Documented]) -> Settings:
    """The settings of features or of an augmentation, with their pedigree; no study changes them."""
    return Settings(
        name=name,
        source="",
        published=_setting_rows(settings, "published", {}),
        assumed=_setting_rows(settings, "assumed", {}),
        variants={},
        departure="",
        is_published=True,
    )


def _overridden(system: SystemConfig) -> list[tuple[str, str, Any, Any]]:
    """What the study sets: in which variant alone (empty: in all), the key, the value, and what it replaces."""
    documented = {s.key: s.value for s in system.settings}
    return [("", key, value, documented[key]) for key, value in system.overrides.items()] + [
        (variant, key, value, (documented | system.variants[variant] | system.overrides)[key])
        for variant, changes in system.variant_overrides.items()
        for key, value in changes.items()
    ]


def departures(system: SystemConfig) -> list[str]:
    """What the study changes of a system's published settings."""
    published = {s.key for s in system.settings if s.kind == "published"}
    return [
        f"{key} is {_words(value)} instead of {_words(instead)}{_of_variant(variant)}"
        for variant, key, value, instead in _overridden(system)
        if key in published and value != instead
    ]


def _of_variant(variant: str) -> str:
    """The variant a change is confined to, in brackets; empty where it is of all."""
    return f" ({variant})" if variant else ""


def _variant_words(system: SystemConfig, variant: str) -> str:
    """What a variant changes, what the study changes in it alone, and the runs it needs."""
    words = [f"{key} = {_words(value)}" for key, value in system.variants[variant].items()] or ["nothing"]
    words += [f"here {key} = {_words(value)}" for key, value in system.variant_overrides.get(variant, {}).items()]
    if variant in system.needs:
        words.append(f"needs {', '.join(system.needs[variant].variants)}")
    return ", ".join(words)


def _setting_rows(
    settings: Iterable[Documented], kind: str, overrides: Mapping[str, Any]
) -> tuple[SettingRow, ...]:
    """The settings of one kind, with what the study makes of them."""
    return tuple(
        SettingRow(
            key=s.key,
            documented=_words(s.value),
            used=_words(overrides[s.key]) if overrides.get(s.key, s.value) != s.value else "",
            why=s.why,
        )
        for s in settings
        if s.kind == kind
    )


def _words(value: Any) -> str:
    """A setting's value as one reads it."""
    if value is None:
        return "none"
    if isinstance(value, list | tuple):
        return ", ".join(_words(item) for item in value)
    return f"{value:g}" if isinstance(value, float) else str(value)
