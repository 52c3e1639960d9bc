"""Small trees of real layouts: tiny files of sound, and the config of a corpus as it stands in the project."""

import io
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import yaml

from emofactors.config.corpora import CorpusConfig

CONFIG = Path(__file__).parents[3] / "config" / "corpora"


@pytest.fixture
def corpus_config() -> Callable[..., CorpusConfig]:
    """The config of a corpus, with changes."""

    def load(name: str, **changes: object) -> CorpusConfig:
        return CorpusConfig(**yaml.safe_load((CONFIG / f"{name}.yaml").read_text(encoding="utf-8")) | changes)

    return load


@pytest.fixture
def write_wavs(tmp_path: Path) -> Callable[..., Path]:
    """Write 50 ms of sound to each path below ``tmp_path``, which is handed back."""
    file = io.BytesIO()
    soundfile.write(file, np.random.default_rng(0).uniform(-0.5, 0.5, 800), 16000, format="WAV")

    def write(paths: Iterable[str]) -> Path:
        for path in paths:
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_bytes(file.getvalue())
        return tmp_path

    return write


@pytest.fixture(scope="session")
def zipped():
    """Makes a zip of names and contents; a name may be there twice."""

    def make(files):
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in files:
                archive.writestr(name, content)
        return file.getvalue()

    return make
