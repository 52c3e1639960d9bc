from itertools import product

import numpy as np
import pandas as pd
import pytest

from emofactors.evaluation.statistics.intervals import (
    NoIntervalError,
    SpeakerRecalls,
    gap_difference,
    paired_difference,
    pooled_score,
    protocol_gap,
    recall_difference,
    recall_interval,
    smallest_p_value,
    speaker_interval,
    speaker_recalls,
)
from emofactors.evaluation.statistics.metrics import macro_f1, unweighted_accuracy, weighted_accuracy

N_CLASSES = 3


def simulated(rng, n_speakers, skill=0.6, spread=0.0, n_seeds=1, per_class=10):
    """Confusion counts (K, S, C, C) of speakers whose recalls have the standard deviation ``spread``."""
    rates = np.clip(rng.normal(skill, spread, size=n_speakers), 0.02, 0.98)
    counts = np.zeros((n_seeds, n_speakers, N_CLASSES, N_CLASSES), dtype=int)
    for k, s, c in product(range(n_seeds), range(n_speakers), range(N_CLASSES)):
        chances = np.full(N_CLASSES, (1 - rates[s]) / (N_CLASSES - 1))
        chances[c] = rates[s]
        counts[k, s, c] = rng.multinomial(per_class, chances)
    return counts


def utterances_as_speakers(counts):
    """The same utterances, each as a speaker of its own."""
    n_classes = counts.shape[-1]
    pooled = counts.sum(axis=1)[0]
    cells = [(i, j) for i in range(n_classes) for j in range(n_classes) for _ in range(pooled[i, j])]
    single = np.zeros((1, len(cells), n_classes, n_classes), dtype=int)
    for s, (i, j) in enumerate(cells):
        single[0, s, i, j] = 1
    return single


def recalls_of(recall, n_utterances=20):
    recall = np.asarray(recall, dtype=float)
    speakers = tuple(f"s{i:02d}" for i in range(recall.shape[1]))
    return SpeakerRecalls(recall, speakers, np.full(len(speakers), n_utterances))


def test_the_score_is_the_pooled_metric_averaged_over_seeds():
    counts = simulated(np.random.default_rng(0), n_speakers=5, n_seeds=3)
    expected = np.mean([unweighted_accuracy(sum(counts[k, s] for s in range(5))) for k in range(3)])
    assert pooled_score(counts, unweighted_accuracy) == pytest.approx(expected)
    interval = speaker_interval(counts, unweighted_accuracy, resamples=200, seed=0)
    assert interval.value == pytest.approx(expected)
    assert interval.low <= interval.value <= interval.high


def test_the_interval_equals_a_loop_over_resamples():
    counts = simulated(np.random.default_rng(1), n_speakers=8, spread=0.2, n_seeds=2)
    rng = np.random.default_rng(2)
    expected = []
    for _ in range(4000):
        drawn = counts[:, rng.integers(0, 8, size=8)]
        expected.append(np.mean([weighted_accuracy(drawn[k].sum(axis=0)) for k in range(2)]))
    interval = speaker_interval(counts, weighted_accuracy, resamples=4000, seed=3)
    assert [interval.low, interval.high] == pytest.approx(np.percentile(expected, [2.5, 97.5]), abs=0.01)


def test_the_same_seed_gives_the_same_interval_and_another_seed_another():
    counts = simulated(np.random.default_rng(0), n_speakers=10, spread=0.1)
    intervals = [speaker_interval(counts, unweighted_accuracy, resamples=300, seed=s) for s in (0, 0, 1)]
    assert intervals[0] == intervals[1] != intervals[2]


def test_intervals_over_speakers_are_wider_than_over_utterances():
    counts = simulated(np.random.default_rng(0), n_speakers=10, spread=0.25, per_class=30)
    by_speaker = speaker_interval(counts, weighted_accuracy, resamples=1000, seed=0)
    by_utterance = speaker_interval(utterances_as_speakers(counts), weighted_accuracy, resamples=1000, seed=0)
    assert by_speaker.value == pytest.approx(by_utterance.value)
    assert by_speaker.high - by_speaker.low > 2 * (by_utterance.high - by_utterance.low)


def test_the_interval_covers_the_true_value_in_about_95_percent_of_samples():
    # Percentile intervals of 20 speakers are slightly too narrow; those over utterances would cover about 75 %.
    rng = np.random.default_rng(0)
    n_covered = 0
    for _ in range(200):
        counts = simulated(rng, n_speakers=20, skill=0.6, spread=0.1)
        interval = speaker_interval(counts, unweighted_accuracy, resamples=300, seed=0)
        n_covered += interval.low <= 0.6 <= interval.high
    assert 0.86 <= n_covered / 200 <= 0.99


def test_resamples_without_a_class_are_drawn_again():
    counts = simulated(np.random.default_rng(0), n_speakers=6)
    counts[:, 1:, 2] = 0  # only the first speaker has class 2 and is in every accepted resample
    interval = speaker_interval(counts, unweighted_accuracy, resamples=500, seed=0)
    assert 0 <= interval.low < interval.value < interval.high <= 1


def test_speakers_that_cannot_be_resampled_have_no_interval():
    counts = simulated(np.random.default_rng(0), n_speakers=3)
    with pytest.raises(NoIntervalError, match="1 speaker"):
        speaker_interval(counts[:, :1], unweighted_accuracy, resamples=100, seed=0)
    disjoint = counts * np.eye(3, dtype=int)[None, :, :, None]  # each speaker has one class only
    with pytest.raises(NoIntervalError, match="lack a class"):
        speaker_interval(disjoint, unweighted_accuracy, resamples=100, seed=0)


def test_a_class_without_utterances_is_refused():
    counts = simulated(np.random.default_rng(0), n_speakers=4)
    counts[:, :, 1] = 0
    with pytest.raises(ValueError, match=r"no utterance of class \[1\]"):
        speaker_interval(counts, unweighted_accuracy, resamples=100, seed=0)


def test_seeds_with_different_utterances_are_refused():
    counts = simulated(np.random.default_rng(0), n_speakers=4, n_seeds=2)
    counts[1, 0, 0, 0] += 1
    with pytest.raises(ValueError, match="the seeds were not tested on the same utterances"):
        speaker_interval(counts, unweighted_accuracy, resamples=100, seed=0)
    with pytest.raises(ValueError, match=r"expected \(K, S, C, C\)"):
        speaker_interval(counts[0], unweighted_accuracy, resamples=100, seed=0)


@pytest.mark.parametrize("n_speakers", [4, 20])
def test_a_system_does_not_differ_from_itself(n_speakers):
    counts = simulated(np.random.default_rng(0), n_speakers, n_seeds=2)
    same = paired_difference(counts, counts, unweighted_accuracy, resamples=200, seed=0)
    assert (same.value, same.low, same.high, same.p_value) == (0.0, 0.0, 0.0, 1.0)


@pytest.mark.parametrize("metric", [unweighted_accuracy, weighted_accuracy, macro_f1])
def test_the_exact_p_value_equals_a_loop_over_all_swaps(metric):
    rng = np.random.default_rng(3)
    one, other = (simulated(rng, n_speakers=6, skill=skill, n_seeds=2) for skill in (0.66, 0.6))

    def difference(a, b):
        return np.mean([metric(a[k].sum(axis=0)) - metric(b[k].sum(axis=0)) for k in range(2)])

    observed = difference(one, other)
    n_as_large = 0
    for swaps in product([False, True], repeat=6):
        swap = np.array(swaps)[None, :, None, None]
        n_as_large += (
            abs(difference(np.where(swap, other, one), np.where(swap, one, other))) >= abs(observed) - 1e-12
        )
    found = paired_difference(one, other, metric, resamples=100, seed=0)
    assert found.value == pytest.approx(observed)
    assert found.p_value == pytest.approx(n_as_large / 2**6)


def test_the_smallest_p_value_is_reached_if_all_speakers_agree():
    counts = simulated(np.random.default_rng(0), n_speakers=5, skill=0.5)
    better = np.zeros_like(counts)
    better[..., range(3), range(3)] = counts.sum(axis=-1)
    found = paired_difference(better, counts, unweighted_accuracy, resamples=100, seed=0)
    assert found.p_value == smallest_p_value(5) == 2 / 32
    assert smallest_p_value(1) == 1.0


def test_random_swaps_agree_with_all_swaps():
    # All swaps of 12 speakers are evaluated; a thirteenth without a difference only changes the method.
    rng = np.random.default_rng(5)
    one, other = simulated(rng, n_speakers=12, skill=0.64), simulated(rng, n_speakers=12, skill=0.6)
    thirteenth = simulated(rng, n_speakers=1)
    exact = paired_difference(one, other, weighted_accuracy, resamples=5000, seed=0)
    sampled = paired_difference(
        np.concatenate([one, thirteenth], axis=1),
        np.concatenate([other, thirteenth], axis=1),
        weighted_accuracy,
        resamples=5000,
        seed=0,
    )
    assert 0.05 < exact.p_value < 0.95
    assert sampled.p_value == pytest.approx(exact.p_value, abs=0.03)


def test_p_values_of_equal_systems_are_uniform():
    rng = np.random.default_rng(0)
    p_values = []
    for _ in range(300):
        rates = rng.normal(0.6, 0.1, size=8)  # the same speakers are difficult for both
        pair = [rng.binomial(30, np.clip(rates, 0, 1)) for _ in range(2)]
        one, other = (
            np.stack([np.diag([n, 30]) + np.array([[0, 30 - n], [0, 0]]) for n in c])[None] for c in pair
        )
        p_values.append(paired_difference(one, other, unweighted_accuracy, resamples=100, seed=0).p_value)
    assert np.mean(np.array(p_values) <= 0.05) <= 0.08
    assert np.mean(np.array(p_values) <= 0.5) == pytest.approx(0.5, abs=0.1)


def test_the_interval_of_a_paired_difference_is_narrower_than_that_of_a_score():
    rng = np.random.default_rng(0)
    counts = simulated(rng, n_speakers=10, spread=0.25, per_class=30)
    slightly_better = counts.copy()
    for s, c in product(range(10), range(N_CLASSES)):  # one more correct utterance of each speaker and class
        wrong = [j for j in range(N_CLASSES) if j != c and slightly_better[0, s, c, j] > 0]
        if wrong:
            slightly_better[0, s, c, wrong[0]] -= 1
            slightly_better[0, s, c, c] += 1
    single = speaker_interval(counts, unweighted_accuracy, resamples=500, seed=0)
    difference = paired_difference(slightly_better, counts, unweighted_accuracy, resamples=500, seed=0)
    assert difference.low > 0
    assert difference.high - difference.low < (single.high - single.low) / 5


def test_systems_with_different_utterances_are_refused():
    counts = simulated(np.random.default_rng(0), n_speakers=4)
    other = counts.copy()
    other[0, 0, 0, 0] += 1
    for subtracted in (other, counts[:, :3], np.concatenate([counts, counts])):
        with pytest.raises(ValueError, match="expected a pair"):
            paired_difference(counts, subtracted, unweighted_accuracy, resamples=100, seed=0)


def test_equal_protocols_have_no_gap():
    counts = simulated(np.random.default_rng(0), n_speakers=6, spread=0.2, n_seeds=2)
    gap = protocol_gap(counts, counts, unweighted_accuracy, resamples=200, seed=0)
    assert (gap.value, gap.low, gap.high) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize("metric", [unweighted_accuracy, weighted_accuracy])
def test_copies_with_the_same_predictions_do_not_change_the_gap(metric):
    rng = np.random.default_rng(0)
    leaking, other = (simulated(rng, n_speakers=6, skill=skill, spread=0.1) for skill in (0.9, 0.6))
    once = protocol_gap(leaking, other, metric, resamples=300, seed=0)
    fourfold = protocol_gap(4 * leaking, other, metric, resamples=300, seed=0)
    assert fourfold == once
    assert once.low < once.value < once.high


def test_a_gap_equals_a_loop_over_resamples_of_the_same_speakers():
    rng = np.random.default_rng(1)
    one = simulated(rng, n_speakers=8, skill=0.8, spread=0.2, n_seeds=2, per_class=40)
    other = simulated(rng, n_speakers=8, skill=0.6, spread=0.2, n_seeds=1)
    expected = []
    for _ in range(4000):
        drawn = rng.integers(0, 8, size=8)
        scores = [
            np.mean([weighted_accuracy(sum(of[k, s] for s in drawn)) for k in range(len(of))])
            for of in (one, other)
        ]
        expected.append(scores[0] - scores[1])
    gap = protocol_gap(one, other, weighted_accuracy, resamples=4000, seed=3)
    assert [gap.low, gap.high] == pytest.approx(np.percentile(expected, [2.5, 97.5]), abs=0.01)
    assert gap.value == pytest.approx(
        pooled_score(one, weighted_accuracy) - pooled_score(other, weighted_accuracy)
    )


def test_the_interval_of_a_gap_is_wider_if_only_one_speaker_gains():
    counts = simulated(np.random.default_rng(0), n_speakers=6, skill=0.5)
    all_gain, one_gains = 3 * counts, 3 * counts
    all_gain[..., range(3), range(3)] += counts.sum(axis=-1)
    one_gains[:, 0] = 0
    one_gains[:, 0, range(3), range(3)] = 3 * counts[:, 0].sum(axis=-1)
    narrow, wide = (
        protocol_gap(of, counts, weighted_accuracy, resamples=500, seed=0) for of in (all_gain, one_gains)
    )
    assert wide.high - wide.low > 2 * (narrow.high - narrow.low)


def test_resamples_without_a_class_in_either_protocol_are_drawn_again():
    counts = simulated(np.random.default_rng(0), n_speakers=6)
    lacking = counts.copy()
    lacking[:, 1:, 2] = 0  # only the first speaker has class 2 under the second protocol
    gap = protocol_gap(counts, lacking, unweighted_accuracy, resamples=500, seed=0)
    assert np.isfinite([gap.low, gap.high]).all()


def test_a_gap_between_different_speakers_is_refused():
    counts = simulated(np.random.default_rng(0), n_speakers=4)
    with pytest.raises(ValueError, match="expected protocols of one corpus"):
        protocol_gap(counts, counts[:, :3], weighted_accuracy, resamples=100, seed=0)
    with pytest.raises(NoIntervalError, match="1 speaker"):
        protocol_gap(counts[:, :1], counts[:, :1], weighted_accuracy, resamples=100, seed=0)


# --- recalls of speaker probes ------------------------------------------------------------------------------


def test_the_interval_of_recalls_equals_a_loop_over_resamples():
    rng = np.random.default_rng(0)
    recalls = recalls_of(rng.beta(6, 4, size=(3, 9)))
    expected = [recalls.recall[:, rng.integers(0, 9, size=9)].mean() for _ in range(4000)]
    interval = recall_interval(recalls, resamples=4000, seed=3)
    assert [interval.low, interval.high] == pytest.approx(np.percentile(expected, [2.5, 97.5]), abs=0.01)
    assert interval == recall_interval(recalls, resamples=4000, seed=3)
    assert interval != recall_interval(recalls, resamples=4000, seed=4)


def test_the_p_value_of_recalls_equals_a_loop_over_all_signs():
    rng = np.random.default_rng(1)
    one, subtracted = (recalls_of(rng.beta(6, b, size=(2, 7))) for b in (3, 4))
    of_speaker = (one.recall - subtracted.recall).mean(axis=0)
    n_as_large = sum(
        abs(np.mean(of_speaker * signs)) >= abs(of_speaker.mean()) - 1e-12 for signs in product([1, -1], repeat=7)
    )
    found = recall_difference(one, subtracted, resamples=2000, seed=0)
    assert found.value == pytest.approx(one.recall.mean() - subtracted.recall.mean())
    assert found.p_value == pytest.approx(n_as_large / 2**7)
    assert 0.02 < found.p_value < 0.98
    expected = [rng.choice(of_speaker, size=7).mean() for _ in range(4000)]
    assert [found.low, found.high] == pytest.approx(np.percentile(expected, [2.5, 97.5]), abs=0.015)


def test_random_signs_agree_with_all_signs():
    # All signs of 12 speakers are evaluated; a thirteenth without a difference only changes the method.
    rng = np.random.default_rng(5)
    of_speaker = rng.normal(0.05, 0.15, size=12)
    exact = recall_difference(
        recalls_of(0.5 + of_speaker[None]), recalls_of(np.full((1, 12), 0.5)), resamples=5000, seed=0
    )
    of_speaker = np.append(of_speaker, 0.0)
    sampled = recall_difference(
        recalls_of(0.5 + of_speaker[None]), recalls_of(np.full((1, 13), 0.5)), resamples=5000, seed=0
    )
    assert 0.05 < exact.p_value < 0.95
    assert sampled.p_value == pytest.approx(exact.p_value, abs=0.03)


def test_recalls_of_agreeing_speakers_have_the_smallest_p_value():
    found = recall_difference(
        recalls_of(np.full((2, 5), 0.6)), recalls_of(np.full((2, 5), 0.5)), resamples=50, seed=0
    )
    assert found.p_value == 2 / 32
    assert (found.low, found.high) == pytest.approx((0.1, 0.1))


def test_recalls_of_different_utterances_are_refused():
    one = recalls_of(np.full((2, 4), 0.5))
    for subtracted in (
        recalls_of(np.full((1, 4), 0.5)),
        recalls_of(np.full((2, 4), 0.5), n_utterances=21),
        SpeakerRecalls(one.recall, ("a", "b", "c", "d"), one.n_utterances),
    ):
        with pytest.raises(ValueError, match="expected a pair"):
            recall_difference(one, subtracted, resamples=50, seed=0)


def test_the_recall_of_one_speaker_has_no_interval():
    single = recalls_of([[0.5]])
    with pytest.raises(NoIntervalError, match="1 speaker"):
        recall_interval(single, resamples=50, seed=0)
    with pytest.raises(NoIntervalError, match="1 speaker"):
        recall_difference(single, single, resamples=50, seed=0)


def test_recalls_are_pooled_over_folds():
    rows = [("a", "a", 3), ("a", "b", 1), ("b", "b", 2), ("a", "a", 2), ("a", "c", 4), ("c", "b", 5)]
    counts = pd.DataFrame(rows, columns=["truth", "prediction", "count"]).assign(seed=0)
    counts["speaker"] = counts["truth"]
    twice = pd.concat([counts, counts.assign(seed=1)])
    recalls = speaker_recalls(twice)
    assert recalls.speakers == ("a", "b", "c")
    np.testing.assert_allclose(recalls.recall, [[0.5, 1.0, 0.0]] * 2)
    assert recalls.n_utterances.tolist() == [10, 2, 5]
    for other in (counts.iloc[1:], counts.iloc[:-1]):  # without one utterance, and without one speaker
        with pytest.raises(ValueError, match="not probed on the same utterances"):
            speaker_recalls(pd.concat([counts, other.assign(seed=1)]))


# --- differences of gaps ------------------------------------------------------------------------------------


def two_gaps(seed, n_speakers, n_seeds=2):
    """Counts of two systems, each on held-out and on test utterances of the same speakers."""
    rng = np.random.default_rng(seed)
    return [
        tuple(
            simulated(rng, n_speakers, skill=skill, spread=0.1, n_seeds=n_seeds, per_class=per_class)
            for skill, per_class in ((held_out, 8), (0.55, 12))
        )
        for held_out in (0.8, 0.7)
    ]


def gap_difference_of(gap, subtracted, metric, drawn):
    """The statistic as a loop over speakers; ``drawn`` are their indices."""

    def score(counts):
        return np.mean([metric(sum(of_seed[s] for s in drawn)) for of_seed in counts])

    return (score(gap[0]) - score(gap[1])) - (score(subtracted[0]) - score(subtracted[1]))


@pytest.mark.parametrize("metric", [unweighted_accuracy, weighted_accuracy])
def test_a_difference_of_gaps_equals_loops_over_resamples_and_swaps(metric):
    gap, subtracted = two_gaps(1, n_speakers=5)
    found = gap_difference(gap, subtracted, metric, resamples=1500, seed=3)
    everyone = gap_difference_of(gap, subtracted, metric, range(5))
    assert found.value == pytest.approx(everyone)
    rng = np.random.default_rng(4)
    expected = [gap_difference_of(gap, subtracted, metric, rng.integers(0, 5, size=5)) for _ in range(1500)]
    assert [found.low, found.high] == pytest.approx(np.percentile(expected, [2.5, 97.5]), abs=0.03)
    n_as_large = 0
    for swaps in product([False, True], repeat=5):
        swap = np.array(swaps)[None, :, None, None]
        swapped = [
            tuple(np.where(swap, b, a) for a, b in zip(one, other, strict=True))
            for one, other in ((gap, subtracted), (subtracted, gap))
        ]
        n_as_large += abs(gap_difference_of(*swapped, metric, range(5))) >= abs(everyone) - 1e-12
    assert found.p_value == pytest.approx(n_as_large / 2**5)
    assert 2 / 2**5 < found.p_value < 1


def test_a_difference_of_gaps_resamples_the_same_speakers_in_both_sets():
    # Speakers differ, but not between the sets and systems, so the interval has no width.
    counts = simulated(np.random.default_rng(0), n_speakers=8, spread=0.3, per_class=40)
    perfect = np.zeros_like(counts)
    perfect[..., range(3), range(3)] = counts.sum(axis=-1)
    same = gap_difference((perfect, counts), (perfect, counts), weighted_accuracy, resamples=100, seed=0)
    assert (same.value, same.low, same.high, same.p_value) == (0.0, 0.0, 0.0, 1.0)
    gained = gap_difference((perfect, counts), (counts, counts), weighted_accuracy, resamples=100, seed=0)
    paired = paired_difference(perfect, counts, weighted_accuracy, resamples=100, seed=0)
    assert [gained.value, gained.low, gained.high] == pytest.approx([paired.value, paired.low, paired.high])
    assert gained.p_value == paired.p_value == smallest_p_value(8)


def test_the_second_gap_is_subtracted_from_the_first():
    gap, subtracted = two_gaps(2, n_speakers=6)
    forward, backward = (
        gap_difference(*pair, unweighted_accuracy, resamples=100, seed=0)
        for pair in ((gap, subtracted), (subtracted, gap))
    )
    assert forward.value == pytest.approx(-backward.value)
    assert (forward.low, forward.high) == pytest.approx((-backward.high, -backward.low))
    assert forward.p_value == backward.p_value
    # A system that is better only on held-out utterances has the larger gap; only on test utterances, the smaller.
    held_out, test = gap
    perfect = [np.zeros_like(counts) for counts in gap]
    for best, counts in zip(perfect, gap, strict=True):
        best[..., range(3), range(3)] = counts.sum(axis=-1)
    larger = gap_difference((perfect[0], test), gap, unweighted_accuracy, resamples=100, seed=0)
    smaller = gap_difference((held_out, perfect[1]), gap, unweighted_accuracy, resamples=100, seed=0)
    assert smaller.high < 0 < larger.low


@pytest.mark.parametrize("n_speakers", [4, 14])
def test_the_gap_of_a_system_does_not_differ_from_itself(n_speakers):
    gap, _ = two_gaps(0, n_speakers)
    same = gap_difference(gap, gap, unweighted_accuracy, resamples=100, seed=0)
    assert (same.value, same.low, same.high, same.p_value) == (0.0, 0.0, 0.0, 1.0)
    assert not np.signbit(same.value)


def test_gaps_of_different_utterances_or_speakers_are_refused():
    (held_out, test), (other_held_out, other_test) = two_gaps(0, n_speakers=5)
    more = other_held_out.copy()
    more[:, 0, 0, 0] += 1
    with pytest.raises(ValueError, match="expected a pair"):
        gap_difference((held_out, test), (more, other_test), weighted_accuracy, resamples=50, seed=0)
    with pytest.raises(ValueError, match="expected a pair"):
        gap_difference((held_out, test), (other_held_out[:1], other_test), weighted_accuracy, resamples=50, seed=0)
    fewer = (held_out[:, :4], test), (other_held_out[:, :4], other_test)
    with pytest.raises(ValueError, match="different speakers or classes"):
        gap_difference(*fewer, weighted_accuracy, resamples=50, seed=0)
    single = [tuple(of[:, :1] for of in gap) for gap in ((held_out, test), (other_held_out, other_test))]
    with pytest.raises(NoIntervalError, match="1 speaker"):
        gap_difference(*single, weighted_accuracy, resamples=50, seed=0)


def test_resamples_without_a_class_in_one_set_are_drawn_again():
    (held_out, test), (other_held_out, other_test) = two_gaps(0, n_speakers=6)
    for of in (held_out, other_held_out):
        of[:, 1:, 2] = 0  # only the first speaker has held-out utterances of class 2
    found = gap_difference(
        (held_out, test), (other_held_out, other_test), unweighted_accuracy, resamples=200, seed=0
    )
    assert np.isfinite([found.low, found.high]).all()
