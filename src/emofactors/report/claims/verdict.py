"""Verdict on a claim from the differences that test it.

A claim with several differences holds only if each is as expected: the p-value
for it is the largest of theirs (intersection-union test), and that against it is
the smallest of theirs times their number (Bonferroni). The two hypotheses
exclude each other, so the smaller p-value tests both.

Source: Berger 1982 (intersection-union test); Schuirmann 1987 (two one-sided
tests of equivalence).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy.special import stdtr, stdtrit

from emofactors.config.claims import Expectation

Word = Literal["supported", "contradicted", "no difference", "undecided", "not tested here"]

#: Largest p-value of a decision, and one minus the level of the interval of an equivalence test, halved.
LEVEL = 0.05
#: Largest numbers of seeds and of speakers that are tried to decide a claim.
MAX_SEEDS, MAX_SPEAKERS = 100, 1000


@dataclass(frozen=True)
class Effect:
    """A difference of two rows on one task.

    Attributes:
        value: the difference.
        se_speakers: standard error over speakers.
        se_trainings: standard error over trainings.
        df: degrees of freedom of Student's t.
        n_seeds: number of trainings of each fold.
        n_speakers: number of speakers.
        p_value: two-sided p-value of no difference, as its table has it; NaN if it has none.
    """

    value: float
    se_speakers: float
    se_trainings: float
    df: float
    n_seeds: float
    n_speakers: float
    p_value: float

    @property
    def error(self) -> float:
        """Standard error over speakers and trainings."""
        return float(np.hypot(self.se_speakers, self.se_trainings))

    @property
    def is_tested(self) -> bool:
        """Whether the difference has a p-value, a standard error and degrees of freedom."""
        return bool(np.isfinite([self.p_value, self.error, self.df]).all())

    @property
    def interval_90(self) -> tuple[float, float]:
        """The 90 % interval, which two one-sided tests at 5 % compare with the margin."""
        half = float(stdtrit(self.df, 1 - LEVEL)) * self.error
        return self.value - half, self.value + half


@dataclass(frozen=True)
class PValues:
    """P-values of a claim.

    Attributes:
        supports: p-value of the hypothesis that the claim is false.
        contradicts: p-value of the hypothesis that its opposite is false.
    """

    supports: float
    contradicts: float

    @property
    def smaller(self) -> float:
        """The smaller one, which Holm's correction takes."""
        return min(self.supports, self.contradicts)


@dataclass(frozen=True)
class Verdict:
    """Verdict on a claim on one task.

    Attributes:
        word: the verdict.
        reason: what belongs to it; may be empty.
    """

    word: Word
    reason: str = ""

    def __str__(self) -> str:
        """Return the verdict as displayed."""
        if self.word == "no difference":
            return f"{self.word} {self.reason}"
        return f"{self.word}: {self.reason}" if self.reason else self.word


@dataclass(frozen=True)
class Question:
    """What is asked of differences.

    Attributes:
        expect: what is expected of each.
        margin: smallest difference that matters.
        unit: its unit, as displayed.
    """

    expect: Expectation
    margin: float
    unit: str


def p_values(question: Question, effects: Sequence[Effect]) -> PValues:
    """Return the p-values for and against a claim, of all its differences together.

    Args:
        question: what is expected of them.
        effects: at least one, each with a p-value.
    """
    found = [_of_one(question, effect) for effect in effects]
    return PValues(
        supports=max(p.supports for p in found),
        contradicts=min(1.0, len(found) * min(p.contradicts for p in found)),
    )


def decide(question: Question, effects: Sequence[Effect], p_corrected: float, n_tests: int) -> Verdict:
    """Return the verdict on a claim whose sample and settings are sufficient.

    Args:
        question: what is expected of the differences.
        effects: the differences, each with a p-value.
        p_corrected: the smaller of their p-values after Holm's correction.
        n_tests: number of tests that the correction ran over.
    """
    p = p_values(question, effects)
    is_small = _are_within(question, effects)
    if p_corrected <= LEVEL:
        word: Word = "supported" if p.supports <= p.contradicts else "contradicted"
        is_minor = is_small and question.expect in ("higher", "lower")
        return Verdict(word, f"but by no more than {_margin(question)}" if is_minor else "")
    if is_small and question.expect in ("higher", "lower"):
        return Verdict("no difference", f"larger than {_margin(question)}")
    return Verdict("undecided", _needed(question, effects, LEVEL / n_tests))


def direction(question: Question, effects: Sequence[Effect]) -> str:
    """Return the start of a sentence: what differences show that cannot decide a claim, before any correction."""
    p = p_values(question, effects)
    if p.smaller > LEVEL:
        return "no clear direction here,"
    return f"{'as claimed' if p.supports <= p.contradicts else 'the opposite'} here, but"


def _margin(question: Question) -> str:
    return f"{question.margin:g} {question.unit}"


def _of_one(question: Question, effect: Effect) -> PValues:
    value, margin = effect.value, question.margin

    def below(threshold: float) -> float:
        """Return the one-sided p-value of the hypothesis that the difference is at least the threshold."""
        if effect.error == 0:
            return float(value >= threshold)
        return float(stdtr(effect.df, (value - threshold) / effect.error))

    def above(threshold: float) -> float:
        """Return the one-sided p-value of the hypothesis that the difference is at most the threshold."""
        if effect.error == 0:
            return float(value <= threshold)
        return float(stdtr(effect.df, (threshold - value) / effect.error))

    match question.expect:
        case "not_lower":
            return PValues(supports=above(-margin), contradicts=below(-margin))
        case "same":
            beyond = min(below(-margin), above(margin))
            return PValues(supports=max(above(-margin), below(margin)), contradicts=min(1.0, 2 * beyond))
        case _:
            sign = 1 if question.expect == "higher" else -1
            p = effect.p_value
            return PValues(supports=p if sign * value > 0 else 1.0, contradicts=p if sign * value < 0 else 1.0)


def _are_within(question: Question, effects: Sequence[Effect]) -> bool:
    """Return whether the 90 % interval of every difference is within the margin."""
    return all(
        -question.margin < low and high < question.margin for low, high in (of.interval_90 for of in effects)
    )


def _needed(question: Question, effects: Sequence[Effect], level: float) -> str:
    """Return how many seeds, or else speakers, would decide a claim if its differences stayed as observed."""
    n_seeds, n_speakers = (int(min(getattr(of, key) for of in effects)) for key in ("n_seeds", "n_speakers"))
    more_seeds = 4 * n_seeds

    def is_enough(seeds: int, speakers: int) -> bool:
        changed = [_with_sample(of, seeds / n_seeds, speakers / n_speakers) for of in effects]
        is_small = question.expect in ("higher", "lower") and _are_within(question, changed)
        return p_values(question, changed).smaller <= level or is_small

    seeds = _smallest(n_seeds, MAX_SEEDS, lambda n: is_enough(n, n_speakers))
    if seeds is not None:
        return f"about {seeds} seeds would decide it"
    speakers = _smallest(n_speakers, MAX_SPEAKERS, lambda n: is_enough(n_seeds, n))
    if speakers is not None:
        return f"about {speakers} speakers would decide it"
    speakers = _smallest(n_speakers, MAX_SPEAKERS, lambda n: is_enough(more_seeds, n))
    if speakers is not None:
        return f"about {speakers} speakers with {more_seeds} seeds would decide it"
    return f"not even {MAX_SPEAKERS} speakers with {more_seeds} seeds would decide it"


def _smallest(observed: int, largest: int, is_enough: Callable[[int], bool]) -> int | None:
    """Return the smallest sufficient number above the observed one, by bisection; None if the largest is not."""
    if observed >= largest or not is_enough(largest):
        return None
    low, high = observed, largest
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if is_enough(middle) else (middle, high)
    return high


def _with_sample(of: Effect, seeds: float, speakers: float) -> Effect:
    """Return the same difference as it would be with so many times the seeds and speakers."""
    se_speakers, se_trainings = of.se_speakers / np.sqrt(speakers), of.se_trainings / np.sqrt(seeds)
    error, df = np.hypot(se_speakers, se_trainings), of.df * speakers
    p = 0.0 if error == 0 else 2 * float(stdtr(df, -abs(of.value) / error))
    return replace(of, se_speakers=float(se_speakers), se_trainings=float(se_trainings), df=df, p_value=p)
