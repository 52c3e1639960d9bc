import numpy as np
import pytest
from sklearn.metrics import mutual_info_score, normalized_mutual_info_score

from emofactors.config.evaluation import InformationSettings
from emofactors.errors import InputError
from emofactors.evaluation.code_information import (
    PAIRS,
    REPRESENTATIONS,
    Codes,
    measure_information,
    read_code_runs,
    read_codes,
    segments,
)
from emofactors.evaluation.statistics.jackknife import average_runs
from emofactors.evaluation.statistics.mutual_information import information_with_permutation_null, information_with_shift_null

SETTINGS = InformationSettings(clusters=4, other_clusters=(3,), kmeans_seeds=2, permutations=60, segment_codes=3)
KEYS = ["unit", "clusters", "kmeans_seed", "fold", "seed", "one", "other"]


def lasting(rng, n, k=4, stay=0.95):
    """A labeling along time whose labels last for 1 / (1 - stay) steps on average."""
    changes = rng.random(n) > stay
    return rng.integers(0, k, size=n)[np.maximum.accumulate(np.where(changes, np.arange(n), 0))]


def codes_of(labels, n_utterances=40, speakers=("a", "b", "c", "d"), seed=0):
    """Codes around as many heaps as there are labels, utterances of 6 to 13 codes; ``labels`` of a factor (M,)."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(6, 14, size=n_utterances)
    m = lengths.sum()
    heaps = {
        name: rng.normal(size=(4, dim)) * 100 for name, dim in zip(REPRESENTATIONS, (80, 16, 2, 64), strict=True)
    }
    return Codes(
        **{
            name: (heap[np.resize(labels[name], m)] + rng.normal(size=(m, heap.shape[1]))).astype(np.float32)
            for name, heap in heaps.items()
        },
        utterance=np.repeat(np.arange(n_utterances), lengths),
        utterances=np.array([f"u{i}" for i in range(n_utterances)]),
        speakers=np.resize(np.array(speakers), n_utterances),
        splits=np.where(np.arange(n_utterances) < n_utterances - 4, "test", "dev"),
    )


@pytest.fixture
def designed():
    """Content is a copy of the spectrogram; rhythm and pitch go their own ways."""
    rng = np.random.default_rng(1)
    of_spectrogram = rng.integers(0, 4, size=2000)
    return codes_of(
        {
            "spectrogram": of_spectrogram,
            "content": of_spectrogram[:],
            "rhythm": rng.integers(0, 4, size=2000),
            "pitch": rng.integers(0, 4, size=2000),
        }
    )


def test_shifts_of_two_designed_labelings_give_what_scikit_learn_gives():
    one = np.array([0, 0, 1, 1, 2, 2] * 50)
    other = np.array([0, 0, 1, 1, 1, 1] * 50)
    found = information_with_shift_null(one, other, min_shift=10, shifts=50, seed=0)
    assert found.nats == pytest.approx(np.log(3) - 2 / 3 * np.log(2))  # the entropy that the coarser one has
    assert found.nats == pytest.approx(mutual_info_score(one, other))
    assert found.normalised == pytest.approx(normalized_mutual_info_score(one, other))


def test_shifts_are_no_shorter_than_asked_and_are_those_of_a_plain_loop():
    rng = np.random.default_rng(2)
    one, other = lasting(rng, 300), lasting(rng, 300)
    plain = [mutual_info_score(one, np.roll(other, -shift)) for shift in range(50, 251)]
    found = information_with_shift_null(one, other, min_shift=50, shifts=1000, seed=0)  # all there are
    assert found.null_mean == pytest.approx(np.mean(plain))
    assert found.null_high == pytest.approx(np.quantile(plain, 0.95))


def test_independent_labels_that_last_share_nothing_by_shifts_and_much_by_free_permutations():
    rng = np.random.default_rng(3)
    pairs = [(lasting(rng, 1500), lasting(rng, 1500)) for _ in range(40)]
    shifted = [information_with_shift_null(*pair, min_shift=60, shifts=60, seed=0) for pair in pairs]
    permuted = [information_with_permutation_null(*pair, groups=np.arange(1500), permutations=60, seed=0) for pair in pairs]
    above = np.array([of.above_null for of in shifted])
    error = above.std(ddof=1) / np.sqrt(len(above))
    assert abs(above.mean()) < 3 * error
    assert np.mean([of.above_null for of in permuted]) > 10 * error
    assert sum(of.nats > of.null_high for of in shifted) <= 7
    assert sum(of.nats > of.null_high for of in permuted) >= 35


def test_what_is_the_same_is_found_and_what_is_independent_is_not(designed):
    measured = measure_information({(0, 0): designed}, SETTINGS)
    found = measured.information.groupby(["unit", "clusters", "one", "other"])["above_null"].mean()
    assert found["code", 4, "spectrogram", "content"] == pytest.approx(np.log(4), abs=0.06)
    for pair in PAIRS[1:]:
        values = measured.information.query(
            "unit == 'code' and clusters == 4 and one == @pair[0] and other == @pair[1]"
        )
        left = measured.without.query("unit == 'code' and one == @pair[0] and other == @pair[1]")
        interval = average_runs(
            values.rename(columns={"above_null": "value"}), left.rename(columns={"nats": "value"})
        ).interval
        assert interval.low < 0 < interval.high, pair
        assert abs(interval.value) < 0.03


def test_all_cells_of_a_unit_are_of_the_same_rows_and_of_test_utterances_alone(designed):
    information = measure_information({(0, 0): designed, (1, 0): designed}, SETTINGS).information
    assert len(information) == 2 * (2 + 1) * 2 * len(PAIRS)
    assert information.groupby("unit")["n"].nunique().to_dict() == {"code": 1, "segment": 1}
    is_test = designed.splits[designed.utterance] == "test"
    assert information.loc[information["unit"] == "code", "n"].iloc[0] == is_test.sum()
    assert set(information["n_utterances"]) == {36}
    assert not information.duplicated(KEYS).any()


def test_without_a_speaker_is_what_the_others_share(designed):
    measured = measure_information({(0, 0): designed}, SETTINGS)
    assert set(measured.without["speaker"]) == {"a", "b", "c", "d"}
    assert set(measured.without["clusters"]) == {4}
    pair = measured.without.query("unit == 'code' and one == 'spectrogram' and other == 'content'")
    np.testing.assert_allclose(pair["nats"], np.log(4), atol=0.08)


def test_a_segment_is_of_one_utterance_and_what_is_left_over_is_dropped(designed):
    of, speaker = segments(designed, 4)
    lengths = np.bincount(designed.utterance)
    assert of["rhythm"].shape == ((lengths // 4).sum(), 8)
    np.testing.assert_array_equal(of["rhythm"][0], designed.rhythm[:4].ravel())
    second = lengths[0] // 4
    np.testing.assert_array_equal(of["content"][second], designed.content[lengths[0] : lengths[0] + 4].ravel())
    np.testing.assert_array_equal(speaker, np.repeat(designed.speakers, lengths // 4))


def test_fewer_segments_than_clusters_are_no_number(designed):
    measured = measure_information({(0, 0): designed}, SETTINGS.model_copy(update={"segment_codes": 12}))
    of_segments = measured.information[measured.information["unit"] == "segment"]
    assert of_segments["n"].iloc[0] > 4
    measured = measure_information({(0, 0): designed}, SETTINGS.model_copy(update={"segment_codes": 14}))
    of_segments = measured.information[measured.information["unit"] == "segment"]
    assert set(of_segments["n"]) == {0}
    assert of_segments["above_null"].isna().all()
    assert set(measured.without.loc[measured.without["unit"] == "segment", "speaker"]) == {"a", "b", "c", "d"}


def test_same_codes_same_numbers_other_seed_other_null(designed, tmp_path):
    first, again, other = (
        measure_information({(0, 0): designed}, SETTINGS.model_copy(update={"seed": seed})) for seed in (0, 0, 1)
    )
    assert first.information.equals(again.information)
    assert not np.array_equal(first.information["null_mean"], other.information["null_mean"])
    first.write(tmp_path / "information.csv", tmp_path / "without.csv")
    assert (
        (tmp_path / "without.csv")
        .read_text()
        .startswith("unit,clusters,kmeans_seed,fold,seed,one,other,speaker,nats")
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
    (run, codes), *_ = read_code_runs([path]).items()
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
def test_arrays_that_do_not_fit_together_are_refused(designed, tmp_path, changes, message):
    with pytest.raises(InputError, match=message):
        read_codes(save(designed, tmp_path / "codes.npz", **changes))


def test_codes_that_are_mixed_up_not_finite_or_no_archive_are_refused(designed, tmp_path):
    nowhere = designed.content.copy()
    nowhere[0, 0] = np.inf
    with pytest.raises(InputError, match="not finite"):
        read_codes(save(designed, tmp_path / "a.npz", content=nowhere))
    with pytest.raises(InputError, match="in a row"):
        read_codes(save(designed, tmp_path / "b.npz", utterance=np.roll(designed.utterance, 1)))
    (tmp_path / "c.npz").write_text("no archive")
    with pytest.raises(InputError, match="no archive"):
        read_codes(tmp_path / "c.npz")
    np.savez(tmp_path / "d.npz", content=nowhere)
    with pytest.raises(InputError, match="lacks spectrogram"):
        read_codes(tmp_path / "d.npz")


def test_a_run_without_test_utterances_is_refused(designed):
    with pytest.raises(ValueError, match="no code of split 'test'"):
        measure_information({(0, 0): designed.of_split("dev")}, SETTINGS)
    with pytest.raises(ValueError, match="at least one run"):
        measure_information({}, SETTINGS)
