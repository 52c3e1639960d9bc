"""A support vector machine on functionals: the floor that every network is to stand above."""

import json
import platform
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from itertools import combinations
from pathlib import Path
from typing import Self

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save
from scipy.spatial.distance import cdist
from sklearn.svm import SVC

from emofactors.config.systems import SvmSettings
from emofactors.corpora.splits import SPLITS, Fold
from emofactors.errors import InputError
from emofactors.features.archive import FeatureArchive
from emofactors.features.standardisation import Standardisation, fit_standardisation
from emofactors.io.atomic import damaged, missing, write_bytes_atomically
from emofactors.training.input_spec import InputSpec
from emofactors.training.predictions import TRAINING_SPLIT, ModelOutputs, Predictions, as_predictions

#: Packages whose version can change a number; the optional ones among them where they are installed.
_PACKAGES = ("emofactors", "numpy", "scipy", "scikit-learn", "soundfile", "praat-parselmouth", "opensmile")


@dataclass(frozen=True)
class FittedSvm:
    """A support vector machine and what it says of its fold.

    Attributes:
        machine: the machine.
        standardisation: mean and std of each functional in training.
        predictions: of every split.
        training_utterances: training rows.
        wall_s: seconds of standardising and fitting.
    """

    machine: SVC
    standardisation: Standardisation
    predictions: Predictions
    training_utterances: int
    wall_s: float

    def save(self, model: Path) -> None:
        """Write what the machine decides by, float64, and the statistics of functionals as safetensors."""
        machine = {
            "support_vectors": self.machine.support_vectors_,
            "n_support": self.machine.n_support_.astype(np.int64),
            "dual_coefficients": self.machine.dual_coef_,
            "intercepts": self.machine.intercept_,
        }
        arrays = machine | self.standardisation.to_arrays()
        write_bytes_atomically(model, save({name: np.ascontiguousarray(a) for name, a in arrays.items()}))


@dataclass(frozen=True)
class SavedSvm:
    """A support vector machine as :meth:`FittedSvm.save` keeps it; S support vectors, F functionals, C classes.

    Attributes:
        kernel: ``linear``, or ``rbf`` with gamma 1 / F.
        support_vectors: standardised training rows, those of a class after those of the class before, (S, F).
        n_support: number of each class', (C,).
        dual_coefficients: of each support vector against each other class, (C - 1, S).
        intercepts: of each pair of classes, (C (C - 1) / 2,).
        standardisation: mean and std of each functional in training.
    """

    kernel: str
    support_vectors: np.ndarray
    n_support: np.ndarray
    dual_coefficients: np.ndarray
    intercepts: np.ndarray
    standardisation: Standardisation

    @classmethod
    def read(cls, model: Path, kernel: str) -> Self:
        """Read a machine.

        Raises:
            InputError: if the file is missing or damaged, or its arrays do not fit each other.
        """
        expected = "the support vector machine of a run"
        try:
            arrays = load_file(model)
            standardisation = Standardisation.from_arrays(arrays)
            if standardisation is None:
                raise ValueError("no mean and std of the functionals")
            read = cls(
                kernel,
                support_vectors=arrays["support_vectors"],
                n_support=arrays["n_support"],
                dual_coefficients=arrays["dual_coefficients"],
                intercepts=arrays["intercepts"],
                standardisation=standardisation,
            )
            n_classes, (n_vectors, n_functionals) = len(read.n_support), read.support_vectors.shape
            fits = (
                read.dual_coefficients.shape == (n_classes - 1, n_vectors)
                and read.intercepts.shape == (n_classes * (n_classes - 1) // 2,)
                and (read.n_support >= 0).all()
                and read.n_support.sum() == n_vectors
                and standardisation.mean.shape == (n_functionals,)
            )
        except FileNotFoundError as error:
            raise missing(model, expected) from error
        except (SafetensorError, OSError, ValueError, TypeError, AttributeError, KeyError) as error:
            raise damaged(model, f"is no support vector machine ({error})", expected) from error
        if not fits:
            raise damaged(model, "has arrays that do not fit each other", expected)
        return read

    def scores(self, functionals: np.ndarray) -> np.ndarray:
        """Score of each class as :func:`fit_svm` has it, (N, C), of functionals as they are, (N, F) float32."""
        heard = self.standardisation.apply(functionals).astype(np.float64)
        if self.kernel == "linear":
            kernel = heard @ self.support_vectors.T  # (N, S)
        else:
            kernel = np.exp(-cdist(heard, self.support_vectors, "sqeuclidean") / heard.shape[1])
        n_classes = len(self.n_support)
        of_class = np.split(np.arange(len(self.support_vectors)), np.cumsum(self.n_support)[:-1])
        margins = np.empty((len(heard), len(self.intercepts)))  # of each pair of classes
        for pair, (i, j) in enumerate(combinations(range(n_classes), 2)):
            one, other = of_class[i], of_class[j]
            margins[:, pair] = (
                kernel[:, one] @ self.dual_coefficients[j - 1, one]
                + kernel[:, other] @ self.dual_coefficients[i, other]
                + self.intercepts[pair]
            )
        if n_classes == 2:  # scikit-learn turns the signs of what it keeps of two classes
            return np.concatenate([-margins, margins], axis=1)
        won, sums = np.zeros((2, len(heard), n_classes))
        for pair, (i, j) in enumerate(combinations(range(n_classes), 2)):
            first_wins = margins[:, pair] >= 0
            won[:, i] += first_wins
            won[:, j] += ~first_wins
            sums[:, i] += margins[:, pair]
            sums[:, j] -= margins[:, pair]
        return won + sums / (3 * (np.abs(sums) + 1))  # less than half a pair


def fit_svm(fold: Fold, archive: FeatureArchive, classes: Sequence[str], settings: SvmSettings) -> FittedSvm:
    """Fit on the training rows of one fold, and hear all of its rows.

    Functionals are standardised by the training rows, copies of utterances counting as rows of their own.
    Classes are told apart pair by pair; a class' score is the number of pairs it wins, and among classes
    that win as many the sum of its margins decides. The dev rows choose nothing.

    Source: Cortes & Vapnik 1995; LIBSVM, Chang & Lin 2011.

    Args:
        fold: who is heard in which split.
        archive: functionals of the corpus, one frame an utterance.
        classes: classes of the task, in order.
        settings: kernel and penalty.

    Returns:
        The machine and its predictions: p_<class> is a softmax of the scores, no calibrated probability;
        the embedding of an utterance are its standardised functionals.

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
    machine = SVC(
        C=settings.penalty,
        kernel=settings.kernel,
        gamma="auto",
        class_weight="balanced" if settings.balanced else None,
        decision_function_shape="ovr",
    ).fit(functionals[TRAINING_SPLIT], emotion[TRAINING_SPLIT])
    fitted = time.monotonic()
    heard = [
        ModelOutputs(
            split=split,
            utterances=rows[split]["utterance"].tolist(),
            speakers=rows[split]["speaker"].tolist(),
            emotion=emotion[split],
            logits=_scores(machine, functionals[split]),
            embedding=functionals[split],
        )
        for split in splits
    ]
    return FittedSvm(
        machine=machine,
        standardisation=standardisation,
        predictions=as_predictions(heard, classes, wall_s=time.monotonic() - fitted),
        training_utterances=len(rows[TRAINING_SPLIT]),
        wall_s=fitted - started,
    )


def describe_svm(
    fitted: FittedSvm, settings: SvmSettings, *, code: str, input_spec: InputSpec | None = None
) -> str:
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
    if input_spec is not None:
        about["input_spec"] = input_spec.model_dump(mode="json")
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
