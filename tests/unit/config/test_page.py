import pytest
from pydantic import ValidationError

from emofactors.config.page import PageSettings


@pytest.fixture
def content():
    """Settings of a page as plain data, as a rule passes them."""
    return {
        "study": "s",
        "title": "t",
        "seeds": [0, 1],
        "seeds_of": {"svm": [0]},
        "corpora": {"a": {"title": "A", "shards": 2}},
        "tasks": {"a2": {"corpus": "a", "classes": ["anger", "fear"], "protocol": "speaker_groups", "folds": 2,
                         "dev_speakers": 1}},
        "systems": {"svm": {"source": "p", "settings": [], "variants": {"v": {}}}},
        "features": {"f": [{"key": "n_mels", "value": 8, "kind": "assumed", "why": "small"}]},
        "augmentations": {},
        "tables": ["scores"],
        "figures": {"course": {"title": "t", "caption": "c"}},
        "trainings": [["a2", "svm", "v"]],
        "reconstructed_variants": [],
        "audio_examples": {"a2": ["flow/cycle"]},
        "probes": {},
    }  # fmt: skip


def test_settings_survive_the_way_through_a_rule(content):
    settings = PageSettings(**content)
    assert settings.trainings == (("a2", "svm", "v"),)
    assert settings.corpora["a"].shards == 2
    assert settings.tasks["a2"].n_folds == 2
    assert PageSettings(**settings.model_dump(mode="json")) == settings


def test_an_unknown_key_is_refused(content):
    with pytest.raises(ValidationError, match="corpora_root"):
        PageSettings(**content, corpora_root="data")
