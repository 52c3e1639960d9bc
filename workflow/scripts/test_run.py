"""rule test_run: a trained system hears another corpus, or speech rebuilt otherwise, and says what it predicts."""

from pathlib import Path

from emofactors.config import ComputeSettings, RunSettings
from emofactors.corpora.splits import read_fold
from emofactors.features.archive import FeatureArchive
from emofactors.runlog import log_to
from emofactors.systems import build_system
from emofactors.training.device import lease_device
from emofactors.training.predict import predict
from emofactors.training.run import describe_training_data, load_heard, load_roles, start_from
from emofactors.training.seeding import seed_everything

log_to(snakemake.log[0])
params = snakemake.params
run, compute = RunSettings(**params.run), ComputeSettings(**params.compute)
seed_everything(int(snakemake.wildcards.seed), compute.threads)
device = lease_device(compute.device, snakemake.resources.slots_per_gpu)
fold = read_fold(Path(snakemake.input.folds), int(snakemake.wildcards.fold))
trained_on = FeatureArchive(*(Path(folder) / params.trained_on for folder in snakemake.input.features))
# Of what it was trained on only sizes are asked: no frame of it need be held.
train = load_roles(fold, trained_on, params.classes, run, device, stream=True)["train"]
system = build_system(
    snakemake.wildcards.system, params.arguments, describe_training_data(train, params.classes, run)
).to(device)
start_from(system, snakemake.input.model)
# Of another corpus nothing trained: all of it is a test.
other = None if params.same_task else read_fold(Path(snakemake.input.heard_folds), 0)
rows = fold.of_role("test") if other is None else other.utterances
archive = FeatureArchive(*(Path(folder) / params.heard_as for folder in snakemake.input.heard))
test = load_heard(
    rows,
    archive,
    fold=fold,
    trained_on=trained_on,
    classes=params.classes,
    run=run,
    device=device,
    stream=bool(snakemake.resources.stream),
)

predictions = predict(
    system, {"test": test}, params.classes, batch_size=run.batch_size, precision=compute.precision
)
predictions.save(Path(snakemake.output.predictions))
