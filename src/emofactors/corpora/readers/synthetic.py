"""The synthetic corpus: eSpeak NG synthesizes sentences with known factors that depend on the emotion.

Layout: ``{voice}_{sentence}_{emotion}.wav``.
"""

from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import soundfile

from emofactors.config.corpora import NormalDistribution, SynthesisSettings, SyntheticCorpus
from emofactors.config.labels import EmotionNoun
from emofactors.corpora.manifest import utterance_table
from emofactors.corpora.readers.espeak import PITCH, PITCH_RANGE, RATE_WPM, SAMPLE_RATE_HZ, fresh_synthesizer
from emofactors.errors import InputError
from emofactors.io.csv import rows_of

#: Columns of the table of true factors. ``rate``, ``pitch_shift``, ``pitch_range`` and ``loudness_db`` depend on
#: the emotion: relative to the voice, rounded to eSpeak's steps, and after the gain.
FACTOR_COLUMNS = (
    "utterance",
    "voice",
    "gender",
    "sentence",
    "emotion",
    "rate_wpm",
    "pitch",
    "rate",
    "pitch_shift",
    "pitch_range",
    "volume_db",
    "gain_db",
    "loudness_db",
    "snr_db",
)

_FULL_SCALE = 32_768


def synthesize(settings: SynthesisSettings, folder: Path) -> pd.DataFrame:
    """Synthesize the corpus: every sentence by every voice in every emotion.

    The same settings give the same bytes. Each voice has its own eSpeak instance and follows the order of the
    settings, so a voice or sentence added at the end changes no earlier utterance.

    Args:
        settings: voices, sentences, and the distributions of the factors.
        folder: folder for the wav files, 16 bit at 22,050 Hz; created if missing.

    Returns:
        The true factors, columns ``FACTOR_COLUMNS``, ordered by ``utterance``.

    Raises:
        InputError: if eSpeak does not know a voice, or a waveform is too loud for 16 bits.
    """
    factors = draw_factors(settings)
    folder.mkdir(parents=True, exist_ok=True)
    for _, of_voice in factors.groupby("voice", sort=False):
        with fresh_synthesizer() as synthesizer:
            for row in rows_of(of_voice):
                speech = synthesizer.synthesize(
                    settings.sentences[row.sentence],
                    voice=settings.voices[row.voice].variant,
                    rate_wpm=row.rate_wpm,
                    pitch=row.pitch,
                    pitch_range=row.pitch_range,
                )
                samples = _record(
                    speech,
                    level_dbfs=settings.level_dbfs + row.loudness_db,
                    snr_db=row.snr_db,
                    generator=_generator(settings, "noise", row.utterance),
                )
                if np.abs(samples).max() >= _FULL_SCALE:
                    raise InputError(
                        f"utterance {row.utterance!r}: is too loud for 16 bits by "
                        f"{20 * np.log10(np.abs(samples).max() / _FULL_SCALE):.1f} dB; expected a lower level_dbfs"
                    )
                soundfile.write(folder / f"{row.utterance}.wav", samples.astype(np.int16), SAMPLE_RATE_HZ)
    return factors.sort_values("utterance", ignore_index=True)


def draw_factors(settings: SynthesisSettings) -> pd.DataFrame:
    """Draw the factors of every utterance, each with its own generator.

    Args:
        settings: voices, sentences, and the distributions of the factors.

    Returns:
        Columns ``FACTOR_COLUMNS``, ordered by voice, sentence and emotion as in the settings.
    """
    rows = [
        _draw_utterance(settings, voice, sentence, emotion)
        for voice in settings.voices
        for sentence in settings.sentences
        for emotion in settings.emotions
    ]
    return pd.DataFrame(rows, columns=list(FACTOR_COLUMNS)).round(6)


def read(root: Path, corpus: SyntheticCorpus) -> pd.DataFrame:
    """Read the file names of the synthetic corpus.

    Args:
        root: folder of the wav files.
        corpus: config of the corpus.

    Returns:
        Table with columns ``manifest.READER_COLUMNS``.

    Raises:
        InputError: if there is no wav, or a file name does not follow the layout.
    """
    files = sorted(root.glob("*.wav"))
    if not files:
        raise InputError(f"{root}: has no wav file, expected the files of {corpus.title}")
    settings = corpus.synthesis
    rows, faults = [], []
    for file in files:
        voice, sentence, emotion, *more = (*file.stem.split("_"), "", "")
        known = voice in settings.voices and sentence in settings.sentences and emotion in settings.emotions
        if not known or any(more):
            faults.append(f"{file}: expected voice_sentence_emotion.wav, each as in the corpus' config")
            continue
        rows.append(
            {
                "utterance": file.stem,
                "path": file.name,
                "speaker": voice,
                "gender": settings.voices[voice].gender,
                "style": "acted",
                "language": corpus.language,
                "text": sentence,
                "emotion": emotion,
            }
        )
    if faults:
        raise InputError("\n".join(faults))
    return utterance_table(rows)


def _draw_utterance(
    settings: SynthesisSettings, voice: str, sentence: str, emotion: EmotionNoun
) -> dict[str, Any]:
    """Return one row of the table of factors, not rounded."""
    utterance = f"{voice}_{sentence}_{emotion}"
    generator = _generator(settings, "factors", utterance)
    base, means = settings.voices[voice], settings.emotions[emotion]
    rate_wpm = _clipped(base.rate_wpm * _draw(means.rate, generator), RATE_WPM)
    pitch = _clipped(base.pitch + _draw(means.pitch, generator), PITCH)
    pitch_range = _clipped(_draw(means.pitch_range, generator), PITCH_RANGE)
    volume_db = _draw(means.volume_db, generator)
    gain_db = _draw(settings.gain_db, generator)
    return {
        "utterance": utterance,
        "voice": voice,
        "gender": base.gender,
        "sentence": sentence,
        "emotion": emotion,
        "rate_wpm": rate_wpm,
        "pitch": pitch,
        "rate": rate_wpm / base.rate_wpm,
        "pitch_shift": pitch - base.pitch,
        "pitch_range": pitch_range,
        "volume_db": volume_db,
        "gain_db": gain_db,
        "loudness_db": volume_db + gain_db,
        "snr_db": _draw(settings.snr_db, generator),
    }


def _generator(settings: SynthesisSettings, *names: str) -> np.random.Generator:
    """Return the generator of one draw; it depends only on the seed and the names."""
    digest = sha256(" ".join(names).encode()).digest()
    return np.random.default_rng([settings.seed, *np.frombuffer(digest, dtype="<u4").tolist()])


def _draw(distribution: NormalDistribution, generator: np.random.Generator) -> float:
    """Return a sample of a normal distribution."""
    return float(generator.normal(distribution.mean, distribution.std))


def _clipped(value: float, limits: tuple[int, int]) -> int:
    """Return the nearest value that eSpeak accepts."""
    return min(max(round(value), limits[0]), limits[1])


def _record(speech: np.ndarray, *, level_dbfs: float, snr_db: float, generator: np.random.Generator) -> np.ndarray:
    """Return speech (n_samples,) at an RMS level with white noise, in 16-bit steps that may exceed 16 bits."""
    rms = _FULL_SCALE * 10 ** (level_dbfs / 20)
    clean = speech * (rms / np.sqrt(np.mean(np.square(speech, dtype=float))))
    noise = generator.normal(0.0, rms * 10 ** (-snr_db / 20), size=len(speech))
    return np.round(clean + noise)
