import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import librosa
import numpy as np
import pandas as pd
import pytest
import soundfile
import yaml
from pydantic import ValidationError

from emofactors.config.corpora import SynthesisSettings, SyntheticCorpus
from emofactors.corpora.build_manifest import build_manifest
from emofactors.corpora.readers.espeak import PITCH, PITCH_RANGE, RATE_WPM, fresh_synthesizer
from emofactors.corpora.readers.synthetic import FACTOR_COLUMNS, draw_factors, read, synthesize
from emofactors.errors import InputError

CONFIG = Path(__file__).parents[4] / "config" / "corpora" / "synthetic.yaml"
CORPUS = SyntheticCorpus(**yaml.safe_load(CONFIG.read_text(encoding="utf-8")))
SETTINGS = CORPUS.synthesis
RELATIVE = ["rate", "pitch_shift", "pitch_range", "loudness_db"]


@pytest.fixture(scope="module")
def synthesized(tmp_path_factory) -> tuple[Path, pd.DataFrame]:
    """The corpus of the default study: its folder and its true factors."""
    folder = tmp_path_factory.mktemp("synthetic")
    return folder, synthesize(SETTINGS, folder)


def changed(**changes) -> SynthesisSettings:
    return SynthesisSettings(**SETTINGS.model_dump() | changes)


def small(**changes) -> SynthesisSettings:
    """Two voices, two sentences, every emotion: 16 utterances."""
    voices, sentences = (dict(list(part.items())[:2]) for part in (SETTINGS.voices, SETTINGS.sentences))
    return changed(**{"voices": voices, "sentences": sentences} | changes)


def digests(folder: Path) -> dict[str, str]:
    return {file.stem: sha256(file.read_bytes()).hexdigest() for file in folder.glob("*.wav")}


def synthesize_digests(settings: SynthesisSettings, folder: Path) -> dict[str, str]:
    folder.mkdir()
    synthesize(settings, folder)
    return digests(folder)


# --- reproducible bytes ----------------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_bytes_in_every_process(tmp_path):
    code = (
        "import sys; from pathlib import Path; from emofactors.config.corpora import SynthesisSettings;"
        "from emofactors.corpora.readers.synthetic import synthesize;"
        "synthesize(SynthesisSettings.model_validate_json(sys.argv[1]), Path(sys.argv[2]))"
    )
    folders = [tmp_path / "one", tmp_path / "other"]
    for folder in folders:
        folder.mkdir()
        subprocess.run([sys.executable, "-c", code, small().model_dump_json(), str(folder)], check=True)

    here = [synthesize_digests(small(), tmp_path / name) for name in ("here", "again")]

    assert len(here[0]) == 16
    assert digests(folders[0]) == digests(folders[1]) == here[0] == here[1]


def test_another_seed_gives_other_bytes(tmp_path):
    one = synthesize_digests(small(), tmp_path / "one")
    other = synthesize_digests(small(seed=SETTINGS.seed + 1), tmp_path / "other")

    assert one.keys() == other.keys()
    assert not set(one.values()) & set(other.values())


def test_an_added_voice_or_sentence_changes_no_other_utterance(tmp_path):
    before = synthesize_digests(small(), tmp_path / "before")
    more = small(
        voices=dict(list(SETTINGS.voices.items())[:3]), sentences=dict(list(SETTINGS.sentences.items())[:3])
    )
    after = synthesize_digests(more, tmp_path / "after")

    assert len(after) == 36
    assert {name: after[name] for name in before} == before


# --- the corpus of the default study ------------------------------------------------------------------------


def test_every_sentence_is_synthesized_once_by_every_voice_in_every_emotion(synthesized):
    folder, factors = synthesized

    assert len(factors) == len(list(folder.iterdir())) == 320
    assert set(factors.groupby(["voice", "emotion"]).size()) == {10}
    assert set(factors.groupby(["sentence", "emotion"]).size()) == {8}
    assert factors.groupby("gender")["voice"].nunique().to_dict() == {"female": 4, "male": 4}


def test_its_manifest_matches_the_factors(synthesized):
    folder, factors = synthesized
    manifest = build_manifest(read(folder, CORPUS), folder, CORPUS)
    table = manifest.utterances

    assert manifest.whole
    assert not manifest.dropped
    assert table["utterance"].tolist() == factors["utterance"].tolist()
    for column, factor in (("speaker", "voice"), ("text", "sentence"), ("emotion",) * 2, ("gender",) * 2):
        assert table[column].tolist() == factors[factor].tolist()
    assert set(table["style"]) == {"acted"}
    assert set(table["language"]) == {"en-US"}
    assert set(table["sample_rate_hz"]) == {22_050}
    assert table["duration_s"].between(0.6, 2.8).all()
    assert table["duration_s"].mean() < 1.6
    assert table["audio_sha256"].is_unique


def test_audio_has_16_bits_and_is_neither_clipped_nor_silent(synthesized):
    folder, factors = synthesized
    for utterance in factors["utterance"]:
        file = folder / f"{utterance}.wav"
        assert soundfile.info(file).subtype == "PCM_16"
        samples, _ = soundfile.read(file, dtype="int16")
        assert 300 < np.abs(samples.astype(int)).max() < 32_767


# --- true factors ------------------------------------------------------------------------------------


def test_factors_are_within_the_range_of_espeak(synthesized):
    _, factors = synthesized

    assert tuple(factors.columns) == FACTOR_COLUMNS
    for column, (low, high) in (("rate_wpm", RATE_WPM), ("pitch", PITCH), ("pitch_range", PITCH_RANGE)):
        assert pd.api.types.is_integer_dtype(factors[column])
        assert factors[column].between(low + 1, high - 1).all()  # none was clipped
    voice = factors["voice"].map(SETTINGS.voices)
    assert np.allclose(factors["rate"], factors["rate_wpm"] / [v.rate_wpm for v in voice], atol=1e-6)
    assert (factors["pitch_shift"] == factors["pitch"] - [v.pitch for v in voice]).all()
    assert np.allclose(factors["loudness_db"], factors["volume_db"] + factors["gain_db"], atol=2e-6)


def test_factors_outside_the_range_are_clipped():
    far = {"mean": 1000.0, "std": 1.0}
    emotions = {"anger": dict.fromkeys(("rate", "pitch", "pitch_range", "volume_db"), far)}

    factors = draw_factors(small(emotions=emotions))

    assert set(factors["rate_wpm"]) == {450}
    assert set(factors["pitch"]) == set(factors["pitch_range"]) == {99}


def test_factors_follow_the_distributions():
    many = small(sentences={f"s{i}": "Tea." for i in range(1000)})
    factors = draw_factors(many)
    for emotion, means in many.emotions.items():
        drawn = factors[factors["emotion"] == emotion]
        for column, distribution in (
            ("rate", means.rate),
            ("pitch_shift", means.pitch),
            ("pitch_range", means.pitch_range),
            ("volume_db", means.volume_db),
            ("gain_db", many.gain_db),
            ("snr_db", many.snr_db),
        ):
            error = distribution.std / np.sqrt(len(drawn))
            assert abs(drawn[column].mean() - distribution.mean) < 4 * error
            assert drawn[column].std() == pytest.approx(distribution.std, rel=0.08)


def test_an_ideal_classifier_is_good_but_not_perfect():
    """Check the UA of the Bayes-optimal classifier of the true relative factors."""
    factors = draw_factors(changed(sentences={f"s{i}": "Tea." for i in range(500)}))
    emotions = list(SETTINGS.emotions)
    densities = np.stack([log_density(factors[RELATIVE].to_numpy(), emotion) for emotion in emotions])
    choice = np.array(emotions)[densities.argmax(axis=0)]

    recalls = (factors["emotion"] == choice).groupby(factors["emotion"]).mean()
    assert len(recalls) == 4
    assert 0.88 < recalls.mean() < 0.92
    assert recalls.between(0.80, 0.98).all()


def log_density(relative: np.ndarray, emotion: str) -> np.ndarray:
    """Return the log density (N,) of relative factors (N, 4) of one emotion, up to a constant."""
    parts = SETTINGS.emotions[emotion]
    means = np.array([parts.rate.mean, parts.pitch.mean, parts.pitch_range.mean, parts.volume_db.mean])
    loudness = np.hypot(parts.volume_db.std, SETTINGS.gain_db.std)
    stds = np.array([parts.rate.std, parts.pitch.std, parts.pitch_range.std, loudness])
    return -0.5 * np.square((relative - means) / stds).sum(axis=1) - np.log(stds).sum()


@pytest.mark.parametrize("voice", list(SETTINGS.voices))
def test_the_factors_of_a_voice_change_its_speech(voice):
    base = SETTINGS.voices[voice]
    neutral = {"voice": base.variant, "rate_wpm": base.rate_wpm, "pitch": base.pitch, "pitch_range": 50}
    with fresh_synthesizer() as synthesizer:

        def speech(**changes):
            return synthesizer.synthesize("I opened the small window.", **neutral | changes)

        low, high = (f0_semitones(speech(pitch=base.pitch + shift)) for shift in (-10, 20))
        narrow, wide = (f0_semitones(speech(pitch_range=points)) for points in (30, 70))
        slow, fast = (len(speech(rate_wpm=round(base.rate_wpm * rate))) for rate in (0.85, 1.15))

    assert np.median(high) > np.median(low) + 3
    assert spread(wide) > 1.5 * spread(narrow)
    assert slow > 1.2 * fast


def test_the_measured_level_is_the_true_loudness(synthesized):
    folder, factors = synthesized
    for row in factors.iloc[::20].itertuples():
        samples, _ = soundfile.read(folder / f"{row.utterance}.wav")
        level_dbfs = 10 * np.log10(np.mean(np.square(samples)))
        assert level_dbfs == pytest.approx(SETTINGS.level_dbfs + row.loudness_db, abs=0.2)


def f0_semitones(speech: np.ndarray) -> np.ndarray:
    """Return F0 of the voiced frames, in semitones over 1 Hz."""
    samples = speech.astype(np.float32) / 32_768
    f0_hz, voiced, _ = librosa.pyin(samples, fmin=55, fmax=450, sr=22_050, frame_length=1024, hop_length=512)
    return 12 * np.log2(f0_hz[voiced])


def spread(values: np.ndarray) -> float:
    """Return the range from the first to the ninth decile."""
    return float(np.subtract(*np.percentile(values, [90, 10])))


# --- errors -----------------------------------------------------------------------------------------


def test_an_unknown_voice_is_an_error(tmp_path):
    voices = {"anna": SETTINGS.voices["anna"].model_dump() | {"variant": "en-us+f99"}}
    with pytest.raises(InputError, match=r"voice 'en-us\+f99' is unknown"):
        synthesize(small(voices=voices), tmp_path)


def test_a_level_that_would_clip_is_an_error(tmp_path):
    with pytest.raises(InputError, match=r"'anna_bus_anger': is too loud for 16 bits by \d+.\d dB"):
        synthesize(small(level_dbfs=0.0), tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sentences": {"bus": " ."}}, "sentence 'bus' is ' .': expected words"),
        ({"sentences": {}}, "at least 1 item"),
        ({"sentences": {"the_bus": "The bus stops."}}, "the_bus"),
        ({"emotions": {"rage": SETTINGS.emotions["anger"].model_dump()}}, "'anger', 'happiness'"),
        ({"seed": -1}, "greater than or equal to 0"),
    ],
)
def test_impossible_settings_are_an_error(changes, message):
    with pytest.raises(ValidationError, match=message):
        small(**changes)


def test_all_invalid_names_are_listed(tmp_path):
    for name in ("anna_bus.wav", "anna_bus_rage.wav", "anna_bus_anger_2.wav", "anna_bus_anger.wav"):
        (tmp_path / name).touch()
    with pytest.raises(InputError, match=r"expected voice_sentence_emotion\.wav") as error:
        read(tmp_path, CORPUS)
    assert len(str(error.value).splitlines()) == 3
