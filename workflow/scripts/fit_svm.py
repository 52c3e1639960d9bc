"""rule fit_svm: fit a support vector machine on the functionals of one fold, and predict its utterances."""

from pathlib import Path

from emofactors.config.training import SvmSettings
from emofactors.corpora.splits import read_fold
from emofactors.features.archive import FeatureArchive
from emofactors.io.atomic import write_text_atomically
from emofactors.jobs.log import log_to
from emofactors.training.input_spec import InputSpec
from emofactors.training.svm import fit_svm, svm_metadata

log_to(snakemake.log[0])
params = snakemake.params
settings = SvmSettings(**params.svm)
fold = read_fold(Path(snakemake.input.folds), int(snakemake.wildcards.fold))
archive = FeatureArchive(*map(Path, snakemake.input.features))

fitted = fit_svm(fold, archive, params.classes, settings)

fitted.save(Path(snakemake.output.model))
fitted.predictions.save(Path(snakemake.output.predictions), Path(snakemake.output.embeddings))
write_text_atomically(
    Path(snakemake.output.run),
    svm_metadata(fitted, settings, input_spec=InputSpec.of_run(params.input_spec), code=params.code),
)
