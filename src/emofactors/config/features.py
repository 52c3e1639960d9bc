"""Sections of config/features/, one class per kind."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from emofactors.config.base import Range, Section, sections_by_kind

#: What features can be used for: the input of a network, that of a support vector machine, the F0 of a decomposer.
Use = Literal["spectrogram", "functionals", "pitch"]


class FeatureSettings(Section):
    """Spectrogram: log powers in dB, (F, T), optionally resized to an image.

    Attributes:
        kind: ``log_mel`` applies Slaney's Mel filters; ``log_stft`` keeps all bins of the transform.
        sample_rate_hz: sample rate that audio is resampled to first.
        window: window function.
        win_ms: window length, rounded to samples.
        hop_ms: hop length, rounded to samples.
        n_fft: length of the transform, even and at least the window length.
        n_mels: number of Mel filters, the bins of a frame; only for ``log_mel``.
        f_min_hz: lower edge of the lowest Mel filter.
        f_max_hz: upper edge of the highest Mel filter; null: half the sample rate.
        pad_mode: padding by half a window at both ends of the utterance: its reflection, or zeros.
        power_offset: offset added to each power before the logarithm.
        power_floor: lower limit of powers.
        top_db: dynamic range of an utterance below its maximum; lower values are clipped. null: no limit.
        exponent: exponent of the magnitudes that are filtered and whose logarithm is taken; 2 for powers.
            ``power_offset`` and ``power_floor`` apply to the same quantity; the result is in dB either way.
        high_pass_hz: cutoff of a zero-phase Butterworth high-pass filter, applied forwards and backwards;
            None: no filter.
        high_pass_order: order of one pass of the filter.
        scale_db: values in dB that are mapped to 0 and 1; values beyond are clipped. None: features are in dB.
        pad_to_longest: whether utterances are padded with silence to the longest of the corpus.
        image_frames: number of frames that the spectrogram is resized to; None: not resized.
        min_max: whether each utterance is scaled to [0, 1] by its own minimum and maximum.
    """

    use: ClassVar[Use] = "spectrogram"
    package: ClassVar[str | None] = None

    kind: Literal["log_mel", "log_stft"]
    sample_rate_hz: Annotated[int, Field(gt=0)]
    window: Literal["hamming", "hann"]
    win_ms: Annotated[float, Field(gt=0)]
    hop_ms: Annotated[float, Field(gt=0)]
    n_fft: Annotated[int, Field(gt=0, multiple_of=2)]
    n_mels: Annotated[int, Field(gt=0)] | None = None
    f_min_hz: Annotated[float, Field(ge=0)] = 0.0
    f_max_hz: Annotated[float, Field(gt=0)] | None = None
    pad_mode: Literal["reflect", "constant"]
    power_offset: Annotated[float, Field(ge=0)] = 0.0
    power_floor: Annotated[float, Field(gt=0)] = 1e-10
    top_db: Annotated[float, Field(gt=0)] | None = None
    exponent: Literal[1, 2] = 2
    high_pass_hz: Annotated[float, Field(gt=0)] | None = None
    high_pass_order: Annotated[int, Field(ge=1)] = 5
    scale_db: Range | None = None
    pad_to_longest: bool = False
    image_frames: Annotated[int, Field(ge=2)] | None = None
    min_max: bool = False

    @model_validator(mode="after")
    def _check_settings(self) -> Self:
        if self.win_length > self.n_fft:
            raise ValueError(
                f"'win_ms' is {self.win_ms:g}, {self.win_length} samples: expected at most n_fft ({self.n_fft})"
            )
        if self.hop_length < 1:
            raise ValueError(f"'hop_ms' is {self.hop_ms:g}: expected at least one sample")
        if (self.kind == "log_stft") != (self.n_mels is None):
            raise ValueError("'n_mels' is required, except with kind 'log_stft'")
        if self.pad_to_longest and self.image_frames is None:
            raise ValueError("'pad_to_longest' requires 'image_frames': no other padding is stored")
        if self.f_max_hz is not None and not self.f_min_hz < self.f_max_hz <= self.sample_rate_hz / 2:
            raise ValueError(
                f"'f_max_hz' is {self.f_max_hz:g}: expected above f_min_hz and at most half the sample rate"
            )
        if self.high_pass_hz is not None and not self.high_pass_hz < self.sample_rate_hz / 2:
            raise ValueError(f"'high_pass_hz' is {self.high_pass_hz:g}: expected below half the sample rate")
        if self.scale_db is not None and not self.scale_db[0] < self.scale_db[1]:
            raise ValueError(f"'scale_db' is {list(self.scale_db)}: expected the lower end first")
        if self.scale_db is not None and (self.min_max or self.pad_to_longest):
            raise ValueError("'scale_db' excludes 'min_max' and 'pad_to_longest'")
        return self

    @property
    def modules(self) -> tuple[str, ...]:
        """Modules of ``emofactors.features`` that are imported for this kind alone."""
        return ()

    @property
    def win_length(self) -> int:
        """Window length in samples."""
        return round(self.sample_rate_hz * self.win_ms / 1000)

    @property
    def hop_length(self) -> int:
        """Hop length in samples."""
        return round(self.sample_rate_hz * self.hop_ms / 1000)

    @property
    def reach(self) -> int:
        """Samples of a window beyond its center."""
        return (self.win_length + 1) // 2

    @property
    def min_samples(self) -> int:
        """Minimum length of an utterance in samples: the padding by reflection needs as many."""
        return self.reach + 1

    @property
    def n_bins(self) -> int:
        """Number of frequency bins, F."""
        return self.n_mels if self.n_mels is not None else self.n_fft // 2 + 1


class FunctionalSettings(FeatureSettings):
    """Functionals of the log-Mel bands and F0 of an utterance, and of their deltas: one frame of F values.

    The keys of the spectrogram are those of ``log_mel``.

    Attributes:
        kind: ``functionals``.
        f0_method: ``praat``: autocorrelation of Praat; ``pyin``: pYIN of librosa, which needs no GPL package.
        f0_min_hz: lower limit of F0.
        f0_max_hz: upper limit of F0.
        percentiles: percentiles over time, in percent, in addition to mean and std.
        deltas: whether functionals of the slopes over time are added.
    """

    use: ClassVar[Use] = "functionals"

    kind: Literal["functionals"]  # type: ignore[assignment]  # the discriminator of the union
    f0_method: Literal["praat", "pyin"]
    f0_min_hz: Annotated[float, Field(gt=0)]
    f0_max_hz: Annotated[float, Field(gt=0)]
    percentiles: Annotated[tuple[Annotated[float, Field(ge=0, le=100)], ...], Field(min_length=1)]
    deltas: bool

    @model_validator(mode="after")
    def _check_functionals(self) -> Self:
        if not self.f0_min_hz < self.f0_max_hz <= self.sample_rate_hz / 2:
            raise ValueError(
                f"'f0_max_hz' is {self.f0_max_hz:g}: expected above f0_min_hz and at most half the sample rate"
            )
        if len(set(self.percentiles)) != len(self.percentiles):
            raise ValueError(f"'percentiles' has a duplicate: {list(self.percentiles)}")
        image_keys = [k for k in ("pad_to_longest", "image_frames", "min_max") if getattr(self, k)]
        if image_keys:
            raise ValueError(f"'{image_keys[0]}' is a key of spectrograms, not of functionals")
        return self

    @property
    def modules(self) -> tuple[str, ...]:
        """Modules of ``emofactors.features`` that are imported for this kind alone."""
        return ("functionals", f"pitch_{self.f0_method}")

    @property
    def spectrogram(self) -> FeatureSettings:
        """The spectrogram that the functionals summarise."""
        keys = {key: getattr(self, key) for key in FeatureSettings.model_fields}
        return FeatureSettings(**keys | {"kind": "log_mel"})

    @property
    def n_bins(self) -> int:
        """Number of functionals, F."""
        assert self.n_mels is not None  # required for all kinds but log_stft
        n_values = (self.n_mels + 1) * (2 + len(self.percentiles))
        return n_values * (1 + self.deltas) + 1


class OpensmileSettings(Section):
    """Functionals of openSMILE: one frame of F values. The package is optional because of its licence.

    Attributes:
        kind: ``opensmile``.
        feature_set: name of the feature set in the package ``opensmile``.
        sample_rate_hz: sample rate of the input.
    """

    use: ClassVar[Use] = "functionals"
    package: ClassVar[str | None] = "opensmile"
    modules: ClassVar[tuple[str, ...]] = ("opensmile_functionals",)

    kind: Literal["opensmile"]
    feature_set: Literal["eGeMAPSv02", "ComParE_2016"]
    sample_rate_hz: Annotated[int, Field(gt=0)]

    @property
    def n_bins(self) -> int:
        """Number of functionals, F."""
        return {"eGeMAPSv02": 88, "ComParE_2016": 6373}[self.feature_set]


class PitchSettings(Section):
    """F0 over time, in Hz, 0 if unvoiced: frames of one bin.

    Attributes:
        kind: ``f0``.
        sample_rate_hz: sample rate of the input.
        hop_ms: hop length, rounded to samples; frames align with those of a spectrogram with the same hop.
        method: ``praat``: autocorrelation of Praat; ``pyin``: pYIN of librosa, which needs no GPL package.
        min_hz: lower limit of F0.
        max_hz: upper limit of F0.
    """

    use: ClassVar[Use] = "pitch"
    package: ClassVar[str | None] = None

    kind: Literal["f0"]
    sample_rate_hz: Annotated[int, Field(gt=0)]
    hop_ms: Annotated[float, Field(gt=0)]
    method: Literal["praat", "pyin"]
    min_hz: Annotated[float, Field(gt=0)]
    max_hz: Annotated[float, Field(gt=0)]

    @model_validator(mode="after")
    def _check_range(self) -> Self:
        if not self.min_hz < self.max_hz <= self.sample_rate_hz / 2:
            raise ValueError(
                f"'max_hz' is {self.max_hz:g}: expected above min_hz and at most half the sample rate"
            )
        if self.sample_rate_hz * self.hop_ms < 1000:
            raise ValueError(f"'hop_ms' is {self.hop_ms:g}: expected at least one sample")
        return self

    @property
    def modules(self) -> tuple[str, ...]:
        """Modules of ``emofactors.features`` that are imported for this kind alone."""
        return (f"pitch_{self.method}",)

    @property
    def n_bins(self) -> int:
        """Number of bins: one."""
        return 1


#: Settings of features of any kind.
Features = Annotated[
    FeatureSettings | FunctionalSettings | OpensmileSettings | PitchSettings, Field(discriminator="kind")
]

#: Kind -> its section.
FEATURE_SECTIONS = sections_by_kind(Features)


def features_of(content: Mapping[str, Any]) -> Features:
    """Return the settings of features of any kind from plain data."""
    return FEATURE_SECTIONS[content["kind"]](**content)
