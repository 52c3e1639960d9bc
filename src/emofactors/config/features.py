"""Sections of config/features/, a class a kind."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from emofactors.config.base import Range, Section


class FeatureSettings(Section):
    """One kind of spectrogram: (F, T) log powers in dB, or an image made of them.

    Attributes:
        kind: ``log_mel`` sums powers by Mel filters (Slaney's); ``log_stft`` keeps every bin of the transform.
        sample_rate_hz: rate to which audio is resampled first.
        window: of each frame.
        win_ms: length of the window, rounded to samples.
        hop_ms: from frame to frame, rounded to samples.
        n_fft: points of the transform, at least the window; even.
        n_mels: Mel filters, the bins of a frame; of ``log_mel``.
        f_min_hz: where the lowest Mel filter begins.
        f_max_hz: where the highest ends; null: half the rate.
        pad_mode: what is put around the utterance for the first and last window, half a window each: its
            reflection, or silence.
        power_offset: added to each power before the logarithm.
        power_floor: lowest power; what lies below is raised to it.
        top_db: range of an utterance below its maximum; what lies lower is raised. null: no limit.
        exponent: of the magnitudes that filters sum and whose logarithm is taken: 2 are powers. ``power_offset``
            and ``power_floor`` are of the same; dB are dB either way.
        high_pass_hz: corner of a Butterworth filter that runs over the waveform forth and back, so that it
            turns no phase; None: no filter.
        high_pass_order: its order, of one pass.
        scale_db: dB that become 0 and 1; what lies beyond is clipped. None: features are in dB.
        pad_to_longest: silence follows each utterance, to the duration of the corpus' longest.
        image_frames: frames the spectrogram is then resized to; None: not resized.
        min_max: whether each utterance is scaled to [0, 1] by its own minimum and maximum.
    """

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
    def _window_fits_the_transform(self) -> Self:
        if self.win_length > self.n_fft:
            raise ValueError(
                f"'win_ms' is {self.win_ms:g}, {self.win_length} samples: expected at most n_fft ({self.n_fft})"
            )
        if self.hop_length < 1:
            raise ValueError(f"'hop_ms' is {self.hop_ms:g}: expected at least one sample")
        if (self.kind == "log_stft") != (self.n_mels is None):
            raise ValueError("'n_mels' goes with every kind but 'log_stft'")
        if self.pad_to_longest and self.image_frames is None:
            raise ValueError("'pad_to_longest' goes with 'image_frames' only: other padding is never stored")
        if self.f_max_hz is not None and not self.f_min_hz < self.f_max_hz <= self.sample_rate_hz / 2:
            raise ValueError(f"'f_max_hz' is {self.f_max_hz:g}: expected above f_min_hz, up to half the rate")
        if self.high_pass_hz is not None and not self.high_pass_hz < self.sample_rate_hz / 2:
            raise ValueError(f"'high_pass_hz' is {self.high_pass_hz:g}: expected below half the rate")
        if self.scale_db is not None and not self.scale_db[0] < self.scale_db[1]:
            raise ValueError(f"'scale_db' is {list(self.scale_db)}: expected the lower end first")
        if self.scale_db is not None and (self.min_max or self.pad_to_longest):
            raise ValueError("'scale_db' goes with neither 'min_max' nor 'pad_to_longest'")
        return self

    @property
    def win_length(self) -> int:
        """Window length in samples."""
        return round(self.sample_rate_hz * self.win_ms / 1000)

    @property
    def hop_length(self) -> int:
        """Hop in samples."""
        return round(self.sample_rate_hz * self.hop_ms / 1000)

    @property
    def reach(self) -> int:
        """Samples a window reaches beyond its center."""
        return (self.win_length + 1) // 2

    @property
    def min_samples(self) -> int:
        """Samples an utterance needs at least: with fewer its reflection would not fill the first window."""
        return self.reach + 1

    @property
    def n_bins(self) -> int:
        """Frequency bins of one frame, F."""
        return self.n_mels if self.n_mels is not None else self.n_fft // 2 + 1


class FunctionalSettings(FeatureSettings):
    """Functionals of an utterance, one frame of F of them: of its log-Mel bands and F0, and of their deltas.

    The keys of the spectrogram are those of a log-Mel spectrogram.

    Attributes:
        kind: ``functionals``.
        f0_method: ``praat``: autocorrelation as in Praat; ``pyin``: librosa's, which needs no GPL package.
        f0_min_hz: lowest F0 that is looked for.
        f0_max_hz: highest.
        percentiles: of the values over time, in percent, beside their mean and std.
        deltas: whether the slope over time of each band and of F0 has functionals of its own.
    """

    kind: Literal["functionals"]  # type: ignore[assignment]  # the kind tells the sections apart
    f0_method: Literal["praat", "pyin"]
    f0_min_hz: Annotated[float, Field(gt=0)]
    f0_max_hz: Annotated[float, Field(gt=0)]
    percentiles: Annotated[tuple[Annotated[float, Field(ge=0, le=100)], ...], Field(min_length=1)]
    deltas: bool

    @model_validator(mode="after")
    def _has_something_to_sum_up(self) -> Self:
        if not self.f0_min_hz < self.f0_max_hz <= self.sample_rate_hz / 2:
            raise ValueError(f"'f0_max_hz' is {self.f0_max_hz:g}: expected above f0_min_hz, up to half the rate")
        if len(set(self.percentiles)) != len(self.percentiles):
            raise ValueError(f"'percentiles' names one twice: {list(self.percentiles)}")
        of_images = [k for k in ("pad_to_longest", "image_frames", "min_max") if getattr(self, k)]
        if of_images:
            raise ValueError(f"'{of_images[0]}' goes with spectrograms only")
        return self

    @property
    def spectrogram(self) -> FeatureSettings:
        """The spectrogram that functionals are taken of."""
        keys = {key: getattr(self, key) for key in FeatureSettings.model_fields}
        return FeatureSettings(**keys | {"kind": "log_mel"})

    @property
    def n_bins(self) -> int:
        """Functionals of an utterance, F."""
        assert self.n_mels is not None  # all kinds but log_stft have them
        of_tracks = (self.n_mels + 1) * (2 + len(self.percentiles))
        return of_tracks * (1 + self.deltas) + 1


class OpensmileSettings(Section):
    """Functionals as openSMILE computes them, one frame of F of them; its licence keeps the package optional.

    Attributes:
        kind: ``opensmile``.
        feature_set: name of the set in the package ``opensmile``.
        sample_rate_hz: rate of what openSMILE hears.
    """

    kind: Literal["opensmile"]
    feature_set: Literal["eGeMAPSv02", "ComParE_2016"]
    sample_rate_hz: Annotated[int, Field(gt=0)]

    @property
    def n_bins(self) -> int:
        """Functionals of an utterance, F."""
        return {"eGeMAPSv02": 88, "ComParE_2016": 6373}[self.feature_set]


class PitchSettings(Section):
    """F0 of an utterance over time: frames of one bin, in Hz, 0 where unvoiced.

    Attributes:
        kind: ``f0``.
        sample_rate_hz: rate of what is tracked.
        hop_ms: hop, rounded to samples: with that of a spectrogram, frames stand where its frames stand.
        method: ``praat``: autocorrelation as in Praat; ``pyin``: librosa's, which needs no GPL package.
        min_hz: lowest F0 that is looked for.
        max_hz: highest.
    """

    kind: Literal["f0"]
    sample_rate_hz: Annotated[int, Field(gt=0)]
    hop_ms: Annotated[float, Field(gt=0)]
    method: Literal["praat", "pyin"]
    min_hz: Annotated[float, Field(gt=0)]
    max_hz: Annotated[float, Field(gt=0)]

    @model_validator(mode="after")
    def _can_be_looked_for(self) -> Self:
        if not self.min_hz < self.max_hz <= self.sample_rate_hz / 2:
            raise ValueError(f"'max_hz' is {self.max_hz:g}: expected above min_hz, up to half the rate")
        if self.sample_rate_hz * self.hop_ms < 1000:
            raise ValueError(f"'hop_ms' is {self.hop_ms:g}: expected at least one sample")
        return self

    @property
    def n_bins(self) -> int:
        """F0 is one bin."""
        return 1


#: Features of any kind.
Features = Annotated[
    FeatureSettings | FunctionalSettings | OpensmileSettings | PitchSettings, Field(discriminator="kind")
]

FEATURE_SECTIONS: dict[
    str, type[FeatureSettings] | type[FunctionalSettings] | type[OpensmileSettings] | type[PitchSettings]
] = {
    "log_mel": FeatureSettings,
    "log_stft": FeatureSettings,
    "functionals": FunctionalSettings,
    "opensmile": OpensmileSettings,
    "f0": PitchSettings,
}

#: Packages that kinds of features need and nobody has to install.
OPTIONAL_PACKAGES = {"opensmile": "opensmile"}


def features_of(content: dict[str, Any]) -> Features:
    """Settings of features from plain data, by their kind."""
    return FEATURE_SECTIONS[content["kind"]](**content)
