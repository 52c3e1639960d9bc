"""rule test_run: a trained system hears another corpus, or speech reconstructed otherwise, and says what it predicts."""

from pathlib import Path

from emofactors.config.training import ComputeSettings, RunSettings
from emofactors.corpora.splits import read_fold
from emofactors.features.archive import FeatureArchive
from emofactors.inference.predict import predict
from emofactors.jobs.device import lease_device
from emofactors.jobs.log import log_to
from emofactors.jobs.seeding import seed_everything
from emofactors.systems import build_system
from emofactors.training.data_of_fold import load_evaluation_data, load_splits, training_data
from emofactors.training.weights import load_weights

log_to(snakemake.log[0])
params = snakemake.params
run, compute = RunSettings(**params.run), ComputeSettings(**params.compute)
seed_everything(int(snakemake.wildcards.seed), compute.threads)
device = lease_device(compute.device, snakemake.resources.slots_per_gpu)
fold = read_fold(Path(snakemake.input.folds), int(snakemake.wildcards.fold))
trained_on = FeatureArchive(*(Path(folder) / params.trained_on for folder in snakemake.input.features))
# Of what it was trained on only sizes are asked: no frame of it need be held.
train = load_splits(fold, trained_on, params.classes, run, device, stream=True)["train"]
system = build_system(snakemake.wildcards.system, params.arguments, training_data(train, params.classes, run)).to(
    device
)
load_weights(system, snakemake.input.model)
# Of another corpus nothing trained: all of it is a test.
other = None if params.same_task else read_fold(Path(snakemake.input.heard_folds), 0)
rows = fold.of_split("test") if other is None else other.utterances
archive = FeatureArchive(*(Path(folder) / params.heard_as for folder in snakemake.input.heard))
test = load_evaluation_data(
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
