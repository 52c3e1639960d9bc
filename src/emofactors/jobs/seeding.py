"""Determinism: random generators, algorithms and threads."""

import os
import warnings

import torch


def seed_everything(seed: int, threads: int) -> None:
    """Make a training deterministic on one kind of machine, bit by bit.

    Initial weights are drawn from torch's CPU generator on every device; batches
    depend on the seed alone (``training.batches.shuffled_batches``).

    Args:
        seed: seed of the training.
        threads: threads of torch; their number changes the order of sums, and so the last
            bit of weights.
    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read when CUDA starts
    torch.manual_seed(seed)
    torch.set_num_threads(threads)
    torch.backends.cudnn.benchmark = False
    # Operations without a deterministic implementation on some GPU run with a warning.
    # As use_deterministic_algorithms(True, warn_only=True), which also imports torch's compiler to configure it.
    torch.set_deterministic_debug_mode("warn")
    # Deterministic algorithms also fill all new memory, a tenth of the time of small networks. No operation reads
    # memory before it is written.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # torch's types lack it
    warnings.filterwarnings("once", message=".*deterministic.*")
