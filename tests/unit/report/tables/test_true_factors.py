from itertools import product

import pandas as pd
import pytest

from emofactors.config.tables.true_factors import TrueFactorsTable
from emofactors.evaluation.true_factors import FACTOR_COLUMNS
from emofactors.report.tables.tidy import tidy_frame
from emofactors.report.tables.true_factors import blocks, collect, findings, probe_label, probe_metric, remarks

KEYS = {"kind": "true_factors", "title": "Factors", "caption": "c", "system": "flow"}
TABLE = TrueFactorsTable(
    rows={"original": "original", "cycle": "cycle loss"},
    differences=[{"variant": "cycle", "minus": "original"}],
    **KEYS,
)
#: Scores of probes; others are 0.1. In the original, content predicts the rate better than rhythm does.
SCORES = {("content", "sentence"): 0.9, ("rhythm", "rate"): 0.8, ("pitch", "pitch"): 0.7, ("content", "rate"): 0.2}
CHANGES = {"original": {("content", "rate"): 0.85}, "cycle": {}}


@pytest.fixture
def files(write_codes, leave_one_out):
    """Probes of both variants, with and without each speaker."""
    written = []
    for variant, changes in CHANGES.items():
        rows = []
        for fold, seed, code, factor in product(
            (0, 1), (0, 1), ("spectrogram", "content", "rhythm", "pitch"), ("sentence", "rate", "pitch", "voice")
        ):
            level = (SCORES | changes).get((code, factor), 0.1)
            for metric, value_of in ((probe_metric(factor), level), ("information", 0.3)):
                gain = 1.1 if (variant, code, factor) == ("cycle", "content", "rate") else 1.0
                for speaker, value in leave_one_out(fold, value_of, gain):
                    row = {"code": code, "factor": factor, "metric": metric, "fold": fold, "seed": seed}
                    rows.append(row | {"speaker": speaker, "value": value, "n": 20, "labels": 4})
        written.append(write_codes(variant, "true_factors.csv", rows, FACTOR_COLUMNS))
    return written


@pytest.fixture
def inputs(inputs_of, two_folds, files):
    return inputs_of(TABLE, {"speakers": two_folds}, evaluations=files)


@pytest.fixture
def tidy(inputs):
    return tidy_frame(collect(inputs))


@pytest.fixture
def without_voice(files):
    """The same evaluations of a test with one voice."""
    for file in files:
        table = pd.read_csv(file, keep_default_na=False)
        table[table["factor"] != "voice"].to_csv(file, index=False)


def number(tidy, variant, metric):
    return tidy[(tidy["variant"] == variant) & (tidy["metric"] == metric)].iloc[0]


def test_probes_of_codes_are_compared_and_information_is_not_tested(tidy):
    row = number(tidy, "original", "content_sentence_skill")
    assert row["value"] == pytest.approx(0.902)
    assert row["ci_low"] < row["value"] < row["ci_high"]
    assert (row["n_runs"], row["n_utterances"], row["n_speakers"], row["chance"]) == (4, 40, 5, 0.0)
    assert number(tidy, "cycle", "content_rate_r2_difference")["value"] == pytest.approx(-0.65, abs=0.001)
    tested = tidy[tidy["p_value"].notna()]
    assert len(tested) == 3 * 4
    assert not tested["metric"].str.contains("information").any()
    assert len(tidy[tidy["minus"] != ""]) == 2 * 3 * 4


def test_the_matrix_has_own_factors_on_its_diagonal(inputs, tidy):
    main, information = blocks(inputs, tidy)
    assert main.scores[""].tolist() == ["Content", "Rhythm", "Pitch", "Spectrogram"]
    of_original = main.scores.iloc[:3, 1:4].to_numpy()
    assert [of_original[i, i][:4] for i in range(3)] == ["0.90", "0.80", "0.70"]
    assert main.scores.columns[2] == "original: rate, R² [95 %]"
    assert information.scores.columns[2] == "original: rate, nats [95 %]"
    assert main.differences["difference"].to_list()[:2] == [
        *("cycle loss minus original: sentence from content", "cycle loss minus original: rate from content")
    ]
    assert len(main.differences) == 3 * 4
    assert main.notes[1].startswith("codes of 40 test utterances of 5 speakers")
    assert information.notes == ()


def test_probes_are_labelled_by_their_measure():
    assert [(probe_metric(f), probe_label(f)) for f in ("voice", "rate")] == [("skill", "skill"), ("r2", "R²")]


def test_remarks_explain_differences_if_there_are_any():
    assert len(remarks(TABLE)) == 4
    assert len(remarks(TABLE.model_copy(update={"differences": ()}))) == 3


def test_findings_state_whether_factors_are_predicted_best_from_their_own_code(inputs, tidy):
    (found,) = findings(inputs, tidy)
    assert found.headline == (
        "True factors that are predicted best from their own code: 2 of 3 (“original”) and 3 of 3 (“cycle loss”)."
    )
    _, original, voice, cycle, *_, difference = found.sentences
    assert original.startswith("“original”: 2 of 3 true factors are predicted best from their own code")
    assert "rate from rhythm: R² 0.80" in original
    assert "from content" in original.split("rate from rhythm")[1].split(";")[0]
    assert voice.startswith("“original”: no code should contain the voice; skill in predicting it: content 0.10")
    assert cycle.startswith("“cycle loss”: 3 of 3")
    assert "rate from content (-0.65" in difference


@pytest.mark.usefixtures("without_voice")
def test_a_constant_factor_is_a_dash(inputs):
    tidy = tidy_frame(collect(inputs))
    main, _ = blocks(inputs, tidy)
    assert (main.scores["original: voice, skill [95 %]"] == "–").all()
    assert not any("voice" in sentence for sentence in findings(inputs, tidy)[0].sentences)
