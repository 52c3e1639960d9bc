"""rule train: fit one system on one fold, keep the best evaluation on dev, say what it predicts."""

from pathlib import Path

from emofactors.config.training import ComputeSettings, RunSettings
from emofactors.corpora.splits import read_fold
from emofactors.features.archive import FeatureArchive
from emofactors.inference.predict import predict
from emofactors.io.atomic import write_text_atomically
from emofactors.jobs.device import keep_freed_memory, lease_device
from emofactors.jobs.log import log_to
from emofactors.jobs.seeding import seed_everything
from emofactors.systems import build_system
from emofactors.training.data_of_fold import load_splits, training_data
from emofactors.training.input_spec import InputSpec
from emofactors.training.metadata import run_metadata
from emofactors.training.resume import fit_resumably
from emofactors.training.weights import load_weights

log_to(snakemake.log[0])
keep_freed_memory()
seed, params = int(snakemake.wildcards.seed), snakemake.params
run, compute = RunSettings(**params.run), ComputeSettings(**params.compute)
seed_everything(seed, compute.threads)
device = lease_device(compute.device, snakemake.resources.slots_per_gpu)
fold = read_fold(Path(snakemake.input.folds), int(snakemake.wildcards.fold))
archive = FeatureArchive(*(Path(folder) / params.heard for folder in snakemake.input.features))
stream, teacher = bool(snakemake.resources.stream), snakemake.input.get("teacher")
splits = load_splits(fold, archive, params.classes, run, device, teacher=teacher, stream=stream)
system = build_system(
    snakemake.wildcards.system, params.arguments, training_data(splits["train"], params.classes, run)
).to(device)
load_weights(system, snakemake.input.get("initial"))

trained, checkpoint = fit_resumably(
    system, splits, run, compute, arguments=params.arguments, seed=seed, code=params.code
)

predictions = predict(
    trained.system, splits, params.classes, batch_size=run.batch_size, precision=compute.precision
)
trained.save(Path(snakemake.output.model), Path(snakemake.output.history), splits["train"].standardisation)
predictions.save(Path(snakemake.output.predictions), Path(snakemake.output.embeddings))
write_text_atomically(
    Path(snakemake.output.run),
    run_metadata(
        trained,
        splits["train"],
        run=run,
        arguments=params.arguments,
        compute=compute,
        code=params.code,
        inference_utterances_per_s=predictions.utterances_per_s,
        input_spec=InputSpec.of_run(params.input_spec, snakemake.input.get("manifest")),
    ),
)
checkpoint.remove()
