from pathlib import Path

import pytest
import yaml

from emofactors.config.load import load_study
from emofactors.errors import InputError

CONFIG = Path(__file__).parents[3] / "config"


@pytest.fixture(scope="session")
def config_dir():
    """The folder config/ of the project."""
    return CONFIG


@pytest.fixture
def request_of():
    """Function of changes: the content of the default study, without audio examples, whose task tests may leave out."""

    def make(**changes):
        return yaml.safe_load((CONFIG / "config.yaml").read_text()) | {"audio_examples": {}} | changes

    return make


@pytest.fixture
def changed_config(tmp_path):
    """Function that copies config/ and replaces text in one of its files."""

    def copy(file=None, old=None, new=None):
        for source in CONFIG.rglob("*.yaml"):
            target = tmp_path / source.relative_to(CONFIG)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(source.read_text())
        if file is not None:
            text = (tmp_path / file).read_text()
            assert old in text
            (tmp_path / file).write_text(text.replace(old, new, 1))
        return tmp_path

    return copy


@pytest.fixture
def refusal():
    """Function of a study's content and config folder: the message that refuses it."""

    def refuse(content, folder=CONFIG):
        with pytest.raises(InputError) as refused:
            load_study(content, folder)
        return str(refused.value)

    return refuse


@pytest.fixture
def study_of_table(request_of, changed_config):
    """Function of a table's keys: a study of this table alone, and its config folder."""

    def make(tasks=("synthetic4_groups3",), change=(), **keys):
        folder = changed_config(*change)
        table = {"title": "t", "caption": "c", "rows": {"cnn_bigru/mel_softmax": "CNN-BiGRU"}} | keys
        (folder / "tables" / "own.yaml").write_text(yaml.safe_dump(table, sort_keys=False))
        return request_of(tables=["own"], figures=[], tasks=list(tasks), systems={}), folder

    return make
