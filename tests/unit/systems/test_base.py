import pytest
from torch import nn

from emofactors.errors import InputError
from emofactors.systems.base import HasDevLosses, TrainingData, check_at_least, check_odd


def test_number_of_classes_is_that_of_the_counts():
    assert TrainingData(n_bins=8, class_counts=(3, 0, 2)).n_classes == 3


def test_only_a_system_with_dev_losses_is_evaluated_by_them():
    class Classifier(nn.Module):
        min_frames = 1

        def losses(self, output, batch): ...

        def after_step(self, output, batch): ...

    class Decomposer(Classifier):
        def dev_losses(self, batch): ...

    assert isinstance(Decomposer(), HasDevLosses)
    assert not isinstance(Classifier(), HasDevLosses)


def test_the_first_setting_below_the_minimum_is_named():
    check_at_least("s", 1, a=1, b=2.5)
    with pytest.raises(InputError, match=r"^s: b is 0.5, expected at least 1$"):
        check_at_least("s", 1, a=1, b=0.5, c=0)


@pytest.mark.parametrize("size", [-1, 0, 4])
def test_even_or_negative_kernel_size_is_refused(size):
    check_odd("s", "kernel_size", 3)
    with pytest.raises(InputError, match=f"^s: kernel_size is {size}, expected odd and at least 1$"):
        check_odd("s", "kernel_size", size)
