"""The wildcards of a job, as Snakemake passes them to functions of a rule."""

from typing import Any, Protocol


class Wildcards(Protocol):
    """Values of a job's wildcards, by name: ``wildcards.task``."""

    def __getattr__(self, name: str) -> str: ...

    def get(self, name: str, default: str) -> str:
        """Return the value of a wildcard, or a default if the rule has no such wildcard."""

    def items(self) -> Any:
        """Return names and values."""
