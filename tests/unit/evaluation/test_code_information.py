import numpy as np
import pytest

from emofactors.config.evaluation import InformationSettings
from emofactors.errors import InputError
from emofactors.evaluation.code_information import (
    PAIRS,
    REPRESENTATIONS,
    Codes,
    estimate_code_information,
    read_codes,
    segments,
)
from emofactors.evaluation.runs import read_runs
from emofactors.evaluation.statistics.estimates import run_mean_estimate

SETTINGS = InformationSettings(clusters=4, other_clusters=(3,), kmeans_seeds=2, permutations=60, segment_codes=3)
KEYS = ["unit", "clusters", "kmeans_seed", "fold", "seed", "one", "other"]


def codes_of(labels, n_utterances=40, speakers=("a", "b", "c", "d"), seed=0):
    """Codes around one center per label, in utterances of 6 to 13 codes; ``labels``: representation -> (M,)."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(6, 14, size=n_utterances)
    m = lengths.sum()
    centers = {
        name: rng.normal(size=(4, dim)) * 100 for name, dim in zip(REPRESENTATIONS, (80, 16, 2, 64), strict=True)
    }
    return Codes(
        **{
            name: (center[np.resize(labels[name], m)] + rng.normal(size=(m, center.shape[1]))).astype(np.float32)
            for name, center in centers.items()
        },
        utterance=np.repeat(np.arange(n_utterances), lengths),
        utterances=np.array([f"u{i}" for i in range(n_utterances)]),
        speakers=np.resize(np.array(speakers), n_utterances),
        splits=np.where(np.arange(n_utterances) < n_utterances - 4, "test", "dev"),
    )


@pytest.fixture
def designed():
    """Content has the labels of the spectrogram; rhythm and pitch are independent."""
    rng = np.random.default_rng(1)
    of_spectrogram = rng.integers(0, 4, size=2000)
    return codes_of(
        {
            "spectrogram": of_spectrogram,
            "content": of_spectrogram,
            "rhythm": rng.integers(0, 4, size=2000),
            "pitch": rng.integers(0, 4, size=2000),
        }
    )


def test_only_representations_with_the_same_labels_share_information(designed):
    result = estimate_code_information({(0, 0): designed}, SETTINGS)
    found = result.information.groupby(["unit", "clusters", "one", "other"])["above_null"].mean()
    assert found["code", 4, "spectrogram", "content"] == pytest.approx(np.log(4), abs=0.06)
    for pair in PAIRS[1:]:
        values = result.information.query(
            "unit == 'code' and clusters == 4 and one == @pair[0] and other == @pair[1]"
        )
        left = result.leave_one_out.query("unit == 'code' and one == @pair[0] and other == @pair[1]")
        interval = run_mean_estimate(
            values.rename(columns={"above_null": "value"}), left.rename(columns={"above_null": "value"})
        ).interval()
        assert interval.low < 0 < interval.high, pair
        assert abs(interval.value) < 0.03


def test_all_estimates_of_a_unit_use_the_same_test_utterances(designed):
    information = estimate_code_information({(0, 0): designed, (1, 0): designed}, SETTINGS).information
    assert len(information) == 2 * (2 + 1) * 2 * len(PAIRS)
    assert information.groupby("unit")["n"].nunique().to_dict() == {"code": 1, "segment": 1}
    is_test = designed.splits[designed.utterance] == "test"
    assert information.loc[information["unit"] == "code", "n"].iloc[0] == is_test.sum()
    assert set(information["n_utterances"]) == {36}
    assert not information.duplicated(KEYS).any()


def test_information_is_estimated_without_each_speaker(designed):
    result = estimate_code_information({(0, 0): designed}, SETTINGS)
    assert set(result.leave_one_out["speaker"]) == {"a", "b", "c", "d"}
    assert set(result.leave_one_out["clusters"]) == {4}
    pair = result.leave_one_out.query("unit == 'code' and one == 'spectrogram' and other == 'content'")
    for column in ("above_null", "above_permuted"):
        np.testing.assert_allclose(pair[column], np.log(4), atol=0.08)


def test_a_segment_lies_in_one_utterance_and_the_remainder_is_dropped(designed):
    of_segments, speaker = segments(designed, 4)
    lengths = np.bincount(designed.utterance)
    assert of_segments["rhythm"].shape == ((lengths // 4).sum(), 8)
    np.testing.assert_array_equal(of_segments["rhythm"][0], designed.rhythm[:4].ravel())
    second = lengths[0] // 4
    np.testing.assert_array_equal(
        of_segments["content"][second], designed.content[lengths[0] : lengths[0] + 4].ravel()
    )
    np.testing.assert_array_equal(speaker, np.repeat(designed.speakers, lengths // 4))


def test_fewer_segments_than_clusters_give_nan(designed):
    result = estimate_code_information({(0, 0): designed}, SETTINGS.model_copy(update={"segment_codes": 12}))
    of_segments = result.information[result.information["unit"] == "segment"]
    assert of_segments["n"].iloc[0] > 4
    result = estimate_code_information({(0, 0): designed}, SETTINGS.model_copy(update={"segment_codes": 14}))
    of_segments = result.information[result.information["unit"] == "segment"]
    assert set(of_segments["n"]) == {0}
    assert of_segments["above_null"].isna().all()
    assert set(result.leave_one_out.loc[result.leave_one_out["unit"] == "segment", "speaker"]) == {
        "a",
        "b",
        "c",
        "d",
    }


def test_the_same_seed_gives_the_same_estimates_and_another_seed_another_null(designed, tmp_path):
    first, again, other = (
        estimate_code_information({(0, 0): designed}, SETTINGS.model_copy(update={"seed": seed}))
        for seed in (0, 0, 1)
    )
    assert first.information.equals(again.information)
    assert not np.array_equal(first.information["null_mean"], other.information["null_mean"])
    first.write(tmp_path / "information.csv", tmp_path / "leave_one_out.csv")
    assert (
        (tmp_path / "leave_one_out.csv")
        .read_text()
        .startswith("unit,clusters,kmeans_seed,fold,seed,one,other,speaker,above_null,above_permuted")
    )


def save(codes, path, **changes):
    path.parent.mkdir(parents=True, exist_ok=True)
    arrays = {
        name: getattr(codes, name) for name in (*REPRESENTATIONS, "utterance", "utterances", "speakers", "splits")
    }
    np.savez(path, **(arrays | {"emotions": codes.splits} | changes))
    return path


def test_codes_are_read_with_their_fold_and_seed(designed, tmp_path):
    path = save(designed, tmp_path / "fold2" / "seed1" / "codes.npz")
    ((run, codes),) = read_runs([path], read_codes).items()
    assert run == (2, 1)
    np.testing.assert_array_equal(codes.pitch, designed.pitch)
    assert codes.of_split("test").utterances.tolist() == [f"u{i}" for i in range(36)]
    assert codes.of_split("dev").utterance.min() == 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pitch": np.zeros((3, 64))}, r"expected codes \(M, D\)"),
        ({"speakers": np.array(["a"])}, r"the others \(N,\)"),
        ({"content": np.full((1, 16), np.nan)}, "content"),
        ({"utterance": np.resize([0, 1, 0], 3)}, "has"),
    ],
)
def test_mismatched_arrays_are_refused(designed, tmp_path, changes, message):
    with pytest.raises(InputError, match=message):
        read_codes(save(designed, tmp_path / "codes.npz", **changes))


def test_invalid_codes_and_files_are_refused(designed, tmp_path):
    infinite = designed.content.copy()
    infinite[0, 0] = np.inf
    with pytest.raises(InputError, match="not finite"):
        read_codes(save(designed, tmp_path / "a.npz", content=infinite))
    with pytest.raises(InputError, match="contiguous"):
        read_codes(save(designed, tmp_path / "b.npz", utterance=np.roll(designed.utterance, 1)))
    (tmp_path / "c.npz").write_text("no archive")
    with pytest.raises(InputError, match="not an archive"):
        read_codes(tmp_path / "c.npz")
    np.savez(tmp_path / "d.npz", content=infinite)
    with pytest.raises(InputError, match="lacks spectrogram"):
        read_codes(tmp_path / "d.npz")


def test_a_run_without_test_utterances_is_refused(designed):
    with pytest.raises(ValueError, match="no code of split 'test'"):
        estimate_code_information({(0, 0): designed.of_split("dev")}, SETTINGS)
    with pytest.raises(ValueError, match="at least one run"):
        estimate_code_information({}, SETTINGS)
