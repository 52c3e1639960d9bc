from typing import get_args

from emofactors.config.tables.metrics import HELD_OUT_METRICS, PROBE_METRICS, Metric


def test_metrics_of_probes_and_of_held_out_utterances_are_metrics():
    assert {*PROBE_METRICS, *HELD_OUT_METRICS} < set(get_args(Metric))
    assert set(PROBE_METRICS) & set(HELD_OUT_METRICS) == {"speaker_held_out"}
