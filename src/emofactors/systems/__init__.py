"""Lazy imports of the systems, one module per paper."""

from collections.abc import Mapping
from typing import Any

from emofactors.errors import InputError
from emofactors.systems.base import System, TrainingData


def build_system(name: str, arguments: Mapping[str, Any], data: TrainingData) -> System:
    """Build a system with randomly initialised weights, on the CPU.

    Args:
        name: name of the system.
        arguments: keyword arguments of its constructor, documented in ``config/systems/<name>.yaml``.
        data: properties of the training data.

    Raises:
        InputError: if there is no such system, or an argument is out of range.
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
            raise InputError(f"system is {name!r}, expected a module of emofactors.systems")
