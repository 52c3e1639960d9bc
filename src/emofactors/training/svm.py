"""A support vector machine on functionals: the baseline of every network."""

import json
import platform
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
from safetensors.numpy import save
from sklearn.svm import SVC

from emofactors.config.training import SvmSettings
from emofactors.corpora.splits import SPLITS, Fold
from emofactors.errors import InputError
from emofactors.features.archive import FeatureArchive
from emofactors.features.standardisation import Standardisation, fit_standardisation
from emofactors.io.atomic import write_bytes_atomically
from emofactors.training.input_spec import InputSpec
from emofactors.training.predictions import TRAINING_SPLIT, ModelOutputs, Predictions, as_predictions

#: Packages whose version can change a result, as far as they are installed.
_PACKAGES = ("emofactors", "numpy", "scipy", "scikit-learn", "soundfile", "praat-parselmouth", "opensmile")


@dataclass(frozen=True)
class FittedSvm:
    """A fitted support vector machine and its predictions.

    Attributes:
        svc: the classifier.
        standardisation: mean and std of each functional over the training rows.
        predictions: predictions of every split.
        training_utterances: number of training rows.
        wall_s: seconds of standardisation and fit.
    """

    svc: SVC
    standardisation: Standardisation
    predictions: Predictions
    training_utterances: int
    wall_s: float

    def save(self, model: Path) -> None:
        """Write the decision function, float64, and the standardisation as safetensors."""
        decision = {
            "support_vectors": self.svc.support_vectors_,
            "n_support": self.svc.n_support_.astype(np.int64),
            "dual_coefficients": self.svc.dual_coef_,
            "intercepts": self.svc.intercept_,
        }
        arrays = decision | self.standardisation.to_arrays()
        write_bytes_atomically(model, save({name: np.ascontiguousarray(a) for name, a in arrays.items()}))


def fit_svm(fold: Fold, archive: FeatureArchive, classes: Sequence[str], settings: SvmSettings) -> FittedSvm:
    """Fit a support vector machine on the training rows of a fold, and predict all of its rows.

    Functionals are standardised by the training rows, including augmented copies.
    Classes are compared in pairs: the score of a class is the number of pairs it
    wins, and the sum of its margins breaks ties. The dev rows are not used.

    Source: Cortes & Vapnik 1995; LIBSVM, Chang & Lin 2011.

    Args:
        fold: the fold.
        archive: functionals of the corpus, one frame per utterance.
        classes: classes of the task, in order.
        settings: kernel and penalty.

    Returns:
        The machine and its predictions: p_<class> is a softmax of the scores, not a calibrated probability;
        the embedding of an utterance is its standardised functionals.

    Raises:
        InputError: if an utterance is missing, or has more than one frame.
    """
    splits = sorted(fold.utterances["split"].unique(), key=SPLITS.index)
    rows = {split: fold.of_split(split) for split in splits}
    index = {name: i for i, name in enumerate(classes)}
    started = time.monotonic()
    standardisation = fit_standardisation(archive, list(rows[TRAINING_SPLIT]["utterance"]))
    functionals = {
        split: standardisation.apply(_functionals(archive, rows[split]["utterance"].tolist())) for split in splits
    }
    emotion = {split: rows[split]["emotion"].map(index).to_numpy(dtype=np.int64) for split in splits}
    svc = SVC(
        C=settings.penalty,
        kernel=settings.kernel,
        gamma="auto",
        class_weight="balanced" if settings.balanced else None,
        decision_function_shape="ovr",
    ).fit(functionals[TRAINING_SPLIT], emotion[TRAINING_SPLIT])
    fitted = time.monotonic()
    outputs = [
        ModelOutputs(
            split=split,
            utterances=rows[split]["utterance"].tolist(),
            speakers=rows[split]["speaker"].tolist(),
            emotion=emotion[split],
            logits=_scores(svc, functionals[split]),
            embedding=functionals[split],
        )
        for split in splits
    ]
    return FittedSvm(
        svc=svc,
        standardisation=standardisation,
        predictions=as_predictions(outputs, classes, wall_s=time.monotonic() - fitted),
        training_utterances=len(rows[TRAINING_SPLIT]),
        wall_s=fitted - started,
    )


def svm_metadata(
    fitted: FittedSvm, settings: SvmSettings, *, code: str, input_spec: InputSpec | None = None
) -> str:
    """Return the metadata of a run, ``run.json``, as JSON text; values that only networks have are null.

    The number of support vectors takes the place of the number of parameters.
    """
    metadata = {
        "settings": settings.model_dump(mode="json"),
        "arguments": {},
        "parameters": None,
        "flops": None,
        "flops_frames": None,
        "functionals": int(fitted.svc.n_features_in_),
        "support_vectors": len(fitted.svc.support_),
        "training_utterances": fitted.training_utterances,
        "steps": None,
        "resumed_at_step": 0,
        "wall_s": round(fitted.wall_s, 3),
        "utterances_per_s": None,
        "inference_utterances_per_s": round(fitted.predictions.utterances_per_s, 1),
        "device": f"cpu ({platform.machine()})",
        "precision": "float64",
        "threads": 1,
        "versions": {"python": platform.python_version()} | _versions(),
        "code": code,
    }
    if input_spec is not None:
        metadata["input_spec"] = input_spec.model_dump(mode="json")
    return json.dumps(metadata, indent=2) + "\n"


def _functionals(archive: FeatureArchive, utterances: Sequence[str]) -> np.ndarray:
    """Return the functionals of utterances, (N, F) float32."""
    for utterance in utterances:
        if archive.n_frames(utterance) != 1:
            raise InputError(
                f"{archive.folders[0]}: utterance {utterance!r} has {archive.n_frames(utterance)} frames, "
                "expected functionals: one frame"
            )
    return np.concatenate([archive[utterance] for utterance in utterances])


def _scores(svc: SVC, functionals: np.ndarray) -> np.ndarray:
    """Return the score of each class, (N, C), in order; of two classes, the negated margin and the margin."""
    scores = svc.decision_function(functionals)
    return np.stack([-scores, scores], axis=1) if scores.ndim == 1 else scores


def _versions() -> dict[str, str]:
    """Return the versions of installed packages."""
    versions = {}
    for package in _PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return versions
