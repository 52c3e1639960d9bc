"""Random cycle loss: speech with one factor substituted must be taken apart into just these factors again."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True)
class Cycled:
    """A batch decoded, and the loss of its cycle.

    Attributes:
        decoded: of the batch's own codes, what ``decode`` makes of them, each (B, ...).
        loss: scalar, at least 0.

    Example:
        >>> mel = torch.zeros(2, 8, 80)
        >>> Cycled(decoded=(mel,), loss=torch.tensor(0.5)).loss.item()
        0.5
    """

    decoded: tuple[Tensor, ...]
    loss: Tensor


@dataclass(frozen=True)
class Substitution:
    """One factor, and from which utterance each takes it.

    Attributes:
        factor: index of the factor.
        order: index of the utterance it comes from, (B,), int64: a permutation.

    Example:
        >>> exchanged = Substitution(factor=0, order=torch.tensor([1, 0]))
        >>> torch.tensor([[5.0], [7.0]])[exchanged.order]  # two utterances swap their codes
        tensor([[7.],
                [5.]])
    """

    factor: int
    order: Tensor


def draw_substitution(n_utterances: int, n_factors: int) -> Substitution:
    """One of the factors and an order of the batch at random, from torch's global generator on the CPU.

    Example:
        >>> drawn = draw_substitution(n_utterances=4, n_factors=3)
        >>> 0 <= drawn.factor < 3, drawn.order.sort().values
        (True, tensor([0, 1, 2, 3]))
    """
    factor = int(torch.randint(n_factors, ()))
    return Substitution(factor, torch.randperm(n_utterances))


def cycle(
    codes: Sequence[Tensor],
    substitution: Substitution,
    *,
    decode: Callable[[Sequence[Tensor]], tuple[Tensor, ...]],
    encode: Callable[..., Sequence[Tensor]],
    n_unchanged: int,
) -> Cycled:
    """Decode a batch, and again with one factor substituted; how far the latter's codes change by the detour.

    Both are decoded as one batch: the steps of a recurrence follow each
    other, and so are taken once. Nothing is detached: the loss teaches the
    encoders, the decoders, and through the target the encoders again.

    Source: Sun et al. 2021, CycleFlow, random factor substitution; its public code, generator.

    Args:
        codes: of each factor, (B, T, D of the factor).
        substitution: which factor is taken from where.
        decode: codes of 2 B utterances, the batch's own and then the substituted, to what ``encode`` hears, each
            (2 B, ...).
        encode: what is decoded of the substituted codes, each (B, ...), to codes.
        n_unchanged: size of what stands beside the codes and is the same in both, as the speaker's embedding; it
            counts in the mean with a difference of 0.

    Returns:
        What is decoded of the batch itself, and the mean squared difference of substituted and re-encoded codes,
        over all of them.

    Example:
        >>> content, pitch = torch.tensor([[[1.0]], [[2.0]]]), torch.tensor([[[5.0]], [[7.0]]])
        >>> exchanged = Substitution(factor=1, order=torch.tensor([1, 0]))
        >>> def decode(codes):
        ...     return (codes[0] + codes[1],)  # a decoder that mixes what it is given up
        >>> def encode(speech):
        ...     return speech / 2, speech / 2
        >>> cycle([content, pitch], exchanged, decode=decode, encode=encode, n_unchanged=0).loss.item()
        5.625
    """
    order = substitution.order.to(codes[0].device)
    substituted = [code[order] if i == substitution.factor else code for i, code in enumerate(codes)]
    n_own = len(codes[0])
    decoded = decode([torch.cat(both) for both in zip(codes, substituted, strict=True)])
    again = encode(*(part[n_own:] for part in decoded))
    target, cycled = torch.cat(substituted, dim=2), torch.cat(tuple(again), dim=2)  # (B, T, D)
    share = target.shape[2] / (target.shape[2] + n_unchanged)
    return Cycled(tuple(part[:n_own] for part in decoded), share * F.mse_loss(cycled, target))
