import numpy as np
import pytest
import scipy.special

from emofactors.training.posteriors import log_softmax, softmax


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("scale", [0.0, 1e-3, 1.0, 30.0, 1e3, 1e30])
def test_posteriors_equal_those_of_scipy_bit_by_bit(scale, dtype):
    generator = np.random.default_rng(0)
    for n_classes in (1, 2, 3, 4, 7, 8, 9, 40):
        logits = (scale * generator.normal(size=(500, n_classes))).astype(dtype)
        for array in (logits, np.asfortranarray(logits)):
            assert np.array_equal(softmax(array), scipy.special.softmax(array, axis=1))
            assert np.array_equal(log_softmax(array), scipy.special.log_softmax(array, axis=1))
            assert softmax(array).dtype == log_softmax(array).dtype == dtype
