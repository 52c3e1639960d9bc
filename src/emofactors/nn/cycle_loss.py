"""Random cycle loss: speech decoded with one factor substituted must be encoded to the same codes again."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True)
class Cycled:
    """A decoded batch and its cycle loss.

    Attributes:
        decoded: outputs of ``decode`` for the codes of the batch itself, each (B, ...).
        loss: cycle loss, a scalar, at least 0.

    Example:
        >>> mel = torch.zeros(2, 8, 80)
        >>> Cycled(decoded=(mel,), loss=torch.tensor(0.5)).loss.item()
        0.5
    """

    decoded: tuple[Tensor, ...]
    loss: Tensor


@dataclass(frozen=True)
class Substitution:
    """A permutation of one factor's codes among the utterances of a batch.

    Attributes:
        factor: index of the factor.
        order: index of the utterance whose code each utterance gets, (B,), int64.

    Example:
        >>> exchanged = Substitution(factor=0, order=torch.tensor([1, 0]))
        >>> torch.tensor([[5.0], [7.0]])[exchanged.order]  # two utterances swap their codes
        tensor([[7.],
                [5.]])
    """

    factor: int
    order: Tensor


def draw_substitution(n_utterances: int, n_factors: int) -> Substitution:
    """Draw a factor and a permutation of the batch from torch's global generator on the CPU.

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
    """Decode a batch unchanged and with one factor substituted; return the cycle loss of the substituted codes.

    Both are decoded as one batch, so that the steps of the recurrence run only
    once. No gradient is stopped: the loss trains encoders and decoders, and the
    encoders also through the target.

    Source: Sun et al. 2021, CycleFlow, random factor substitution; its public code, generator.

    Args:
        codes: codes of each factor, (B, T, D of the factor).
        substitution: the factor and its permutation.
        decode: maps codes of 2 B utterances, the batch's own and then the substituted ones, to the inputs of
            ``encode``, each (2 B, ...).
        encode: maps the decoded outputs of the substituted codes, each (B, ...), to codes.
        n_unchanged: size of constant inputs beside the codes, such as the speaker embedding; they count in the
            mean with a difference of 0.

    Returns:
        The decoded outputs of the batch itself, and the mean squared difference between substituted and re-encoded
        codes.

    Example:
        >>> content, pitch = torch.tensor([[[1.0]], [[2.0]]]), torch.tensor([[[5.0]], [[7.0]]])
        >>> exchanged = Substitution(factor=1, order=torch.tensor([1, 0]))
        >>> def decode(codes):
        ...     return (codes[0] + codes[1],)  # a decoder that mixes the factors
        >>> def encode(speech):
        ...     return speech / 2, speech / 2
        >>> cycle([content, pitch], exchanged, decode=decode, encode=encode, n_unchanged=0).loss.item()
        5.625
    """
    order = substitution.order.to(codes[0].device)
    substituted = [code[order] if i == substitution.factor else code for i, code in enumerate(codes)]
    n_utterances = len(codes[0])
    decoded = decode([torch.cat(pair) for pair in zip(codes, substituted, strict=True)])
    encoded = encode(*(part[n_utterances:] for part in decoded))
    target, cycled = torch.cat(substituted, dim=2), torch.cat(tuple(encoded), dim=2)  # (B, T, D)
    share = target.shape[2] / (target.shape[2] + n_unchanged)
    return Cycled(tuple(part[:n_utterances] for part in decoded), share * F.mse_loss(cycled, target))
