"""Predict the utterances of a fold, or of another corpus."""

import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from emofactors.corpora.splits import read_fold
from emofactors.features.archive import FeatureArchive
from emofactors.features.standardisation import Standardisation, fit_by_speaker
from emofactors.training.dataset import SplitData, load_split
from emofactors.training.outputs import model_outputs
from emofactors.training.predictions import TRAINING_SPLIT, Predictions, as_predictions
from emofactors.training.run import OpenRun


def predict(run: OpenRun, splits: Mapping[str, SplitData]) -> Predictions:
    """Predict every utterance of some splits.

    Args:
        run: a run whose system is trained.
        splits: split -> its data; empty splits are left out.

    Returns:
        Predictions of every split but train, embeddings of all splits.
    """
    outputs, wall_s = [], 0.0
    for split, data in splits.items():
        if len(data) == 0:
            continue
        started = time.monotonic()
        outputs.append(
            model_outputs(
                run.system,
                data,
                split=split,
                batch_size=run.settings.batch_size,
                precision=run.compute.precision,
            )
        )
        wall_s += time.monotonic() - started
    return as_predictions(outputs, run.classes, wall_s=wall_s)


def load_test_split(
    run: OpenRun,
    features: Iterable[str | Path],
    folds: str | Path,
    *,
    condition: str,
    same_task: bool,
    stream: bool,
) -> SplitData:
    """Load test utterances as input of a trained system: of its own task or of another.

    The features are standardised by the training rows of the run, or by speaker if those of the run are.

    Args:
        run: the run.
        features: archives of the test corpus, or of speech reconstructed by a decomposer.
        folds: folds of the test task.
        condition: subfolder of the archives with the condition of reconstructed speech; empty for original speech.
        same_task: whether the test task is the task of the run. If so, the rows are the test split of its fold,
            else all utterances of the other task, none of which trained the system.
        stream: read features from disk batch by batch; else hold them on the device.

    Returns:
        The data of the split, in the order of the fold.

    Raises:
        InputError: if a file is missing or damaged, or an archive lacks an utterance.
    """
    fold = run.fold if same_task else read_fold(Path(folds), 0)
    archive = FeatureArchive(*(Path(folder) / condition for folder in features))
    standardisation: Standardisation | dict[str, Standardisation] | None = run.splits["train"].standardisation
    if run.settings.standardise_by_speaker:
        training = list(fold.of_split(TRAINING_SPLIT)["utterance"]) if same_task else ()
        standardisation = fit_by_speaker(archive, fold.speaker_of, training)
    return load_split(
        fold.of_split("test") if same_task else fold.utterances,
        run.classes,
        archive,
        standardisation,
        training_speakers=(),
        max_frames=run.settings.max_frames,
        segment_frames=run.settings.segment_frames,
        device=run.device,
        stream=stream,
    )
