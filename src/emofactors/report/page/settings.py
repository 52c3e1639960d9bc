"""Settings of systems, features and augmentations with their sources, as the page lists them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from emofactors.config.systems import ChangedSetting, Documented, SystemConfig


@dataclass(frozen=True)
class SettingRow:
    """One setting.

    Attributes:
        key: its name.
        documented: its value in the file of the system.
        used: its value in this study, or empty if it is the documented one.
        why: where it is stated, or why it was chosen.
    """

    key: str
    documented: str
    used: str
    why: str


@dataclass(frozen=True)
class SettingsList:
    """The settings of a system, of features or of an augmentation.

    Attributes:
        name: name of the system, features or augmentation.
        source: the publication; empty for features and augmentations.
        published: settings that a paper, talk or public code states.
        assumed: settings that had to be chosen.
        variants: variant -> its changes, as text.
        departure: how the study departs from the documented system; empty if it does not.
        is_published: whether all published settings have their published values.
    """

    name: str
    source: str
    published: tuple[SettingRow, ...]
    assumed: tuple[SettingRow, ...]
    variants: Mapping[str, str]
    departure: str
    is_published: bool


def system_settings(name: str, system: SystemConfig) -> SettingsList:
    """Return the settings of a system, and how the study departs from its publication."""
    return SettingsList(
        name=name,
        source=system.source,
        published=_setting_rows(system.settings, "published", system.overrides),
        assumed=_setting_rows(system.settings, "assumed", system.overrides),
        variants={variant: _variant_text(system, variant) for variant in system.variants},
        departure=_departure_text(system),
        is_published=not system.departs_from_published,
    )


def documented_settings(name: str, settings: Sequence[Documented]) -> SettingsList:
    """Return the settings of features or of an augmentation, which no study changes."""
    return SettingsList(
        name=name,
        source="",
        published=_setting_rows(settings, "published", {}),
        assumed=_setting_rows(settings, "assumed", {}),
        variants={},
        departure="",
        is_published=True,
    )


def _departure_text(system: SystemConfig) -> str:
    """Return how the study departs from the documented system; empty if it does not."""
    sentences = []
    if departing := [c for c in system.changes if c.departs_from_published]:
        n_published = sum(s.kind == "published" for s in system.settings)
        changes = [f"{c.key} is {_value(c.value)} instead of {_value(c.replaced)}{_scope(c)}" for c in departing]
        sentences.append(
            f"This is not the published system: the study changes {len({c.key for c in departing})} of its "
            f"{n_published} published settings ({', '.join(changes)}). Its scores do not show whether the "
            "published numbers can be reproduced."
        )
    if others := [c for c in system.changes if not c.is_published]:
        changes = [f"{c.key} = {_value(c.value)}{_scope(c)}" for c in others]
        sentences.append(f"Of the settings no publication states, the study changes {', '.join(changes)}.")
    return " ".join(sentences)


def _scope(change: ChangedSetting) -> str:
    """Return the variant of a change in brackets; empty for a change of all variants."""
    return f" ({change.variant})" if change.variant else ""


def _variant_text(system: SystemConfig, variant: str) -> str:
    """Return the changes of a variant, those of the study in this variant alone, and the runs it needs."""
    changes = [f"{key} = {_value(value)}" for key, value in system.variants[variant].items()] or ["nothing"]
    changes += [f"here {c.key} = {_value(c.value)}" for c in system.changes if c.variant == variant]
    if variant in system.needs:
        changes.append(f"needs {', '.join(system.needs[variant].variants)}")
    return ", ".join(changes)


def _setting_rows(
    settings: Iterable[Documented], kind: Literal["published", "assumed"], overrides: Mapping[str, Any]
) -> tuple[SettingRow, ...]:
    """Return the settings of one kind, with the values of the study."""
    return tuple(
        SettingRow(
            key=s.key,
            documented=_value(s.value),
            used=_value(overrides[s.key]) if overrides.get(s.key, s.value) != s.value else "",
            why=s.why,
        )
        for s in settings
        if s.kind == kind
    )


def _value(value: Any) -> str:
    """Return the value of a setting as text."""
    if value is None:
        return "none"
    if isinstance(value, list | tuple):
        return ", ".join(_value(item) for item in value)
    return f"{value:g}" if isinstance(value, float) else str(value)
