"""rule train: fit one system on one fold, keep the best evaluation on dev, say what it predicts."""

from pathlib import Path

from emofactors.config import ComputeSettings, RunSettings
from emofactors.corpora.splits import read_fold
from emofactors.features.archive import FeatureArchive
from emofactors.files import write_text_atomically
from emofactors.runlog import log_to
from emofactors.systems import build_system
from emofactors.training.device import keep_freed_memory, lease_device
from emofactors.training.hearing import Hearing
from emofactors.training.predict import predict
from emofactors.training.run import describe_run, describe_training_data, fit_resumably, load_roles, start_from
from emofactors.training.seeding import seed_everything

log_to(snakemake.log[0])
keep_freed_memory()
seed, params = int(snakemake.wildcards.seed), snakemake.params
run, compute = RunSettings(**params.run), ComputeSettings(**params.compute)
seed_everything(seed, compute.threads)
device = lease_device(compute.device, snakemake.resources.slots_per_gpu)
fold = read_fold(Path(snakemake.input.folds), int(snakemake.wildcards.fold))
archive = FeatureArchive(*(Path(folder) / params.heard for folder in snakemake.input.features))
stream, teacher = bool(snakemake.resources.stream), snakemake.input.get("teacher")
roles = load_roles(fold, archive, params.classes, run, device, teacher=teacher, stream=stream)
system = build_system(
    snakemake.wildcards.system, params.arguments, describe_training_data(roles["train"], params.classes, run)
).to(device)
start_from(system, snakemake.input.get("initial"))

trained, checkpoint = fit_resumably(
    system, roles, run, compute, arguments=params.arguments, seed=seed, code=params.code
)

predictions = predict(
    trained.system, roles, params.classes, batch_size=run.batch_size, precision=compute.precision
)
trained.save(Path(snakemake.output.model), Path(snakemake.output.history), roles["train"].standardisation)
predictions.save(Path(snakemake.output.predictions), Path(snakemake.output.embeddings))
write_text_atomically(
    Path(snakemake.output.run),
    describe_run(
        trained,
        roles["train"],
        run=run,
        arguments=params.arguments,
        compute=compute,
        code=params.code,
        inference_utterances_per_s=predictions.utterances_per_s,
        hearing=Hearing.of_run(params.hearing, snakemake.input.get("manifest")),
    ),
)
checkpoint.remove()
