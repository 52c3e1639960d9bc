from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from emofactors.config.load import load_study

CONFIG = Path(__file__).parents[3] / "config"


class Wildcards(SimpleNamespace):
    """Wildcards as Snakemake passes them."""

    def get(self, name, default):
        return getattr(self, name, default)


@pytest.fixture(scope="session")
def default_study():
    """The default study."""
    return load_study(yaml.safe_load((CONFIG / "config.yaml").read_text()), CONFIG)


@pytest.fixture(scope="session")
def study_of():
    """Function of a study's name, and changes: the study."""

    def load(name, **changes):
        return load_study(yaml.safe_load((CONFIG / "studies" / f"{name}.yaml").read_text()) | changes, CONFIG)

    return load


@pytest.fixture
def wildcards():
    """Function of names and values: the wildcards of a job."""
    return Wildcards
