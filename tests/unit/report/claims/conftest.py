"""Settings of a ledger of one source, and the numbers of its tables."""

from dataclasses import replace

import pytest

from emofactors.config.claims import Claim, ClaimSource, Contrast, Least, LedgerCorpus, LedgerSettings, LedgerTable
from emofactors.config.systems import Documented, SystemConfig
from emofactors.config.tables.base import Difference
from emofactors.config.tasks import TaskConfig
from emofactors.report.tables.tidy import TidyRow, tidy_frame

#: Protocol -> task.
TASKS = {
    "independent": TaskConfig(
        corpus="a", classes=("anger", "sadness"), protocol="speaker_groups", folds=5, dev_speakers=2
    ),
    "dependent": TaskConfig(
        corpus="a", classes=("anger", "sadness"), protocol="stratified_folds", folds=5, strata=("emotion",)
    ),
    "leaky": TaskConfig(
        corpus="a",
        classes=("anger", "sadness"),
        protocol="stratified_folds",
        folds=5,
        strata=("emotion",),
        augmentation="noisy",
        augmented="before_split",
        shows_leak=True,
    ),
}


def make_claim(variant="center", minus="plain", metric="ua", **changes):
    contrast = Contrast(pairs=(Difference(variant=variant, minus=minus),), metrics=(metric,))
    keys = {
        "claim": f"{variant} is better than {minus}.",
        "stated": "abstract",
        "primary": True,
        "expect": "higher",
        "contrasts": {"compared": contrast},
        "least": Least(seeds=3, speakers=8, why="w"),
        "margin": (1.5, "w"),
    }
    return Claim(**keys | changes)


@pytest.fixture
def claim_of():
    """Function of rows, metric and changes: a claim about one difference of the table ``compared``."""
    return make_claim


@pytest.fixture
def settings_of():
    """Function of claims and changes: settings of a ledger with one source, one table and one task."""

    def make(changed=None, reader="table", protocol="independent", **claims):
        system = SystemConfig(
            source="Paper",
            settings=(Documented(key="units", value=128, kind="published", why="talk"),),
            variants={"plain": {}, "center": {}, "other": {}},
            overrides=changed or {},
        )
        tasks = {"a2": TASKS[protocol]}
        runs = {row: ("net", row) for row in system.variants}
        return LedgerSettings(
            study="look",
            sources={"paper": ClaimSource(source="Paper 2019, a journal", label="Paper 2019", claims=claims)},
            tables={"compared": LedgerTable(tasks=tuple(tasks), runs=runs)},
            tasks=tasks,
            corpora={"a": LedgerCorpus(title="Corpus A", is_synthetic=reader == "synthetic")},
            systems={"net": system},
            studies={"swept": ("one", "two")},
        )

    return make


@pytest.fixture
def table_of():
    """Function of differences: a tidy table of them."""
    template = TidyRow(
        table="compared", column="a2", metric="ua_difference", variant="center", minus="plain", corpus="Corpus A"
    )
    measured = replace(
        template,
        value=3.0,
        ci_low=1.0,
        ci_high=5.0,
        se_speakers=0.8,
        se_trainings=0.4,
        df=9.0,
        n_seeds=5,
        n_speakers=10,
        p_value=0.008,
    )

    def make(*differences):
        return tidy_frame([replace(measured, **of) for of in differences or ({},)])

    return make
