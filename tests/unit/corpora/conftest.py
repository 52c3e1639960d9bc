"""Fixtures of corpora: small files in published layouts, and the configs of corpora."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
import soundfile
import yaml

from emofactors.config.corpora import corpus_config

CONFIG = Path(__file__).parents[3] / "config" / "corpora"


@pytest.fixture
def load_corpus():
    """Return a function that loads the config of a corpus, with changes."""

    def load(name, **changes):
        return corpus_config(yaml.safe_load((CONFIG / f"{name}.yaml").read_text(encoding="utf-8")) | changes)

    return load


@pytest.fixture
def write_wavs(tmp_path):
    """Return a function that writes 50 ms of noise to paths below ``tmp_path``, and returns ``tmp_path``."""
    file = io.BytesIO()
    soundfile.write(file, np.random.default_rng(0).uniform(-0.5, 0.5, 800), 16000, format="WAV")

    def write(paths):
        for path in paths:
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_bytes(file.getvalue())
        return tmp_path

    return write


@pytest.fixture(scope="session")
def zipped():
    """Return a function that builds a zip from pairs of name and content; a name may occur twice."""

    def build(files):
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in files:
                archive.writestr(name, content)
        return file.getvalue()

    return build
