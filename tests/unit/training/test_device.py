import pytest
import torch

from emofactors.errors import InputError
from emofactors.training.device import autocast, choose_device


def test_auto_takes_what_is_there():
    there = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    assert choose_device("auto").type == there


@pytest.mark.skipif(torch.cuda.is_available(), reason="the machine has a GPU: asking for one is no fault")
def test_a_device_that_is_not_there_is_refused():
    with pytest.raises(InputError, match="device: is 'cuda', expected one this machine has: cpu"):
        choose_device("cuda")


@pytest.mark.parametrize(("precision", "dtype"), [("float32", torch.float32), ("bfloat16", torch.bfloat16)])
def test_precision_is_that_of_products(precision, dtype):
    with autocast(torch.device("cpu"), precision):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == dtype
