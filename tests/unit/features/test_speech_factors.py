import numpy as np
import pandas as pd
import pytest

from emofactors.corpora.splits import Fold
from emofactors.errors import InputError
from emofactors.features.archive import ArchiveWriter, FeatureArchive
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


def archive_of(folder, frames):
    with ArchiveWriter(folder, next(iter(frames.values())).shape[1]) as writer:
        for utterance, of_utterance in frames.items():
            writer.add(utterance, of_utterance.astype(np.float32))
    return FeatureArchive(folder)


@pytest.fixture
def joined(tmp_path):
    """Function of F0 of utterances, training ones and (if wanted) speakers: the archive."""

    def make(f0_hz, training, speaker_of=SPEAKER_OF, extra_frames=0):
        folder = tmp_path / f"{len(list(tmp_path.iterdir()))}"
        mel = {u: np.full((len(f) + extra_frames, 3), i) for i, (u, f) in enumerate(f0_hz.items())}
        f0 = archive_of(folder / "f0", {u: f[:, None] for u, f in f0_hz.items()})
        return FactorArchive(archive_of(folder / "mel", mel), f0, speaker_of, training)

    return make


def test_mel_and_pitch_stand_side_by_side(joined):
    archive = joined(F0_HZ, ["a0", "b0"])
    assert archive.n_bins == 4
    assert archive.utterances == tuple(SPEAKER_OF)
    assert [folder.name for folder in archive.folders] == ["mel", "f0"]
    for i, utterance in enumerate(SPEAKER_OF):
        heard = archive[utterance]
        assert heard.dtype == np.float32
        assert heard.shape == (archive.n_frames(utterance), 4) == (40 + i, 4)
        assert (heard[:, :3] == i).all()
        np.testing.assert_array_equal(heard[:, 3] == UNVOICED, F0_HZ[utterance] == 0)


def test_pitch_is_log_f0_in_deviations_of_the_speakers_training_utterances(joined):
    training = ["a0", "a1", "b3"]
    archive = joined(F0_HZ, training)
    for utterance, speaker in SPEAKER_OF.items():
        heard = np.concatenate([F0_HZ[u] for u in training if SPEAKER_OF[u] == speaker])
        log_f0 = np.log(heard[heard > 0])
        voiced = F0_HZ[utterance] > 0
        off = (np.log(F0_HZ[utterance][voiced]) - log_f0.mean()) / log_f0.std() / 4
        np.testing.assert_allclose(archive[utterance][voiced, 3], (np.clip(off, -1, 1) + 1) / 2, atol=1e-5)


def test_a_speaker_who_does_not_train_is_normalised_by_its_own_speech(joined):
    pitch = np.concatenate([joined(F0_HZ, ["a0"])[u][:, 3] for u in SPEAKER_OF if SPEAKER_OF[u] == "b"])
    voiced = pitch[pitch >= 0]
    assert voiced.mean() == pytest.approx(0.5, abs=1e-6)
    assert voiced.std() == pytest.approx(1 / 8, abs=1e-6)  # four stds are half the range


def test_utterances_that_do_not_train_leave_the_statistics_of_who_trains(joined):
    other = F0_HZ | {"a4": 3 * F0_HZ["a4"]}
    before, after = joined(F0_HZ, ["a0", "a1", "b0"]), joined(other, ["a0", "a1", "b0"])
    for utterance in ("a0", "a1", "a2", "a3"):
        np.testing.assert_array_equal(before[utterance], after[utterance])
    assert after["a4"][:, 3].max() == 1  # 5 stds above: clipped


@pytest.mark.parametrize(
    ("f0_hz", "expected"),
    [
        ([0, 0, 0], [UNVOICED, UNVOICED, UNVOICED]),
        ([0, 130, 0], [UNVOICED, 0.5, UNVOICED]),
        ([130, 0, 130], [0.5, UNVOICED, 0.5]),
    ],
)
def test_who_has_no_deviation_is_in_the_middle_where_voiced(joined, f0_hz, expected):
    archive = joined({"c0": np.array(f0_hz)}, ["c0"], {"c0": "c"})
    np.testing.assert_array_equal(archive["c0"][:, 3], np.float32(expected))


def test_what_trained_elsewhere_leaves_every_speaker_its_own_speech(joined, tmp_path):
    about = pd.DataFrame({"utterance": SPEAKER_OF.keys(), "speaker": SPEAKER_OF.values(), "split": "test"})
    about.loc[about["utterance"].isin(["a0", "b0"]), "split"] = "train"
    given = joined(F0_HZ, [])
    mel, f0 = given._mel, given._f0
    trained = FactorArchive.of_fold(mel, f0, Fold(0, about))
    np.testing.assert_array_equal(trained["a3"], FactorArchive(mel, f0, SPEAKER_OF, ["a0", "b0"])["a3"])
    np.testing.assert_array_equal(FactorArchive.of_fold(mel, f0, Fold(0, about), own_training=False)["a3"], given["a3"])
    assert not np.array_equal(trained["a3"], given["a3"])


def test_archives_that_do_not_fit_are_refused(joined, tmp_path):
    with pytest.raises(InputError, match=r"f0: utterance 'a0' has 40 frames, expected 41 as in .*mel"):
        joined(F0_HZ, [], extra_frames=1)["a0"]
    with pytest.raises(InputError, match="speaker of 'a0' is not known"):
        joined(F0_HZ, [], {"a1": "a"})["a0"]
    with pytest.raises(ValueError, match="utterance 'z' trains and has no speaker"):
        joined(F0_HZ, ["z"])
    mel = archive_of(tmp_path / "two", {"a": np.zeros((3, 2))})
    with pytest.raises(ValueError, match="F0 has 2 bins"):
        FactorArchive(mel, mel, {"a": "a"}, [])
