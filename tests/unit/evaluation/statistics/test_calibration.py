"""Intervals and p-values of simulated studies whose truth is known; docs/statistics.md has the tables."""

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[4] / "docs" / "scripts" / "calibration.py"


@pytest.fixture(scope="module")
def calibration():
    spec = spec_from_file_location("calibration", SCRIPT)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_identical_methods_are_rarely_told_apart(calibration):
    found = {design.name: calibration.rejection_rates(design, 1000, seed=1) for design in calibration.DESIGNS}
    assert len(found) == 10
    rates = {name: rate for name, (rate, _) in found.items()}
    without_p = {name for name, rate in rates.items() if rate is None}
    assert without_p == {
        "EmoDB, three groups, 1 seed",
        "nEMO, three groups, 1 seed",
        "another corpus of 10 speakers, 1 model",
    }
    assert max(rate for rate in rates.values() if rate is not None) <= 0.06
    # If speakers were the only unit, models of several speakers would be told apart too often.
    assert all(found[name][1] > 0.09 for name in without_p)


def test_a_difference_of_methods_is_found(calibration, monkeypatch):
    design = calibration.Design("leave one out", (1,) * 10, seeds=3)
    same, _ = calibration.rejection_rates(design, 200)
    methods = iter(range(400))
    simulate = calibration.simulate
    monkeypatch.setattr(
        calibration,
        "simulate",
        lambda rng, of, speakers: simulate(rng, of, speakers + 0.1 * (next(methods) % 2)),
    )
    assert calibration.rejection_rates(design, 200)[0] > 0.9 > same


def test_intervals_cover_the_truth(calibration):
    held = {design.name: calibration.coverage(design, 1000, seed=1) for design in calibration.coverage_designs()}
    assert len(held) == 8
    assert all(0.93 <= share <= 0.985 for share in held.values()), held
    leave_one_out = [share for name, share in held.items() if name.startswith("leave one out")]
    assert len(leave_one_out) == 4
    assert max(leave_one_out) <= 0.97
