"""A support vector machine on functionals: the floor that every network is to stand above."""

import json
import platform
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

import numpy as np
from sklearn.svm import SVC

from emofactors.config import SvmSettings
from emofactors.corpora.splits import ROLES, Fold
from emofactors.errors import InputError
from emofactors.features.archive import FeatureArchive
from emofactors.features.standardisation import Standardisation, fit_standardisation
from emofactors.training.predictions import TRAINING_ROLE, Heard, Predictions, as_predictions

#: Packages whose version can change a number; the optional ones among them where they are installed.
_PACKAGES = ("emofactors", "numpy", "scipy", "scikit-learn", "soundfile", "praat-parselmouth", "opensmile")


@dataclass(frozen=True)
class FittedSvm:
    """A support vector machine and what it says of its fold.

    Attributes:
        machine: the machine.
        standardisation: mean and deviation of each functional in training.
        predictions: of every role.
        training_utterances: training rows.
        wall_s: seconds of standardising and fitting.
    """

    machine: SVC
    standardisation: Standardisation
    predictions: Predictions
    training_utterances: int
    wall_s: float


def fit_svm(fold: Fold, archive: FeatureArchive, classes: Sequence[str], settings: SvmSettings) -> FittedSvm:
    """Fit on the training rows of one fold, and hear all of its rows.

    Functionals are standardised by the training rows, copies of utterances counting as rows of their own.
    Classes are told apart pair by pair; a class' score is the number of pairs it wins, and among classes
    that win as many the sum of its margins decides. The dev rows choose nothing.

    Source: Cortes & Vapnik 1995; LIBSVM, Chang & Lin 2011.

    Args:
        fold: who is heard in which role.
        archive: functionals of the corpus, one frame an utterance.
        classes: classes of the task, in order.
        settings: kernel and penalty.

    Returns:
        The machine and its predictions: p_<class> is a softmax of the scores, no calibrated probability;
        the embedding of an utterance are its standardised functionals.

    Raises:
        InputError: if an utterance is missing, or has more than one frame.
    """
    roles = sorted(fold.utterances["role"].unique(), key=ROLES.index)
    rows = {role: fold.of_role(role) for role in roles}
    index = {name: i for i, name in enumerate(classes)}
    started = time.monotonic()
    standardisation = fit_standardisation(archive, list(rows[TRAINING_ROLE]["utterance"]))
    functionals = {role: standardisation.apply(_functionals(archive, rows[role]["utterance"])) for role in roles}
    emotion = {role: rows[role]["emotion"].map(index).to_numpy(dtype=np.int64) for role in roles}
    machine = SVC(
        C=settings.penalty,
        kernel=settings.kernel,
        gamma="auto",
        class_weight="balanced" if settings.balanced else None,
        decision_function_shape="ovr",
    ).fit(functionals[TRAINING_ROLE], emotion[TRAINING_ROLE])
    fitted = time.monotonic()
    heard = [
        Heard(
            role=role,
            utterances=rows[role]["utterance"].tolist(),
            speakers=rows[role]["speaker"].tolist(),
            emotion=emotion[role],
            logits=_scores(machine, functionals[role]),
            embedding=functionals[role],
        )
        for role in roles
    ]
    return FittedSvm(
        machine=machine,
        standardisation=standardisation,
        predictions=as_predictions(heard, classes, wall_s=time.monotonic() - fitted),
        training_utterances=len(rows[TRAINING_ROLE]),
        wall_s=fitted - started,
    )


def describe_svm(fitted: FittedSvm, settings: SvmSettings, *, code: str) -> str:
    """What a run says of itself, as JSON text; null for what only networks have.

    A support vector machine keeps training rows, and no parameters of a number chosen beforehand: the number
    of its support vectors is told instead.
    """
    about = {
        "settings": settings.model_dump(mode="json"),
        "arguments": {},
        "parameters": None,
        "flops": None,
        "flops_frames": None,
        "functionals": int(fitted.machine.n_features_in_),
        "support_vectors": len(fitted.machine.support_),
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
    return json.dumps(about, indent=2) + "\n"


def _functionals(archive: FeatureArchive, utterances: Sequence[str]) -> np.ndarray:
    """Functionals of some utterances, (N, F) float32."""
    for utterance in utterances:
        if archive.n_frames(utterance) != 1:
            raise InputError(
                f"{archive.folders[0]}: utterance {utterance!r} has {archive.n_frames(utterance)} frames, "
                "expected functionals: one"
            )
    return np.concatenate([archive[utterance] for utterance in utterances])


def _scores(machine: SVC, functionals: np.ndarray) -> np.ndarray:
    """Score of each class, (N, C), in the order of the classes; of two, the margin and its opposite."""
    scores = machine.decision_function(functionals)
    return np.stack([-scores, scores], axis=1) if scores.ndim == 1 else scores


def _versions() -> dict[str, str]:
    """Versions of the packages that are installed."""
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
