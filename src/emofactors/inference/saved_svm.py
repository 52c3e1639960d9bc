"""The decision function of a saved support vector machine, without the import of scikit-learn, which fitted it."""

from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Self

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file

from emofactors.features.standardisation import Standardisation
from emofactors.io.atomic import damaged, missing


@dataclass(frozen=True)
class SavedSvm:
    """The decision function of a saved support vector machine: S support vectors, F functionals, C classes.

    Attributes:
        kernel: ``linear``, or ``rbf`` with gamma 1 / F.
        support_vectors: standardised training rows, ordered by class, (S, F).
        n_support: number of support vectors of each class, (C,).
        dual_coefficients: of each support vector against each other class, (C - 1, S).
        intercepts: of each pair of classes, (C (C - 1) / 2,).
        standardisation: mean and std of each functional over the training rows.
    """

    kernel: str
    support_vectors: np.ndarray
    n_support: np.ndarray
    dual_coefficients: np.ndarray
    intercepts: np.ndarray
    standardisation: Standardisation

    @classmethod
    def read(cls, model: Path, kernel: str) -> Self:
        """Read a file written by :meth:`emofactors.training.svm.FittedSvm.save`.

        Raises:
            InputError: if the file is missing or damaged, or the shapes of its arrays are inconsistent.
        """
        expected = "the support vector machine of a run"
        try:
            arrays = load_file(model)
            standardisation = Standardisation.from_arrays(arrays)
            if standardisation is None:
                raise ValueError("no mean and std of the functionals")
            svm = cls(
                kernel,
                support_vectors=arrays["support_vectors"],
                n_support=arrays["n_support"],
                dual_coefficients=arrays["dual_coefficients"],
                intercepts=arrays["intercepts"],
                standardisation=standardisation,
            )
            n_classes, (n_vectors, n_functionals) = len(svm.n_support), svm.support_vectors.shape
            is_consistent = (
                svm.dual_coefficients.shape == (n_classes - 1, n_vectors)
                and svm.intercepts.shape == (n_classes * (n_classes - 1) // 2,)
                and (svm.n_support >= 0).all()
                and svm.n_support.sum() == n_vectors
                and standardisation.mean.shape == (n_functionals,)
            )
        except FileNotFoundError as error:
            raise missing(model, expected) from error
        except (SafetensorError, OSError, ValueError, TypeError, AttributeError, KeyError) as error:
            raise damaged(model, f"is not a support vector machine ({error})", expected) from error
        if not is_consistent:
            raise damaged(model, "has arrays of inconsistent shapes", expected)
        return svm

    def scores(self, functionals: np.ndarray) -> np.ndarray:
        """Return the score of each class, (N, C), for functionals (N, F) float32.

        They are those of :func:`emofactors.training.svm.fit_svm`.
        """
        x = self.standardisation.apply(functionals).astype(np.float64)
        if self.kernel == "linear":
            kernel = x @ self.support_vectors.T  # (N, S)
        else:
            distances = np.stack([((row - self.support_vectors) ** 2).sum(axis=1) for row in x])  # (N, S), squared
            kernel = np.exp(-distances / x.shape[1])
        n_classes = len(self.n_support)
        of_class = np.split(np.arange(len(self.support_vectors)), np.cumsum(self.n_support)[:-1])
        margins = np.empty((len(x), len(self.intercepts)))  # of each pair of classes
        for pair, (i, j) in enumerate(combinations(range(n_classes), 2)):
            one, other = of_class[i], of_class[j]
            margins[:, pair] = (
                kernel[:, one] @ self.dual_coefficients[j - 1, one]
                + kernel[:, other] @ self.dual_coefficients[i, other]
                + self.intercepts[pair]
            )
        if n_classes == 2:  # scikit-learn negates the attributes of a fit of two classes
            return np.concatenate([-margins, margins], axis=1)
        wins, sums = np.zeros((2, len(x), n_classes))
        for pair, (i, j) in enumerate(combinations(range(n_classes), 2)):
            first_wins = margins[:, pair] >= 0
            wins[:, i] += first_wins
            wins[:, j] += ~first_wins
            sums[:, i] += margins[:, pair]
            sums[:, j] -= margins[:, pair]
        return wins + sums / (3 * (np.abs(sums) + 1))  # the second term is less than half a win
