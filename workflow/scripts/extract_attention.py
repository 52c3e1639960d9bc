"""rule extract_attention: extract attention of a trained system, and test the effect of the order of frames."""

from emofactors.inference.attention import attention_maps, shuffle_columns
from emofactors.systems import build_system
from emofactors.training.run import open_run

run = open_run(
    build_system,
    snakemake.wildcards,
    snakemake.params,
    log=snakemake.log[0],
    slots_per_gpu=snakemake.resources.slots_per_gpu,
    stream=bool(snakemake.resources.stream),
    folds=snakemake.input.folds,
    features=snakemake.input.features,
    weights=snakemake.input.model,
)

attention = attention_maps(run.system, run.splits["test"], run.classes)
shuffle = shuffle_columns(run.system, run.splits["test"], run.settings.batch_size, run.seed)

attention.save(snakemake.output.attention)
shuffle.save(snakemake.output.shuffle)
