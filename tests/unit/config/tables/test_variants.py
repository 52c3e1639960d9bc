import pytest
from pydantic import ValidationError

from emofactors.config.tables.variants import VariantsTable


def table_of(*metrics):
    return VariantsTable(title="t", caption="c", rows={"net/plain": "1"}, metrics=metrics)


@pytest.mark.parametrize(
    ("metrics", "files"),
    [
        (("ua", "wa"), []),
        (("ua", "held_out_gap"), ["held_out_confusion.csv"]),
        (("ua", "emotion_linear"), ["probes.csv", "mutual_information.csv", "scatter.csv"]),
        (
            ("ua", "speaker_held_out"),
            ["held_out_confusion.csv", "probes.csv", "mutual_information.csv", "scatter.csv"],
        ),
    ],
)
def test_a_table_reads_the_files_its_metrics_need(metrics, files):
    table = table_of(*metrics)
    assert table.evaluation_files == ("confusion.csv", "scores.csv", *files)
    assert bool(table.probes) == ("probes.csv" in files)


@pytest.mark.parametrize("metrics", [("wa",), ("ua", "ua")])
def test_a_table_shows_ua_and_each_metric_once(metrics):
    with pytest.raises(ValidationError, match="expected ua, and each metric once"):
        table_of(*metrics)


@pytest.mark.parametrize("metric", ["held_out_ua", "held_out_gap", "speaker_held_out"])
def test_metrics_of_held_out_utterances_refuse_tasks_without_them(tasks, metric):
    assert table_of("ua", metric).task_faults({"held_out": tasks["held_out"]}) == []
    (fault,) = table_of("ua", metric).task_faults({"unseen": tasks["unseen"]})
    assert fault == (
        "task unseen holds out no utterances of its training speakers; expected a task with 'held_out', as the table "
        f"shows {metric}"
    )


#: UA and WA of Dai et al. 2019 in percent, as the first author's public code plots them
#: (github.com/DaiDongyang/ser_nn_spectrogram, draw_ua_wa.py, commit a8c01d6, batch size 32).
PUBLISHED = {
    "center_loss": {
        "mel_softmax": (63.80, 61.83),
        "mel_center": (66.86, 65.40),
        "stft_softmax": (60.97, 58.93),
        "stft_center": (65.13, 62.96),
    },
    "center_lambda": {
        "mel_softmax": (63.80, 61.83),
        "lambda_0.003": (64.81, 62.99),
        "lambda_0.03": (65.71, 63.98),
        "mel_center": (66.86, 65.40),
        "lambda_3": (60.08, 56.85),
    },
    "center_alpha": {
        "alpha_0.1": (66.76, 65.00),
        "alpha_0.3": (66.85, 65.33),
        "mel_center": (66.86, 65.40),
        "alpha_0.7": (66.96, 65.34),
        "alpha_0.9": (66.41, 64.71),
    },
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_config_repeats_the_published_scores_of_center_loss(project_table, name):
    table = project_table(name)
    assert [row for row, (system, _) in table.runs.items() if system == table.system] == list(PUBLISHED[name])
    (published,) = table.published
    assert published.task == "iemocap4_random5"
    assert {v: (s["ua"], s["wa"]) for v, s in published.values.items()} == PUBLISHED[name]


def test_claims_may_name_the_differences_and_metrics_of_the_table(project_table):
    table = project_table("adversarial_gap")
    assert table.compared_pairs == (("both", "none"),)
    assert table.compared_metrics == table.metrics
    assert project_table("vit_protocols").compared_pairs == ()
