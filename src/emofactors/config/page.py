"""Settings of the page of a study: the part of the study that the page and the tables of costs show."""

from emofactors.config.base import Name, RunKey, Section, Seed
from emofactors.config.evaluation import ProbeSettings
from emofactors.config.systems import Documented, SystemConfig
from emofactors.config.tasks import TaskConfig


class PageCorpus(Section):
    """A corpus as the page shows it.

    Attributes:
        title: its title.
        shards: number of shards in which its features are extracted.
    """

    title: str
    shards: int


class PageFigure(Section):
    """A figure as the page shows it.

    Attributes:
        title: one line.
        caption: what to see.
    """

    title: str
    caption: str


class PageSettings(Section):
    """The part of a study that its page needs; all names are in the order of the study.

    Attributes:
        study: name of the study.
        title: one line, at the top of the page.
        seeds: seeds of trainings.
        seeds_of: system -> the seeds its variants are trained with.
        corpora: corpus -> its title and shards.
        tasks: task -> its config.
        systems: system -> its settings and variants, and what the study changes.
        features: features -> their settings and where those are stated.
        augmentations: augmentation -> its settings, likewise with sources.
        tables: names of the tables.
        figures: figure -> title and caption.
        trainings: (task, system, variant) of each training; each has a run per fold and seed.
        reconstructed_variants: variants whose reconstructed speech other runs are evaluated on.
        audio_examples: task -> the decomposers, ``system/variant``, whose audio examples the page plays.
        probes: settings of the probes of embeddings.
    """

    study: Name
    title: str
    seeds: tuple[Seed, ...]
    seeds_of: dict[Name, tuple[Seed, ...]]
    corpora: dict[Name, PageCorpus]
    tasks: dict[Name, TaskConfig]
    systems: dict[Name, SystemConfig]
    features: dict[Name, tuple[Documented, ...]]
    augmentations: dict[Name, tuple[Documented, ...]]
    tables: tuple[Name, ...]
    figures: dict[Name, PageFigure]
    trainings: tuple[tuple[Name, Name, Name], ...]
    reconstructed_variants: tuple[Name, ...]
    audio_examples: dict[Name, tuple[RunKey, ...]]
    probes: ProbeSettings
