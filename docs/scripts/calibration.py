"""Write the calibration of intervals and p-values into docs/statistics.md: simulated studies whose truth is known.

Test speakers differ in how well they are recognised, trainings differ in their seed, and utterances are random.
Two identical methods share the speakers and nothing else.

    .venv/bin/python docs/scripts/calibration.py
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from emofactors.evaluation.statistics.estimates import Estimate, score_estimate
from emofactors.evaluation.statistics.metrics import unweighted_accuracy

PAGE = Path(__file__).parents[1] / "statistics.md"
BEGIN, END = "<!-- calibration: written by docs/scripts/calibration.py -->", "<!-- end of calibration -->"

#: Simulated studies per design.
SIMULATIONS = 2000
#: Numbers of speakers whose intervals are tried.
N_SPEAKERS = (4, 8, 10, 24)
#: Mean recall, its standard deviation over speakers, and that over trainings.
RECALL, SPEAKER_SD, TRAINING_SD = 0.6, 0.10, 0.04


@dataclass(frozen=True)
class Design:
    """How speakers are tested.

    Attributes:
        name: its name in the table.
        group_sizes: number of test speakers of each fold.
        seeds: number of seeds.
        n_classes: number of classes.
        per_class: utterances of a speaker and class.
    """

    name: str
    group_sizes: tuple[int, ...]
    seeds: int = 1
    n_classes: int = 4
    per_class: int = 12


DESIGNS = [
    Design("leave one of 10 speakers out, 1 seed", (1,) * 10, n_classes=7, per_class=8),
    Design("leave one of 10 speakers out, 3 seeds", (1,) * 10, seeds=3, n_classes=7, per_class=8),
    Design("EmoDB, three groups, 1 seed", (4, 3, 3), n_classes=7, per_class=8),
    Design("EmoDB, three groups, 3 seeds", (4, 3, 3), seeds=3, n_classes=7, per_class=8),
    Design("EmoDB, three groups, 5 seeds", (4, 3, 3), seeds=5, n_classes=7, per_class=8),
    Design("nEMO, three groups, 1 seed", (3, 3, 3), per_class=80),
    Design("nEMO, three groups, 3 seeds", (3, 3, 3), seeds=3, per_class=80),
    Design("another corpus of 10 speakers, 1 model", (10,)),
    Design("another corpus of 10 speakers, 3 models", (10,), seeds=3),
    Design("another corpus of 24 speakers, 5 models", (24,), seeds=5),
]


def coverage_designs() -> list[Design]:
    """Return leave one speaker out with one seed, and groups of two with three seeds, for numbers of speakers."""
    designs = []
    for n in N_SPEAKERS:
        designs.append(Design(f"leave one out, {n} speakers", (1,) * n))
        designs.append(Design(f"groups of two, {n} speakers", (2,) * (n // 2), seeds=3))
    return designs


def simulate(rng: np.random.Generator, design: Design, speakers: np.ndarray) -> Estimate:
    """Return UA of one method.

    Args:
        rng: source of trainings and utterances.
        design: the design.
        speakers: recall of each speaker, shape (S,).
    """
    n_folds, n_speakers = len(design.group_sizes), len(speakers)
    fold = np.repeat(np.arange(n_folds), design.group_sizes)
    of_training = rng.normal(0, TRAINING_SD, size=(design.seeds, n_folds))
    recall = np.clip(speakers + of_training[:, fold], 0.02, 0.98)  # (K, S)
    counts = np.zeros((design.seeds, n_folds, n_speakers, design.n_classes, design.n_classes), dtype=int)
    for c in range(design.n_classes):
        correct = rng.binomial(design.per_class, recall)
        counts[:, fold, np.arange(n_speakers), c, c] = correct
        counts[:, fold, np.arange(n_speakers), c, (c + 1) % design.n_classes] = design.per_class - correct
    return score_estimate(counts, tuple(f"{v:02d}" for v in range(n_speakers)), unweighted_accuracy)


def rejection_rates(design: Design, simulations: int, seed: int = 0) -> tuple[float | None, float]:
    """Return how often two identical methods have p <= .05: over speakers and trainings, and over speakers alone.

    The first is None if the design has no p.
    """
    rng = np.random.default_rng(seed)
    p_values, of_speakers = [], []
    for _ in range(simulations):
        speakers = rng.normal(RECALL, SPEAKER_SD, size=sum(design.group_sizes))
        one, other = (simulate(rng, design, speakers) for _ in range(2))
        difference = one.minus(other)
        p_values.append(difference.test().p_value)
        of_speakers.append(difference.without_seeds().test().p_value)
    naive = float(np.mean(np.array(of_speakers) <= 0.05))
    if np.isnan(p_values).all():
        return None, naive
    return float(np.mean(np.array(p_values) <= 0.05)), naive


def coverage(design: Design, simulations: int, seed: int = 0) -> float:
    """Return how often the 95 % interval contains the mean recall of all speakers and trainings."""
    rng = np.random.default_rng(seed)
    held = 0
    for _ in range(simulations):
        interval = simulate(rng, design, rng.normal(RECALL, SPEAKER_SD, size=sum(design.group_sizes))).interval()
        held += interval.low <= RECALL <= interval.high
    return held / simulations


def tables(simulations: int = SIMULATIONS) -> str:
    """Return both tables."""
    lines = ["| two identical methods, tested by | p ≤ .05 | if speakers were the only unit |", "|---|---|---|"]
    for design in DESIGNS:
        rate, naive = rejection_rates(design, simulations)
        lines.append(
            f"| {design.name} | {'no p' if rate is None else f'{100 * rate:.1f} %'} | {100 * naive:.1f} % |"
        )
    lines += ["", "| speakers | leave one out, 1 seed | groups of two, 3 seeds |", "|---|---|---|"]
    held = [f"{100 * coverage(design, simulations):.1f} %" for design in coverage_designs()]
    lines += [
        f"| {n} | {one} | {other} |" for n, one, other in zip(N_SPEAKERS, held[::2], held[1::2], strict=True)
    ]
    return "\n".join(lines)


def page() -> str:
    """Return the page with new tables."""
    text = PAGE.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    return f"{before}{BEGIN}\n\n{tables()}\n\n{END}{rest.split(END)[1]}"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
