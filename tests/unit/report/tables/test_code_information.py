import json

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from emofactors.config.tables.code_information import CodeInformationTable
from emofactors.evaluation.code_information import INFORMATION_COLUMNS, LEAVE_ONE_OUT_COLUMNS, PAIRS
from emofactors.evaluation.statistics.holm import holm
from emofactors.report.tables.code_information import PAIR_KEYS, blocks, collect, findings, pair_label, remarks
from emofactors.report.tables.tidy import tidy_frame

KEYS = {
    "kind": "code_information",
    "title": "Factors",
    "caption": "c",
    "system": "flow",
    "rows": {"original": "original", "cycle": "cycle loss"},
    "differences": [{"variant": "cycle", "minus": "original"}],
}
TABLE = CodeInformationTable(
    published_information={
        "label": "note, corpus not stated",
        "where": "a table",
        "values": {
            "original": {"content-rhythm": 0.5204, "spectrogram-pitch": 0.2337},
            "cycle": {"content-rhythm": 0.3587, "spectrogram-pitch": 0.1670},
        },
    },
    **KEYS,
)
#: Information above null of each pair, a mean over speakers of these values and of what each adds.
LEVELS = {
    "original": dict(zip(PAIRS, (0.7, 0.4, 0.2, 0.3, 0.1, 0.15), strict=True)),
    "cycle": dict(zip(PAIRS, (0.7, 0.3, 0.2, 0.1, 0.1, 0.25), strict=True)),
}


@pytest.fixture
def files(write_codes, leave_one_out):
    """Function that writes the evaluations of both variants; in the second, speakers differ twice as much."""

    def write(variant, levels, gain, *, segments=True):
        rows, left_out = [], []
        for fold in (0, 1):
            for seed in (0, 1):
                for unit, clusters in (("code", 10), ("code", 5), ("segment", 10)):
                    for (one, other), level in levels.items():
                        run = {"unit": unit, "clusters": clusters, "kmeans_seed": 0, "fold": fold, "seed": seed}
                        run |= {"one": one, "other": other}
                        (_, above), *rest = leave_one_out(fold, level + 0.01 * (2 * seed - 1), gain)
                        if unit == "segment" and not segments:
                            above, rest = np.nan, [(speaker, np.nan) for speaker, _ in rest]
                        numbers = {"n": 100, "n_utterances": 20, "null_mean": 0.05, "null_high": 0.08}
                        numbers |= {"permuted_mean": 0.02, "above_permuted": above + 0.03}
                        numbers |= {"nats": above + 0.05, "above_null": above, "normalised": 0.2, "adjusted": 0.1}
                        rows.append(run | numbers)
                        if clusters == 10:
                            left_out += [
                                run | {"speaker": s, "above_null": value, "above_permuted": value + 0.03}
                                for s, value in rest
                            ]
        return [
            write_codes(variant, "code_information.csv", rows, INFORMATION_COLUMNS),
            write_codes(variant, "code_information_leave_one_out.csv", left_out, LEAVE_ONE_OUT_COLUMNS),
        ]

    def write_all(**options):
        return [
            file
            for variant, gain in (("original", 1.0), ("cycle", 2.0))
            for file in write(variant, LEVELS[variant], gain, **options)
        ]

    return write_all


@pytest.fixture
def inputs(inputs_of, two_folds, files):
    """Function of a table: its inputs."""
    return lambda table=TABLE, runs=(), **options: inputs_of(
        table, {"speakers": two_folds}, evaluations=files(**options), runs=runs
    )


@pytest.fixture
def tidy(inputs):
    return tidy_frame(collect(inputs()))


def number(tidy, variant, metric):
    return tidy[(tidy["variant"] == variant) & (tidy["metric"] == metric)].iloc[0]


# --- numbers -------------------------------------------------------------------------------------------------


def test_a_number_is_the_mean_over_speakers_with_the_interval_of_student(tidy, code_speakers):
    found = number(tidy, "original", "content_rhythm_above_null")
    of_speakers = 0.3 + np.array(list(code_speakers.values()))
    assert (found["value"], found["se_speakers"]) == pytest.approx((of_speakers.mean(), stats.sem(of_speakers)))
    # The two seeds of a fold differ by 0.02; the folds test three and two of the speakers.
    assert 0 < found["se_trainings"] < 0.01 * np.sqrt((3 / 5) ** 2 + (2 / 5) ** 2)
    half = stats.t.ppf(0.975, found["df"]) * np.hypot(found["se_speakers"], found["se_trainings"])
    assert [found["ci_low"], found["ci_high"]] == pytest.approx([found["value"] - half, found["value"] + half])
    assert (found["n_runs"], found["n_seeds"], found["n_utterances"], found["n_speakers"]) == (4, 2, 40, 5)
    assert number(tidy, "original", "codes")["value"] == 200
    permuted = number(tidy, "original", "content_rhythm_above_permuted")
    assert [permuted["value"] - 0.03, permuted["ci_low"] - 0.03] == pytest.approx(
        [found["value"], found["ci_low"]]
    )
    assert number(tidy, "original", "content_rhythm_nats")["value"] == pytest.approx(found["value"] + 0.05)
    assert number(tidy, "original", "content_rhythm_above_null_k5")["value"] == pytest.approx(found["value"])


def test_a_difference_is_paired_and_corrected_over_six_pairs(tidy, code_speakers):
    rows = tidy[tidy["metric"].str.fullmatch(r".*_above_null_difference")]
    assert len(rows) == 6
    found = rows.set_index("metric").loc["content_rhythm_above_null_difference"]
    gains = -0.2 + np.array(list(code_speakers.values()))
    expected = stats.ttest_1samp(gains, 0)
    assert (found["value"], found["p_value"]) == pytest.approx((gains.mean(), expected.pvalue))
    np.testing.assert_allclose(rows["p_holm"], holm(rows["p_value"].to_numpy()))
    of_segments = tidy[tidy["metric"].str.endswith("_segment_difference")]
    assert len(of_segments) == 6
    assert of_segments["p_value"].isna().all()


def test_published_values_have_rows_of_their_own(tidy):
    published = tidy[tidy["published"].notna()]
    assert set(published["column"]) == {"published"}
    assert published["value"].isna().all()
    assert number(published, "cycle", "content_rhythm_published")["published"] == 0.3587


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"original": {"content-voice": 1.0}}, "published pair is 'content-voice', expected one of"),
        ({"best": {"content-rhythm": 1.0}}, "published row is 'best', expected one of original, cycle"),
    ],
)
def test_published_values_of_other_rows_or_pairs_are_refused(inputs, values, message):
    published = TABLE.published_information.model_copy(update={"values": values})
    with pytest.raises(ValueError, match=message):
        collect(inputs(TABLE.model_copy(update={"published_information": published})))


def test_reconstruction_errors_are_averaged_over_the_trainings(inputs, tmp_path):
    runs = []
    for fold, error in ((0, 0.01), (1, 0.02)):
        run = tmp_path / "training" / "speakers" / "flow" / "cycle" / f"fold{fold}" / "seed0" / "run.json"
        run.parent.mkdir(parents=True)
        errors = {"dev": {"mel": 9.0, "mean_spectrogram": 9.0}, "test": {"mel": error, "mean_spectrogram": 0.03}}
        run.write_text(json.dumps({"reconstruction": errors}))
        runs.append(str(run))
    given = inputs(runs=tuple(runs))
    tidy = tidy_frame(collect(given))
    assert number(tidy, "cycle", "mel_error")["value"] == pytest.approx(0.015)
    text = " ".join(findings(given, tidy)[0].sentences)
    assert text.count("squared error") == 1  # of the row whose trainings are given
    assert "“cycle loss”: squared error of reconstructed test spectrograms 0.0150, below that of the mean" in text
    notes = " ".join(blocks(given, tidy)[0].notes)
    assert "cycle loss 0.0150; of the mean training frame 0.0300" in notes


# --- layout --------------------------------------------------------------------------------------------------


def test_pairs_are_named_as_the_metrics_are():
    assert list(PAIR_KEYS)[3] == "content_rhythm"
    assert pair_label("content_rhythm") == "content–rhythm"
    assert len(PAIR_KEYS) == 6


def test_the_matrix_is_the_triangle_of_the_source(inputs, tidy):
    main, details = blocks(inputs(), tidy)
    matrix = main.scores
    assert matrix[""].tolist()[:3] == ["Spectrogram", "Content", "Rhythm"]
    labels = ["original", "cycle loss"]
    assert list(matrix.columns[1:]) == [f"{v}: {c} [95 %]" for v in labels for c in ("Content", "Rhythm", "Pitch")]
    ours = matrix.iloc[:3, 1:4].to_numpy()
    assert ours[0, 0].startswith("0.702 [")
    assert (ours[1, 0], ours[2, 0], ours[2, 1]) == ("", "", "")
    assert (ours[np.triu_indices(3)] != "").all()
    published = matrix.iloc[3:].set_index("")
    assert published.index.tolist() == ["published: Spectrogram", "published: Content", "published: Rhythm"]
    assert published.loc["published: Content", "cycle loss: Rhythm [95 %]"] == "0.3587"
    assert published.loc["published: Rhythm", "cycle loss: Pitch [95 %]"] == ""
    assert main.differences["difference"].tolist()[3] == "cycle loss minus original: content–rhythm"
    assert main.differences["codes [95 %]"].tolist()[3].startswith("-0.198 [")
    assert details.notes == ()
    assert len(details.scores) == 2 * 6
    assert {"MI", "null, shifts", "null 95 %", "NMI", "AMI", "above null, K = 5"} <= set(details.scores.columns)


def test_more_variants_have_a_row_each(inputs, tidy):
    rows = {"original": 0, "cycle": 1, "cycle_3": 3}
    table = CodeInformationTable(axis="weight", **KEYS | {"rows": rows})
    other = tidy[tidy["variant"] == "cycle"].assign(variant="cycle_3", row="3")
    given = inputs(table)
    main, differences, details = blocks(given, pd.concat([tidy, other[other["minus"] == ""]], ignore_index=True))
    assert main.scores["weight"].tolist() == ["0", "1", "3"]
    assert len(main.scores.columns) == 1 + len(PAIRS)
    assert main.differences.empty
    assert len(differences.scores) == 6
    assert len(details.scores) == 3 * 6


def test_notes_state_the_sample(inputs, tidy):
    notes = blocks(inputs(), tidy)[0].notes
    assert notes[1] == "codes of 40 test utterances of 5 speakers, which the decomposer was not trained on"
    assert notes[2] == "200 codes and 200 segments over all folds of a seed; 10 clusters, 1 seed of k-means"
    assert notes[3] == "published: note, corpus not stated"


def test_too_few_segments_are_a_dash_and_noted(inputs):
    given = inputs(segments=False)
    main, details = blocks(given, tidy_frame(collect(given)))
    assert (details.scores["segments, above null [95 %]"] == "–").all()
    assert "no numbers of segments: a fold has fewer segments than clusters" in main.notes


def test_remarks_explain_differences_and_published_values_if_there_are_any():
    assert len(remarks(TABLE)) == 5
    assert len(remarks(CodeInformationTable(**KEYS | {"differences": ()}))) == 3


# --- findings ------------------------------------------------------------------------------------------------


def test_findings_start_with_content_and_rhythm_and_list_significant_differences(inputs, tidy):
    (found,) = findings(inputs(), tidy)
    assert found.headline.startswith("Above null, content and rhythm share 0.302 [")
    assert "nats (“original”) and 0.104 [" in found.headline
    assert found.sentences[1].startswith(
        "“original”: of the six pairs, clusters of spectrogram–content share most, 0.702 ["
    )
    assert "lower in 2 of the six pairs" in found.sentences[3]
    significant, with_zero = found.sentences[4].split(";")[-2:]
    assert "content–rhythm (-0.198" in significant
    assert "rhythm–pitch (+0.102" in significant
    assert "spectrogram–content" in with_zero
    assert "content–rhythm" not in with_zero
    assert found.sentences[-1].endswith("are lower in 2 of 2 pairs; ours are lower in 1 of these.")
