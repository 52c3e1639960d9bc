"""The systems: one module a paper; the list of them, and nothing else."""

from collections.abc import Mapping
from typing import Any

from emofactors.errors import InputError
from emofactors.systems.base import System, TrainingData


def build_system(name: str, arguments: Mapping[str, Any], data: TrainingData) -> System:
    """A system with fresh weights.

    Args:
        name: name of the system.
        arguments: keyword arguments of its constructor, as ``config/systems/<name>.yaml`` documents them.
        data: what it may know of its training rows.

    Returns:
        The system, on the CPU.

    Raises:
        InputError: if there is no such system, or an argument's value is impossible.
    """
    match name:
        case "cnn_bigru":
            from emofactors.systems.cnn_bigru import CnnBigru

            return CnnBigru(data, **arguments)
        case "factor_classifier":
            from emofactors.systems.factor_classifier import FactorClassifier

            return FactorClassifier(data, **arguments)
        case "speaker_adversarial":
            from emofactors.systems.speaker_adversarial import SpeakerAdversarial

            return SpeakerAdversarial(data, **arguments)
        case "speechflow":
            from emofactors.systems.speechflow import SpeechFlow

            return SpeechFlow(data, **arguments)
        case "vit_transfer":
            from emofactors.systems.vit_transfer import VitTransfer

            return VitTransfer(data, **arguments)
        case _:
            raise InputError(f"system {name!r}: is not known, expected one of emofactors.systems")
