"""Names of the metrics a table can show; ``report.tables.metrics`` defines each."""

from typing import Literal, get_args

#: Metrics of probes, clusters and scatter of frozen embeddings.
ProbeMetric = Literal[
    "speaker_linear",
    "speaker_mlp",
    "speaker_held_out",
    "emotion_linear",
    "speaker_information",
    "emotion_information",
    "scatter_train",
    "scatter_test",
]

PROBE_METRICS: tuple[str, ...] = get_args(ProbeMetric)

#: Metrics of one row on one task.
Metric = Literal["ua", "wa", "held_out_ua", "held_out_gap", "speaker_ua", ProbeMetric]

#: Metrics of held-out utterances of the training speakers; the task needs ``held_out``.
HELD_OUT_METRICS = ("held_out_ua", "held_out_gap", "speaker_held_out")
