"""Load the systems of a study, with the variants it needs."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from emofactors.config.files import (
    DOCUMENTED_KEYS,
    check,
    check_known,
    existing,
    mapping,
    read_documented,
)
from emofactors.config.systems import Needs, SystemConfig
from emofactors.config.training import RunSettings, SvmSettings
from emofactors.errors import InputError
from emofactors.io.yaml import read_yaml, short_repr

#: Keys of a system's file beside its documented settings.
_SYSTEM_KEYS = {"method", "min_training_speakers", "variants"}


def needed_decomposers(config_dir: Path, wanted: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """Return the decomposers that variants of a study need.

    Args:
        config_dir: folder config/.
        wanted: system -> variant -> file that names it.

    Returns:
        ``system/variant`` of each decomposer -> the key that names it.

    Raises:
        InputError: if a key is no decomposer, or its system has no file.
    """
    needed: dict[str, str] = {}
    for system, variants in wanted.items():
        file = existing(config_dir, "systems", system)
        known = mapping(read_yaml(file).get("variants"), f"{file}: variants")
        for variant in variants:
            where = f"{file}: variants: {variant}: needs"
            changes = mapping(known.get(variant), f"{file}: variants: {variant}")
            run_key = mapping(changes.get("needs"), where).get("decomposer")
            if run_key is not None:
                check(Needs, {"decomposer": run_key}, where)
                existing(config_dir, "systems", run_key.split("/")[0])
                needed.setdefault(run_key, where)
    return needed


def load_system(
    config_dir: Path, name: str, request: dict[str, Any], wanted: Mapping[str, str], where: str
) -> SystemConfig:
    """Load one system with the variants a study names and those they need, each checked as a whole.

    Args:
        config_dir: folder config/.
        name: name of the system.
        request: settings that the study changes.
        wanted: variant -> file that names it.
        where: the study, for errors.

    Raises:
        InputError: for an unknown variant or key, an impossible value, or two variants with equal settings.
    """
    file = existing(config_dir, "systems", name)
    content = read_yaml(file)
    settings = read_documented(content, file, known=DOCUMENTED_KEYS | _SYSTEM_KEYS)
    variants = {
        variant: dict(mapping(changes, f"{file}: variants: {variant}"))
        for variant, changes in mapping(content.get("variants"), f"{file}: variants").items()
    }
    needs = {
        variant: check(Needs, changes.pop("needs"), f"{file}: variants: {variant}: needs")
        for variant, changes in variants.items()
        if "needs" in changes
    }
    for variant, named_by in wanted.items():
        if variant not in variants:
            raise InputError(
                f"{named_by}: variant {variant!r} is unknown; expected one of {', '.join(variants)} ({file})"
            )
    in_study = f"{where}: systems: {name}"
    overrides = {key: value for key, value in request.items() if key != "variants"}
    variant_overrides = {
        variant: mapping(changes, f"{in_study}: variants: {variant}")
        for variant, changes in mapping(request.get("variants"), f"{in_study}: variants").items()
    }
    check_known(variant_overrides, variants, f"{in_study}: variants")
    documented = {s.key: s.value for s in settings}
    for origin, changes in (
        *((f"{file}: variants: {variant}", changes) for variant, changes in variants.items()),
        (in_study, overrides),
        *((f"{in_study}: variants: {variant}", changes) for variant, changes in variant_overrides.items()),
    ):
        _check_changes(changes, documented, origin)
    used = _with_needed(wanted, variants, needs, file)
    system = check(
        SystemConfig,
        {
            "source": content.get("source", ""),
            **{key: content[key] for key in ("method", "min_training_speakers") if key in content},
            "settings": settings,
            "variants": {variant: variants[variant] for variant in used},
            "needs": {variant: needs[variant] for variant in used if variant in needs},
            "overrides": overrides,
            "variant_overrides": {v: changes for v, changes in variant_overrides.items() if v in used},
        },
        file,
    )
    _check_variants(system, request, file)
    return system


def _check_changes(changes: Mapping[str, Any], documented: Mapping[str, Any], where: str) -> None:
    """Check that changed settings are documented ones, with values of the same type."""
    check_known(changes, documented, where)
    for key, value in changes.items():
        if not _is_same_type(value, documented[key]):
            raise InputError(
                f"{where}: {key}: is {short_repr(value)}, expected something like {documented[key]!r}"
            )


def _is_same_type(value: Any, documented: Any) -> bool:
    """Return whether a value may replace a documented one of the same type; null is always allowed."""
    if value is None or documented is None:
        return True
    if isinstance(documented, bool) or isinstance(value, bool):
        return isinstance(documented, bool) and isinstance(value, bool)
    if isinstance(documented, int | float):
        return isinstance(value, int | float)
    return isinstance(value, type(documented))


def _check_variants(system: SystemConfig, request: Mapping[str, Any], file: Path) -> None:
    """Check the settings of each variant as a whole, and that no two variants are equal."""
    known: dict[str, str] = {}
    for variant in system.variants:
        settings = system.variant(variant)
        if system.method == "svm":
            check(SvmSettings, settings, f"{file}: variant {variant}")
        else:
            run = {key: value for key, value in settings.items() if key in RunSettings.model_fields}
            check(RunSettings, run, f"{file}: variant {variant}")
        twin = known.setdefault(repr((sorted(settings.items()), system.needs.get(variant))), variant)
        if twin != variant:
            raise InputError(
                f"{file}: variants {twin!r} and {variant!r} have the same settings"
                + (f" under the study's {request}" if request else "")
                + "; expected them to differ"
            )


def _with_needed(
    wanted: Mapping[str, str], variants: Mapping[str, Any], needs: Mapping[str, Needs], file: Path
) -> list[str]:
    """Return the named variants and all that they need, in topological order."""
    used: list[str] = []

    def use(variant: str, needed_by: tuple[str, ...]) -> None:
        if variant not in variants:
            raise InputError(
                f"{file}: variants: {needed_by[-1]}: needs: variant {variant!r} is unknown; "
                f"expected one of {', '.join(variants)}"
            )
        if variant in needed_by:
            raise InputError(f"{file}: variants: {variant}: needs itself, through {', '.join(needed_by)}")
        if variant not in used:
            for needed in needs.get(variant, Needs()).variants:
                use(needed, (*needed_by, variant))
            used.append(variant)

    for variant in wanted:
        use(variant, ())
    return used
