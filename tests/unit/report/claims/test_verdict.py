from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from emofactors.evaluation.statistics.holm import holm
from emofactors.report.claims.verdict import Effect, Question, decide, direction, p_values

HIGHER = Question("higher", margin=1.5, unit="points")


def effect(value, error=1.0, *, se_trainings=0.0, df=9.0, n_seeds=5, n_speakers=10):
    """A difference whose p-value is that of Student's t, computed by another library."""
    se_speakers = np.sqrt(error**2 - se_trainings**2)
    p_value = 2 * stats.t.sf(abs(value) / error, df)
    return Effect(value, float(se_speakers), se_trainings, df, n_seeds, n_speakers, float(p_value))


def verdict(question, *effects, n_tests=1):
    p = min(1.0, n_tests * p_values(question, effects).smaller)
    return decide(question, effects, p, n_tests)


@pytest.mark.parametrize(
    ("expect", "value", "word"),
    [
        ("higher", 3.0, "supported"),
        ("higher", -3.0, "contradicted"),
        ("lower", -3.0, "supported"),
        ("lower", 3.0, "contradicted"),
        ("higher", 2.0, "undecided"),
        ("not_lower", 1.0, "supported"),  # 2.5 errors above minus the margin
        ("not_lower", 0.0, "undecided"),
        ("not_lower", -1.6, "undecided"),  # below minus the margin, but not significantly
        ("not_lower", -4.0, "contradicted"),
        ("same", 4.0, "contradicted"),
        ("same", -4.0, "contradicted"),
        ("same", 0.0, "undecided"),
    ],
)
def test_a_verdict_follows_from_the_difference_and_its_error(expect, value, word):
    assert verdict(replace(HIGHER, expect=expect), effect(value)).word == word


def test_p_values_are_those_of_student_t_against_zero_or_the_margin():
    p = p_values(HIGHER, [effect(2.5)])
    assert (p.supports, p.contradicts) == (pytest.approx(2 * stats.t.sf(2.5, 9)), 1.0)
    below = p_values(replace(HIGHER, expect="not_lower"), [effect(0.5)])
    assert below.supports == pytest.approx(stats.t.sf(2.0, 9))
    assert below.contradicts == pytest.approx(stats.t.cdf(2.0, 9))
    same = p_values(replace(HIGHER, expect="same"), [effect(0.5)])
    assert same.supports == pytest.approx(stats.t.cdf(-1.0, 9)), "the nearer margin"
    beyond = p_values(replace(HIGHER, expect="same"), [effect(4.0)])
    assert beyond.contradicts == pytest.approx(2 * stats.t.sf(2.5, 9))


def test_a_claim_of_several_differences_needs_each_of_them():
    large, small = effect(9.0), effect(1.0)
    p = p_values(HIGHER, [large, small])
    assert p.supports == small.p_value
    assert p.contradicts == 1.0
    assert verdict(HIGHER, large, large).word == "supported"
    assert verdict(HIGHER, large, small).word == "undecided"
    assert p_values(HIGHER, [large, effect(-0.1)]).supports == 1.0


def test_one_significant_difference_contradicts_and_pays_for_their_number():
    against = effect(-2.5)
    assert p_values(HIGHER, [effect(9.0), against]).contradicts == pytest.approx(2 * against.p_value)
    assert verdict(HIGHER, against).word == "contradicted"
    assert verdict(HIGHER, effect(9.0), against).word == "undecided"
    assert verdict(HIGHER, effect(9.0), effect(-4.0)).word == "contradicted"


def test_no_difference_larger_than_the_margin_by_two_one_sided_tests():
    half = stats.t.ppf(0.95, 9)
    inside, outside = effect(0.5, error=0.99 / half), effect(0.5, error=1.01 / half)
    assert str(verdict(HIGHER, inside)) == "no difference larger than 1.5 points"
    assert verdict(HIGHER, outside).word == "undecided"
    assert verdict(HIGHER, inside, outside).word == "undecided"
    assert verdict(replace(HIGHER, expect="same"), inside).word == "supported"


def test_a_significant_difference_below_the_margin_says_so():
    assert str(verdict(HIGHER, effect(0.8, error=0.2))) == "supported: but by no more than 1.5 points"
    assert str(verdict(HIGHER, effect(3.0, error=0.2))) == "supported"


def test_the_correction_decides():
    assert verdict(HIGHER, effect(3.0)).word == "supported"
    assert verdict(HIGHER, effect(3.0), n_tests=5).word == "undecided"


def test_the_smallest_sufficient_number_of_seeds_is_stated():
    observed = effect(2.0, error=1.0, se_trainings=0.9)
    found = verdict(HIGHER, observed)
    seeds = int(found.reason.split()[1])
    assert found.reason == f"about {seeds} seeds would decide it"

    def p_with(n):
        error = np.hypot(observed.se_speakers, observed.se_trainings * np.sqrt(5 / n))
        return 2 * stats.t.sf(2.0 / error, 9)

    assert p_with(seeds) <= 0.05 < p_with(seeds - 1)


def test_without_a_number_of_seeds_that_of_speakers_is_stated():
    found = verdict(HIGHER, effect(2.0))
    speakers = int(found.reason.split()[1])
    assert found.reason == f"about {speakers} speakers would decide it"

    def p_with(n):
        return 2 * stats.t.sf(2.0 / np.sqrt(10 / n), 9 * n / 10)

    assert p_with(speakers) <= 0.05 < p_with(speakers - 1)


def test_both_numbers_are_stated_if_neither_suffices_alone():
    found = verdict(HIGHER, effect(2.0, error=1.5, se_trainings=1.03))
    assert found.reason.endswith("speakers with 20 seeds would decide it")
    hopeless = verdict(replace(HIGHER, expect="not_lower"), effect(-1.5, se_trainings=0.5))
    assert hopeless.reason == "not even 1000 speakers with 20 seeds would decide it"


def test_a_direction_is_no_verdict():
    assert direction(HIGHER, [effect(3.0)]) == "as claimed here, but"
    assert direction(HIGHER, [effect(-3.0)]) == "the opposite here, but"
    assert direction(HIGHER, [effect(1.0)]) == "no clear direction here,"


@pytest.mark.parametrize("key", ["p_value", "se_speakers", "se_trainings", "df"])
def test_a_difference_without_an_error_or_a_p_value_is_not_tested(key):
    assert effect(1.0).is_tested
    assert not replace(effect(1.0), **{key: np.nan}).is_tested


def test_differences_without_any_error_are_decided_by_their_value():
    equal = Effect(0.0, 0.0, 0.0, 9.0, 5, 10, 1.0)
    assert verdict(HIGHER, equal).word == "no difference"
    assert verdict(replace(HIGHER, expect="not_lower"), equal).word == "supported"
    assert verdict(replace(HIGHER, expect="same"), replace(equal, value=2.0)).word == "contradicted"


def observed(generator, truth, n_speakers=10):
    """A difference over simulated speakers."""
    differences = generator.normal(truth, 5.0, size=n_speakers)
    error = differences.std(ddof=1) / np.sqrt(n_speakers)
    return effect(float(differences.mean()), float(error), df=n_speakers - 1)


@pytest.mark.parametrize(
    ("expect", "truths", "wrong"),
    [
        ("higher", [0.0], {"supported", "contradicted"}),
        ("higher", [0.0, 20.0], {"supported"}),
        ("higher", [0.0, 0.0, 0.0], {"supported", "contradicted"}),
        ("not_lower", [-5.0], {"supported"}),
        ("same", [5.0, 0.0], {"supported"}),
        ("higher", [5.0], {"no difference", "contradicted"}),
    ],
)
def test_a_wrong_verdict_is_rare(expect, truths, wrong):
    """Three claims of a source, all like this: at most 5 % of simulated studies have a wrong verdict on any.

    A claim of "no difference" is not corrected for the number of claims; here it is counted for one.
    """
    question = Question(expect, margin=5.0, unit="points")
    generator = np.random.default_rng(1)
    n_claims, n_studies = (1 if "no difference" in wrong else 3), 300
    n_wrong = 0
    for _ in range(n_studies):
        claims = [[observed(generator, truth) for truth in truths] for _ in range(n_claims)]
        corrected = holm(np.array([p_values(question, effects).smaller for effects in claims]))
        words = {decide(question, effects, p, n_claims).word for effects, p in zip(claims, corrected, strict=True)}
        n_wrong += bool(words & wrong)
    assert n_wrong / n_studies <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / n_studies)


def test_a_true_claim_is_supported():
    generator = np.random.default_rng(2)
    words = [verdict(HIGHER, observed(generator, 10.0)).word for _ in range(100)]
    assert words.count("supported") > 95
