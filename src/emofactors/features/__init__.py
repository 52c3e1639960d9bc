"""Lazy imports of feature kinds: a job loads only the packages its own kind needs."""

from functools import partial
from importlib.util import find_spec

from emofactors.config.features import Features
from emofactors.errors import InputError
from emofactors.features.audio import Transform
from emofactors.features.pitch import PitchTracker, f0_features


def feature_transform(settings: Features) -> Transform | None:
    """Return the transform of a feature kind that is no spectrogram.

    Args:
        settings: features of any kind.

    Returns:
        The transform; None for spectrograms, which ``features.extract`` computes itself.

    Raises:
        InputError: if the kind needs a package that is not installed.
    """
    match settings.kind:
        case "functionals":
            from emofactors.features.functionals import functionals

            return partial(functionals, settings=settings, track_f0=pitch_tracker(settings.f0_method))
        case "f0":
            return partial(f0_features, settings=settings, track_f0=pitch_tracker(settings.method))
        case "opensmile":
            if find_spec("opensmile") is None:
                raise InputError(
                    f"features: kind is 'opensmile' ({settings.feature_set}), expected package opensmile "
                    "to be installed; see docs/features.md for its licence, or use features of another kind"
                )
            from emofactors.features.opensmile_functionals import opensmile_functionals

            return partial(opensmile_functionals, settings=settings)
    return None


def pitch_tracker(method: str) -> PitchTracker:
    """Return an F0 tracker: a function of samples, rate, and the keywords hop_ms, min_hz and max_hz.

    Args:
        method: ``praat`` or ``pyin``.
    """
    match method:
        case "praat":
            from emofactors.features.pitch_praat import f0_praat as tracker
        case "pyin":
            from emofactors.features.pitch_pyin import f0_pyin as tracker
    return tracker
