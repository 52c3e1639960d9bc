"""Same seed, same bits: generators, algorithms and threads."""

import os
import warnings

import torch


def seed_everything(seed: int, threads: int) -> None:
    """Make a training repeat itself bit by bit on one kind of machine.

    Initial weights are drawn from torch's CPU generator whatever the device;
    batches are drawn from the seed alone (``batches.shuffled_batches``).

    Args:
        seed: of the training.
        threads: of torch; sums are split by thread, so another number changes
            the last bit of the weights.
    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read when CUDA starts
    torch.manual_seed(seed)
    torch.set_num_threads(threads)
    torch.backends.cudnn.benchmark = False
    # An operation without a deterministic form on some GPU is said in the log and runs all the same.
    torch.use_deterministic_algorithms(True, warn_only=True)
    warnings.filterwarnings("once", message=".*deterministic.*")
