import numpy as np
import pandas as pd
import pytest

from emofactors.corpora.splits import Fold
from emofactors.errors import InputError
from emofactors.features.speech_factors import UNVOICED, FactorArchive

GENERATOR = np.random.default_rng(0)
#: Two speakers of 5 utterances each, around 110 and 220 Hz, every third frame unvoiced.
SPEAKER_OF = {f"{speaker}{i}": speaker for speaker in "ab" for i in range(5)}
F0_HZ = {
    u: np.where(
        np.arange(40 + i) % 3 == 0, 0, {"a": 110, "b": 220}[s] * np.exp(0.2 * GENERATOR.standard_normal(40 + i))
    )
    for i, (u, s) in enumerate(SPEAKER_OF.items())
}


@pytest.fixture
def joined(tmp_path, archive_of):
    """Function of F0 by utterance, training utterances and optional speakers: the archive."""

    def make(f0_hz, training, speaker_of=SPEAKER_OF, extra_frames=0):
        folder = tmp_path / f"{len(list(tmp_path.iterdir()))}"
        mel = {u: np.full((len(f) + extra_frames, 3), i) for i, (u, f) in enumerate(f0_hz.items())}
        f0 = archive_of(folder / "f0", {u: f[:, None] for u, f in f0_hz.items()})
        return FactorArchive(archive_of(folder / "mel", mel), f0, speaker_of, training)

    return make


def test_frames_are_mel_bands_and_pitch(joined):
    archive = joined(F0_HZ, ["a0", "b0"])
    assert archive.n_bins == 4
    assert archive.utterances == tuple(SPEAKER_OF)
    assert [folder.name for folder in archive.folders] == ["mel", "f0"]
    for i, utterance in enumerate(SPEAKER_OF):
        frames = archive[utterance]
        assert frames.dtype == np.float32
        assert frames.shape == (archive.n_frames(utterance), 4) == (40 + i, 4)
        assert (frames[:, :3] == i).all()
        np.testing.assert_array_equal(frames[:, 3] == UNVOICED, F0_HZ[utterance] == 0)


def test_pitch_is_log_f0_standardised_by_the_speakers_training_utterances(joined):
    training = ["a0", "a1", "b3"]
    archive = joined(F0_HZ, training)
    for utterance, speaker in SPEAKER_OF.items():
        f0_hz = np.concatenate([F0_HZ[u] for u in training if SPEAKER_OF[u] == speaker])
        log_f0 = np.log(f0_hz[f0_hz > 0])
        voiced = F0_HZ[utterance] > 0
        z = (np.log(F0_HZ[utterance][voiced]) - log_f0.mean()) / log_f0.std() / 4
        np.testing.assert_allclose(archive[utterance][voiced, 3], (np.clip(z, -1, 1) + 1) / 2, atol=1e-5)


def test_speaker_without_training_utterances_is_normalised_by_all_of_its_utterances(joined):
    pitch = np.concatenate([joined(F0_HZ, ["a0"])[u][:, 3] for u in SPEAKER_OF if SPEAKER_OF[u] == "b"])
    voiced = pitch[pitch >= 0]
    assert voiced.mean() == pytest.approx(0.5, abs=1e-6)
    assert voiced.std() == pytest.approx(1 / 8, abs=1e-6)  # four stds are half of the range


def test_other_utterances_of_a_training_speaker_have_no_effect(joined):
    other = F0_HZ | {"a4": 3 * F0_HZ["a4"]}
    before, after = joined(F0_HZ, ["a0", "a1", "b0"]), joined(other, ["a0", "a1", "b0"])
    for utterance in ("a0", "a1", "a2", "a3"):
        np.testing.assert_array_equal(before[utterance], after[utterance])
    assert after["a4"][:, 3].max() == 1  # 5 stds above the mean: clipped


@pytest.mark.parametrize(
    ("f0_hz", "expected"),
    [
        ([0, 0, 0], [UNVOICED, UNVOICED, UNVOICED]),
        ([0, 130, 0], [UNVOICED, 0.5, UNVOICED]),
        ([130, 0, 130], [0.5, UNVOICED, 0.5]),
    ],
)
def test_voiced_pitch_without_variance_is_in_the_middle(joined, f0_hz, expected):
    archive = joined({"c0": np.array(f0_hz)}, ["c0"], {"c0": "c"})
    np.testing.assert_array_equal(archive["c0"][:, 3], np.float32(expected))


def test_decomposer_of_another_fold_normalises_every_speaker_by_all_utterances(joined):
    utterances = pd.DataFrame({"utterance": SPEAKER_OF.keys(), "speaker": SPEAKER_OF.values(), "split": "test"})
    utterances.loc[utterances["utterance"].isin(["a0", "b0"]), "split"] = "train"
    without_training = joined(F0_HZ, [])
    mel, f0 = without_training._mel, without_training._f0
    trained = FactorArchive.of_fold(mel, f0, Fold(0, utterances))
    np.testing.assert_array_equal(trained["a3"], FactorArchive(mel, f0, SPEAKER_OF, ["a0", "b0"])["a3"])
    np.testing.assert_array_equal(
        FactorArchive.of_fold(mel, f0, Fold(0, utterances), own_training=False)["a3"], without_training["a3"]
    )
    assert not np.array_equal(trained["a3"], without_training["a3"])


def test_inconsistent_archives_are_refused(joined, tmp_path, archive_of):
    with pytest.raises(InputError, match=r"f0: utterance 'a0' has 40 frames, expected 41 as in .*mel"):
        joined(F0_HZ, [], extra_frames=1)["a0"]
    with pytest.raises(InputError, match="utterance 'a0' has no speaker"):
        joined(F0_HZ, [], {"a1": "a"})["a0"]
    with pytest.raises(ValueError, match="training utterance 'z' has no speaker"):
        joined(F0_HZ, ["z"])
    mel = archive_of(tmp_path / "two", {"a": np.zeros((3, 2))})
    with pytest.raises(ValueError, match="F0 has 2 bins"):
        FactorArchive(mel, mel, {"a": "a"}, [])
