"""rule make_folds: the split of each utterance in every fold of a task."""

from pathlib import Path

from emofactors.config.augmentations import AugmentationSettings
from emofactors.config.tasks import TaskConfig
from emofactors.corpora.manifest import read_manifest
from emofactors.corpora.splits import make_folds, write_folds
from emofactors.jobs.log import log_to

log_to(snakemake.log[0])
utterances = read_manifest(Path(snakemake.input.manifest))
augmentation = snakemake.params.augmentation and AugmentationSettings(**snakemake.params.augmentation)

folds = make_folds(utterances, TaskConfig(**snakemake.params.task), augmentation)

write_folds(folds, Path(snakemake.output.folds))
