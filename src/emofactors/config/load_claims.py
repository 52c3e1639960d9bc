"""Load the claims of all sources, and find the studies that test them."""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from emofactors.config.claims import ClaimSource, contrast_faults
from emofactors.config.files import check_kind, existing, load, names
from emofactors.config.tables.base import TableSection
from emofactors.config.tables.kinds import TABLE_SECTIONS
from emofactors.errors import InputError
from emofactors.io.yaml import read_yaml


def load_claims(config_dir: Path) -> dict[str, ClaimSource]:
    """Load the claims of all sources, and check that the tables they name have their differences.

    Args:
        config_dir: folder with ``claims/`` and ``tables/``.

    Returns:
        Source -> its claims, by the names of the files.

    Raises:
        InputError: one line per fault, with file, key, value and what was expected.
    """
    sources = {name: load(ClaimSource, config_dir, "claims", name) for name in names(config_dir, "claims")}
    tables: dict[str, TableSection] = {}
    faults = []
    for name, source in sources.items():
        for key, claim in source.claims.items():
            for table in claim.contrasts:
                if table not in tables:
                    file = existing(config_dir, "tables", table)
                    tables[table] = check_kind(TABLE_SECTIONS, {"kind": "variants"} | read_yaml(file), file)
            where = f"{config_dir / 'claims' / name}.yaml: claims: {key}"
            faults += [f"{where}: {fault}" for fault in contrast_faults(claim, tables)]
    if faults:
        raise InputError("\n".join(faults))
    return sources


def studies_of_tables(config_dir: Path) -> dict[str, tuple[str, ...]]:
    """Return table -> the studies that make it, those without changed settings first.

    Another study may be damaged; it is left out, as it does not concern the study that is loaded.
    """
    found: dict[str, list[tuple[bool, str]]] = {}
    for file in (config_dir / "config.yaml", *sorted((config_dir / "studies").glob("*.yaml"))):
        content: Mapping[str, Any] = {}
        with suppress(InputError):
            content = read_yaml(file)
        tables = content.get("tables")
        for table in tables if isinstance(tables, list | dict) else ():
            found.setdefault(str(table), []).append((bool(content.get("systems")), str(content.get("study"))))
    return {table: tuple(study for _, study in sorted(studies)) for table, studies in found.items()}
