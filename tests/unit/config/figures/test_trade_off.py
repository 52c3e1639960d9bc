from types import SimpleNamespace

import pytest

from emofactors.config.figures.trade_off import TradeOffFigure


@pytest.mark.parametrize(
    ("axis", "metrics", "fault"),
    [
        ("weight", ("ua", "speaker_mlp"), None),
        ("weight", ("ua", "speaker_linear", "wa"), None),
        ("weight", ("ua", "wa"), "shows ua, wa; expected speaker_linear or speaker_mlp among its metrics"),
        ("", ("ua", "speaker_mlp"), "is no sweep; expected a table with 'axis'"),
    ],
)
def test_a_trade_off_needs_a_sweep_with_a_probe_of_the_speaker(of_table, axis, metrics, fault):
    table = SimpleNamespace(kind="variants", axis=axis, metrics=metrics)
    assert TradeOffFigure(**of_table("trade_off")).table_fault(table) == fault
