import pytest

from emofactors.errors import InputError
from emofactors.systems import build_system
from emofactors.systems.base import TrainingData


def test_unknown_system_is_refused():
    with pytest.raises(InputError, match=r"system is 'cnn', expected a module of emofactors\.systems"):
        build_system("cnn", {}, TrainingData(n_bins=8, class_counts=(1, 1)))
