"""Settings of a page, and what is read for it."""

import pytest

from emofactors.config.evaluation import ProbeSettings
from emofactors.config.page import PageCorpus, PageFigure, PageSettings
from emofactors.config.systems import Documented, SystemConfig
from emofactors.config.tasks import TaskConfig

TASK = TaskConfig(
    corpus="a", classes=("anger", "sadness", "fear", "neutral"), protocol="speaker_groups", folds=5, dev_speakers=2
)


@pytest.fixture
def task():
    """A speaker-independent task."""
    return TASK


@pytest.fixture
def leaky_task():
    """A speaker-dependent task that leaks on purpose."""
    return TaskConfig(
        corpus="a",
        classes=TASK.classes,
        protocol="stratified_folds",
        folds=5,
        strata=("emotion",),
        augmentation="noisy",
        augmented="before_split",
        shows_leak=True,
    )


@pytest.fixture
def system_of():
    """Function of overrides: a system with two published settings and an assumed one."""

    def make(overrides=None, *, why="talk", **changes):
        settings = (
            Documented(key="units", value=128, kind="published", why="talk"),
            Documented(key="channels", value=[48, 64], kind="published", why=why),
            Documented(key="patience", value=None, kind="assumed", why="not stated"),
        )
        variants = {"plain": {"lambda": 0.0}, "center": {}}
        system = SystemConfig(source="Paper 2019", settings=settings, variants=variants, overrides=overrides or {})
        return system.model_copy(update=changes)

    return make


@pytest.fixture
def settings_of(system_of):
    """Function of changes: settings of the page of a study of one task with two tables and two figures."""

    def make(title="A study", overrides=None, **changes):
        figures = {name: PageFigure(title=f"{title}, {name}", caption="which") for name in ("confused", "course")}
        settings = PageSettings(
            study="a_study",
            title=title,
            seeds=(0, 1),
            seeds_of={"net": (0, 1)},
            corpora={"a": PageCorpus(title="Corpus A", shards=1)},
            tasks={"a4": TASK},
            systems={"net": system_of(overrides, why=title)},
            features={"log_mel_8": (Documented(key="n_mels", value=8, kind="assumed", why="small"),)},
            augmentations={},
            tables=("compared", "swept"),
            figures=figures,
            trainings=tuple(("a4", "net", variant) for variant in ("plain", "center")),
            reconstructed_variants=(),
            audio_examples={},
            probes=ProbeSettings(),
        )
        return settings.model_copy(update=changes)

    return make


@pytest.fixture
def metadata():
    """Metadata of a corpus."""
    return {
        "title": "Corpus A",
        "source": "Someone, 2000",
        "licence": "CC0",
        "language": "de",
        "utterances": 400,
        "speakers": 10,
        "duration_s": 3600.0,
        "published_utterances": 400,
        "whole": True,
        "dropped": [["a.wav", "silent"]],
    }


@pytest.fixture
def run():
    """Metadata of a run, and which it is."""
    return {
        "task": "a4",
        "system": "net",
        "variant": "plain",
        "parameters": 1234,
        "flops": 5_000_000,
        "flops_frames": 300,
        "steps": 300,
        "resumed_at_step": 0,
        "wall_s": 10.0,
        "utterances_per_s": 50.0,
        "inference_utterances_per_s": 400.0,
        "device": "cpu",
        "precision": "float32",
        "threads": 1,
        "versions": {"python": "3.11.9", "torch": "2.11.0"},
        "code": "0123456789abcdef",
    }


@pytest.fixture
def shuffle():
    """Comparison of a run with shuffled frames."""
    return {
        "task": "a4",
        "system": "net",
        "variant": "center",
        "n_utterances": 107,
        "largest_logit": 8.1,
        "largest_logit_change": 0.000003,
        "changed_predictions": 0,
        "ua": 61.2,
        "ua_shuffled": 61.2,
    }
