"""rule audit_task: check the folds of a task for leakage before anything is trained."""

from pathlib import Path

from emofactors.config.tasks import TaskConfig
from emofactors.corpora.audit import audit_task
from emofactors.corpora.manifest import read_manifest
from emofactors.corpora.splits import read_folds
from emofactors.io.atomic import write_text_atomically
from emofactors.io.json import read_json
from emofactors.jobs.log import log_to

log_to(snakemake.log[0])
utterances = read_manifest(Path(snakemake.input.manifest))
folds = read_folds(Path(snakemake.input.folds))
metadata = read_json(snakemake.input.metadata, "the metadata of a corpus")

audit = audit_task(
    folds,
    utterances,
    TaskConfig(**snakemake.params.task),
    metadata,
    min_training_speakers=snakemake.params.min_training_speakers,
)

write_text_atomically(Path(snakemake.log[0]).with_suffix(".json"), audit.to_json())  # remains after a failure
audit.stop_if_failed()
write_text_atomically(Path(snakemake.output.audit), audit.to_json())
