import numpy as np

from emofactors.evaluation.statistics.holm import holm


def test_p_values_are_adjusted_stepwise_from_the_smallest():
    # By hand: 4 x 0.005 = 0.02; 3 x 0.011 = 0.033; 2 x 0.02 = 0.04; 1 x 0.03 = 0.03, but never below 0.04.
    adjusted = holm(np.array([0.02, 0.005, 0.03, 0.011]))
    np.testing.assert_allclose(adjusted, [0.04, 0.02, 0.04, 0.033])
    np.testing.assert_allclose(holm(np.array([0.6, 0.7])), [1.0, 1.0])
    assert holm(np.array([])).shape == (0,)
