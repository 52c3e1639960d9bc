"""The features: the list of kinds that are no spectrograms, whose packages only their jobs pay for."""

from functools import partial
from importlib.util import find_spec

from emofactors.config.features import Features, OpensmileSettings
from emofactors.errors import InputError
from emofactors.features.audio import Transform
from emofactors.features.pitch import PitchTracker, f0_tracks


def transform_by(settings: Features) -> Transform | None:
    """What makes features of waveforms that are no spectrograms: functionals, or F0 over time.

    Args:
        settings: of features of any kind.

    Returns:
        The function; None for spectrograms, which ``features.extract`` makes itself.

    Raises:
        InputError: if the kind needs a package that is not installed.
    """
    match settings.kind:
        case "functionals":
            from emofactors.features.functionals import functionals

            return partial(functionals, settings=settings, track_f0=pitch_tracker(settings.f0_method))
        case "f0":
            return partial(f0_tracks, settings=settings, track_f0=pitch_tracker(settings.method))
        case "opensmile":
            return _of_opensmile(settings)
    return None


def pitch_tracker(method: str) -> PitchTracker:
    """A tracker of F0: function of samples, rate, and the keywords hop_ms, min_hz and max_hz.

    Args:
        method: ``praat`` or ``pyin``.

    Returns:
        The tracker.
    """
    match method:
        case "praat":
            from emofactors.features.pitch_praat import f0_praat as chosen
        case "pyin":
            from emofactors.features.pitch_pyin import f0_pyin as chosen
    return chosen


def _of_opensmile(settings: OpensmileSettings) -> Transform:
    if find_spec("opensmile") is None:
        raise InputError(
            f"features: kind is 'opensmile' (feature_set {settings.feature_set}): package opensmile is not "
            "installed; expected it, see docs/features.md for its licence, or features of another kind"
        )
    from emofactors.features.opensmile_functionals import opensmile_functionals

    return partial(opensmile_functionals, settings=settings)
