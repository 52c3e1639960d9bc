"""Sections of config/augmentations/."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from emofactors.config.base import Range, Section, Seed


class AugmentationSettings(Section):
    """Augmented copies of a waveform: one copy of each utterance for each kind.

    Attributes:
        copies: the kinds: ``noise`` adds white noise, ``shift`` shifts the speech in time, ``speed`` changes
            tempo and pitch together.
        noise_snr_db: signal-to-noise ratio.
        shift: delay of the speech, as a fraction of the utterance's duration.
        speed: factor of the playback speed.
        seed: seed of all draws; a draw depends on it, the utterance's name and the kind only.
    """

    copies: Annotated[tuple[Literal["noise", "shift", "speed"], ...], Field(min_length=1)]
    noise_snr_db: Range
    shift: Range
    speed: Range
    seed: Seed

    @model_validator(mode="after")
    def _check_ranges(self) -> Self:
        if len(set(self.copies)) != len(self.copies):
            raise ValueError(f"'copies' names a kind twice: {list(self.copies)}")
        for key, minimum, maximum in (("noise_snr_db", -100, 100), ("shift", -0.5, 0.5), ("speed", 0.5, 2.0)):
            low, high = getattr(self, key)
            if not minimum <= low <= high <= maximum:
                raise ValueError(
                    f"'{key}' is {[low, high]}: expected lowest and highest value between {minimum} and {maximum}"
                )
        return self
