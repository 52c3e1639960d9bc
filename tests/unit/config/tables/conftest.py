from pathlib import Path

import pytest

from emofactors.config.tables.kinds import table_config
from emofactors.config.tasks import TaskConfig
from emofactors.io.yaml import read_yaml

CONFIG = Path(__file__).parents[4] / "config"


@pytest.fixture(scope="session")
def project_table():
    """Function of a name: that table of the project."""
    return lambda name: table_config(read_yaml(CONFIG / "tables" / f"{name}.yaml"))


@pytest.fixture(scope="session")
def tasks():
    """Tasks of one corpus: unseen speakers, the same with held-out utterances, known speakers, a single class."""
    groups = {"corpus": "berlin", "protocol": "speaker_groups", "folds": 3, "dev_speakers": 1}
    two = ("anger", "sadness")
    return {
        "unseen": TaskConfig(classes=two, **groups),
        "held_out": TaskConfig(classes=two, held_out=0.1, **groups),
        "known": TaskConfig(
            corpus="berlin", classes=two, protocol="stratified_folds", folds=3, strata=("emotion",)
        ),
        "single": TaskConfig(corpus="berlin", classes=("neutral",), protocol="all_train"),
    }
