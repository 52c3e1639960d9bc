import json
from math import log

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from emofactors.config.systems import SystemConfig
from emofactors.config.tables import TableConfig
from emofactors.config.tasks import TaskConfig
from emofactors.evaluation.code_information import INFORMATION_COLUMNS, LEAVE_ONE_OUT_COLUMNS, PAIRS
from emofactors.evaluation.statistics.holm import holm
from emofactors.evaluation.true_factors import FACTOR_COLUMNS
from emofactors.report.figures.factor_figures import ground_truth_figure, information_figure
from emofactors.report.tables.factor_findings import ground_truth_findings, information_findings
from emofactors.report.tables.factor_layout import (
    ground_truth_matrix,
    information_details,
    information_differences,
    information_matrix,
    information_notes,
)
from emofactors.report.tables.factor_tables import PAIR_KEYS, make_ground_truth_table, make_information_table
from emofactors.report.tables.layout import write_table
from emofactors.report.tables.tidy import COLUMNS

TASK = TaskConfig(
    corpus="c",
    classes=["anger", "sadness"],
    protocol="speaker_groups",
    folds=2,
    dev_speakers=1,
    claims_unseen_speakers=True,
)
TASKS = {"t2": TASK}
NOTES = {"c": {"title": "Corpus", "whole": True, "utterances": 40, "published_utterances": 40}}
ABOUT = {
    "title": "Factors",
    "caption": "What is left.",
    "system": "flow",
    "rows": {"original": "original", "cycle": "cycle loss"},
}
DIFFERENCE = {"variant": "cycle", "minus": "original"}
PUBLISHED = {
    "label": "note, corpus not stated",
    "where": "a table",
    "values": {
        "original": {"content-rhythm": 0.5204, "spectrogram-pitch": 0.2337},
        "cycle": {"content-rhythm": 0.3587, "spectrogram-pitch": 0.1670},
    },
}
INFORMATION = TableConfig(
    kind="code_information", differences=[DIFFERENCE], published_information=PUBLISHED, **ABOUT
)
TRUTH = TableConfig(kind="true_factors", differences=[DIFFERENCE], **ABOUT)
SPEAKERS = {0: ("a", "b"), 1: ("c", "d", "e")}
OF_SPEAKER = {"a": -0.02, "b": 0.01, "c": 0.03, "d": 0.0, "e": -0.01}

#: Information above null of a pair is a mean over speakers of these and of what each adds.
LEVELS = {
    "original": dict(zip(PAIRS, (0.7, 0.4, 0.2, 0.3, 0.1, 0.15), strict=True)),
    "cycle": dict(zip(PAIRS, (0.7, 0.3, 0.2, 0.1, 0.1, 0.25), strict=True)),
}


def without(fold, level, gain=1.0):
    """Value of all speakers of a fold, then without each."""
    of = {s: level + gain * OF_SPEAKER[s] for s in SPEAKERS[fold]}
    yield "", np.mean(list(of.values()))
    for speaker in of:
        yield speaker, np.mean([value for other, value in of.items() if other != speaker])


def information_files(folder, *, segments=True):
    """Files of both variants; of the cycle loss every speaker adds twice as much."""
    paths = []
    for variant, levels in LEVELS.items():
        rows, left = [], []
        for fold in SPEAKERS:
            for seed in (0, 1):
                for unit, clusters in (("code", 10), ("code", 5), ("segment", 10)):
                    for (one, other), level in levels.items():
                        run = {"unit": unit, "clusters": clusters, "kmeans_seed": 0, "fold": fold, "seed": seed}
                        run |= {"one": one, "other": other}
                        gain = 2.0 if variant == "cycle" else 1.0
                        (_, above), *rest = without(fold, level + 0.01 * (2 * seed - 1), gain)
                        if unit == "segment" and not segments:
                            above, rest = np.nan, [(speaker, np.nan) for speaker, _ in rest]
                        numbers = {"n": 100, "n_utterances": 20, "null_mean": 0.05, "null_high": 0.08}
                        numbers |= {"nats": above + 0.05, "above_null": above, "normalised": 0.2, "adjusted": 0.1}
                        rows.append(run | numbers)
                        if clusters == 10:
                            left += [run | {"speaker": speaker, "nats": value} for speaker, value in rest]
        here = folder / "evaluation" / "t2" / "flow" / variant / "on_t2"
        here.mkdir(parents=True, exist_ok=True)
        pd.DataFrame(rows)[list(INFORMATION_COLUMNS)].to_csv(here / "code_information.csv", index=False)
        pd.DataFrame(left)[list(LEAVE_ONE_OUT_COLUMNS)].to_csv(here / "code_information_leave_one_out.csv", index=False)
        paths += [here / "code_information.csv", here / "code_information_leave_one_out.csv", here / "run.json"]
    return paths


def truth_files(folder):
    """Each code tells its own factor best, but for rhythm in the original: there content tells the rate better."""
    own = {
        ("content", "sentence"): 0.9,
        ("rhythm", "rate"): 0.8,
        ("pitch", "pitch"): 0.7,
        ("content", "rate"): 0.2,
    }
    paths = []
    for variant in LEVELS:
        rows = []
        levels = own | ({("content", "rate"): 0.85} if variant == "original" else {})
        for fold in SPEAKERS:
            for code in ("spectrogram", "content", "rhythm", "pitch"):
                for factor, measure in (
                    ("sentence", "skill"),
                    ("rate", "r2"),
                    ("pitch", "r2"),
                    ("voice", "skill"),
                ):
                    for of, level in ((measure, levels.get((code, factor), 0.1)), ("code_information", 0.3)):
                        for speaker, value in without(fold, level):
                            about = {"code": code, "factor": factor, "measure": of, "fold": fold, "seed": 0}
                            rows.append(about | {"speaker": speaker, "value": value, "n": 20, "labels": 4})
        here = folder / "evaluation" / "t2" / "flow" / variant / "on_t2"
        here.mkdir(parents=True, exist_ok=True)
        pd.DataFrame(rows)[list(FACTOR_COLUMNS)].to_csv(here / "true_factors.csv", index=False)
        paths.append(here / "true_factors.csv")
    return paths


@pytest.fixture
def information(tmp_path):
    return make_information_table("factor_ablation", INFORMATION, TASKS, information_files(tmp_path), NOTES)


@pytest.fixture
def truth(tmp_path):
    return make_ground_truth_table("truth", TRUTH, TASKS, truth_files(tmp_path), NOTES)


def number(tidy, variant, metric):
    return tidy[(tidy["variant"] == variant) & (tidy["metric"] == metric)].iloc[0]


def test_a_number_is_the_mean_over_speakers_and_its_interval_that_of_student(information):
    assert list(information.columns) == list(COLUMNS)
    found = number(information, "original", "content_rhythm_above_null")
    of_speakers = 0.3 + np.array(list(OF_SPEAKER.values()))
    low, high = stats.t.interval(0.95, 4, loc=of_speakers.mean(), scale=stats.sem(of_speakers))
    assert (found["value"], found["ci_low"], found["ci_high"]) == pytest.approx((of_speakers.mean(), low, high))
    assert (found["n_runs"], found["n_utterances"], found["n_speakers"]) == (4, 40, 5)
    assert number(information, "original", "codes")["value"] == 200
    assert number(information, "original", "content_rhythm_nats")["value"] == pytest.approx(found["value"] + 0.05)
    assert number(information, "original", "content_rhythm_above_null_k5")["value"] == pytest.approx(
        found["value"]
    )


def test_a_difference_is_paired_and_corrected_for_six_pairs(information):
    rows = information[information["metric"].str.fullmatch(r".*_above_null_difference")]
    assert len(rows) == 6
    found = rows.set_index("metric").loc["content_rhythm_above_null_difference"]
    gains = -0.2 + np.array(list(OF_SPEAKER.values()))
    expected = stats.ttest_1samp(gains, 0)
    assert (found["value"], found["p_value"]) == pytest.approx((gains.mean(), expected.pvalue))
    np.testing.assert_allclose(rows["p_holm"], holm(rows["p_value"].to_numpy()))
    of_segments = information[information["metric"].str.endswith("_segment_difference")]
    assert len(of_segments) == 6
    assert of_segments["p_value"].isna().all()


def test_published_values_stand_beside_no_number_of_ours(information):
    published = information[information["published"].notna()]
    assert set(published["column"]) == {"published"}
    assert published["value"].isna().all()
    assert number(published, "cycle", "content_rhythm_published")["published"] == 0.3587


def test_the_matrix_is_the_triangle_of_the_source(information):
    matrix = information_matrix(INFORMATION, information[information["column"] == "t2"])
    assert matrix[""].tolist()[:3] == ["Spectrogram", "Content", "Rhythm"]
    labels = ["original", "cycle loss"]
    assert list(matrix.columns[1:]) == [f"{v}: {c} [95 %]" for v in labels for c in ("Content", "Rhythm", "Pitch")]
    ours = matrix.iloc[:3, 1:4].to_numpy()
    assert ours[0, 0].startswith("0.702 [")
    assert (ours[1, 0], ours[2, 0], ours[2, 1]) == ("", "", "")
    assert (ours[np.triu_indices(3)] != "").all()
    below = matrix.iloc[3:].set_index("")
    assert below.index.tolist() == ["published: Spectrogram", "published: Content", "published: Rhythm"]
    assert below.loc["published: Content", "cycle loss: Rhythm [95 %]"] == "0.3587"
    assert below.loc["published: Rhythm", "cycle loss: Pitch [95 %]"] == ""


def test_more_variants_have_a_row_each(tmp_path):
    rows = {"original": 0, "cycle": 1, "cycle_3": 3}
    files = information_files(tmp_path)
    for file in files[3:5]:
        other = tmp_path / "evaluation" / "t2" / "flow" / "cycle_3" / "on_t2" / file.name
        other.parent.mkdir(parents=True, exist_ok=True)
        other.write_bytes(file.read_bytes())
        files.append(other)
    table = TableConfig(
        kind="code_information", axis="weight", differences=[DIFFERENCE], **(ABOUT | {"rows": rows})
    )
    tidy = make_information_table("weight", table, TASKS, files, NOTES)
    matrix = information_matrix(table, tidy)
    assert matrix["weight"].tolist() == ["0", "1", "3"]
    assert len(matrix.columns) == 1 + len(PAIRS)
    assert information_findings(table, tidy)[0].startswith("“weight 0”")


def test_details_and_differences_have_a_row_a_pair(information):
    of_task = information[information["column"] == "t2"]
    details = information_details(INFORMATION, of_task)
    assert len(details) == 2 * 6
    assert {"MI", "null", "null 95 %", "NMI", "AMI", "above null, K = 5"} <= set(details.columns)
    differences = information_differences(INFORMATION, of_task)
    assert differences["difference"].tolist()[3] == "cycle loss minus original: content–rhythm"
    assert differences["codes [95 %]"].tolist()[3].startswith("-0.198 [")


def test_findings_say_what_is_shown_and_where_the_interval_holds_zero(information):
    found = information_findings(INFORMATION, information[information["column"] == "t2"])
    assert found[0].startswith("“original”: of the six pairs, clusters of spectrogram–content share most, 0.702 [")
    assert "lower in 2 of the six pairs" in found[2]
    verdict = next(sentence for sentence in found if "differences" in sentence)
    shown, holding = verdict.split(";")
    assert "content–rhythm (-0.198" in shown
    assert "rhythm–pitch (+0.102" in shown
    assert "spectrogram–content" in holding
    assert "content–rhythm" not in holding
    assert found[-1].endswith("are lower in 2 of 2 pairs; ours are lower in 1 of these.")


def test_segments_that_are_too_few_are_a_dash_and_said(tmp_path):
    tidy = make_information_table("f", INFORMATION, TASKS, information_files(tmp_path, segments=False), NOTES)
    assert (information_details(INFORMATION, tidy)["segments, above null [95 %]"] == "–").all()
    text = written(tmp_path, tidy, INFORMATION)["md"]
    assert "no numbers of segments" in text


def written(folder, tidy, table):
    paths = {form: folder / f"table.{form}" for form in ("csv", "md", "tex", "html")}
    systems = {"flow": SystemConfig(source="a paper", settings=[], variants={}, overrides={"max_steps": 9})}
    write_table(tidy, table, TASKS, systems=systems, **paths)
    return {form: path.read_text(encoding="utf-8") for form, path in paths.items()}


def test_all_four_forms_say_what_the_numbers_rest_on(information, truth, tmp_path):
    for tidy, table in ((information, INFORMATION), (truth, TRUTH)):
        forms = written(tmp_path, tidy, table)
        for form in ("md", "tex", "html"):
            words = " ".join(forms[form].split())
            assert "40 test utterances of 5 speakers, which no decomposer has heard" in words
            assert "max" in words
            assert "leaving each speaker out" in words
        back = pd.read_csv(tmp_path / "table.csv", dtype={"row": str})
        np.testing.assert_allclose(back["value"], tidy["value"].astype(float), atol=1e-6)
        assert forms["html"].count("<h4>") == 2
    assert "200 codes, and 200 segments" in " ".join(written(tmp_path, information, INFORMATION)["md"].split())
    assert "Source: a table." in " ".join(written(tmp_path, information, INFORMATION)["md"].split())


def test_what_codes_tell_of_true_factors_has_the_diagonal_in_order(truth):
    matrix = ground_truth_matrix(TRUTH, truth)
    assert matrix[""].tolist() == ["Content", "Rhythm", "Pitch", "Spectrogram"]
    of_original = matrix.iloc[:3, 1:4].to_numpy()
    assert [of_original[i, i][:4] for i in range(3)] == ["0.90", "0.80", "0.70"]
    tested = truth[truth["p_value"].notna()]
    assert len(tested) == 3 * 4
    assert number(truth, "cycle", "content_rate_r2_difference")["value"] == pytest.approx(-0.65)


def test_findings_say_whether_a_code_tells_its_own_factor_best(truth):
    found = ground_truth_findings(TRUTH, truth)
    original, _, cycle, *_ = found
    assert original.startswith("“original”: 2 of 3 true factors are told best")
    assert "rate from rhythm: R² 0.80" in original
    assert "from content" in original.split("rate from rhythm")[1].split(";")[0]
    assert cycle.startswith("“cycle loss”: 3 of 3")
    assert "rate from content (-0.65" in found[-1]


def test_a_factor_that_does_not_vary_is_a_dash(tmp_path):
    files = truth_files(tmp_path)
    for file in files:
        table = pd.read_csv(file, keep_default_na=False)
        table[table["factor"] != "voice"].to_csv(file, index=False)
    tidy = make_ground_truth_table("truth", TRUTH, TASKS, files, NOTES)
    matrix = ground_truth_matrix(TRUTH, tidy)
    assert (matrix["original: voice, skill [95 %]"] == "–").all()
    assert not any("voice" in sentence for sentence in ground_truth_findings(TRUTH, tidy))
    assert "–" in texts(ground_truth_figure(TRUTH, TASKS, tidy))


def test_files_that_are_missing_misplaced_or_published_elsewhere_are_refused(tmp_path):
    files = information_files(tmp_path)
    with pytest.raises(ValueError, match="nothing measured of flow/cycle on t2"):
        make_information_table("f", INFORMATION, TASKS, files[:3], NOTES)
    with pytest.raises(ValueError, match="expected …/<task>"):
        make_information_table("f", INFORMATION, TASKS, [tmp_path / "code_information.csv"], NOTES)
    for values, message in (
        ({"original": {"content-voice": 1.0}}, "published pair 'content-voice'"),
        ({"best": {"content-rhythm": 1.0}}, "published row 'best'"),
    ):
        table = INFORMATION.model_copy(
            update={
                "published_information": INFORMATION.published_information.model_copy(update={"values": values})
            }
        )
        with pytest.raises(ValueError, match=message):
            make_information_table("f", table, TASKS, files, NOTES)


def texts(figure):
    return [text.get_text() for panel in figure.axes for text in panel.texts]


def test_a_panel_for_every_variant_with_a_number_in_every_cell_on_one_scale(information):
    figure = information_figure(INFORMATION, TASKS, information)
    panels = [panel for panel in figure.axes if panel.images]
    assert [panel.get_title() for panel in panels] == ["original", "cycle loss"]
    assert [len(panel.texts) for panel in panels] == [12, 12]  # six numbers, six intervals
    assert panels[0].images[0].get_clim() == panels[1].images[0].get_clim()
    assert "0.302" in texts(figure)


def test_figures_follow_the_numbers(information, truth):
    changed = information.assign(value=information["value"] + log(2))
    assert texts(information_figure(INFORMATION, TASKS, information)) != texts(
        information_figure(INFORMATION, TASKS, changed)
    )
    changed = truth.assign(value=truth["value"] / 2)
    assert texts(ground_truth_figure(TRUTH, TASKS, truth)) != texts(ground_truth_figure(TRUTH, TASKS, changed))


def test_a_figure_without_its_numbers_is_refused(information, truth):
    for draw, table, tidy in ((information_figure, INFORMATION, information), (ground_truth_figure, TRUTH, truth)):
        with pytest.raises(ValueError, match="expected the numbers of every row"):
            draw(table, TASKS, tidy[tidy["variant"] != "cycle"])


def test_pairs_are_named_as_the_metrics_are():
    assert list(PAIR_KEYS)[3] == "content_rhythm"
    assert len(PAIR_KEYS) == 6


def test_how_well_speech_was_rebuilt_stands_beside_that_of_the_mean_spectrogram(tmp_path):
    runs = []
    for fold, error in ((0, 0.01), (1, 0.02)):
        run = tmp_path / "training" / "t2" / "flow" / "cycle" / f"fold{fold}" / "seed0" / "run.json"
        run.parent.mkdir(parents=True)
        of_test = {"mel": error, "mean_spectrogram": 0.03}
        run.write_text(
            json.dumps({"reconstruction": {"dev": {"mel": 9.0, "mean_spectrogram": 9.0}, "test": of_test}})
        )
        runs.append(run)
    files = [*information_files(tmp_path), *runs]
    tidy = make_information_table("shared", INFORMATION, TASKS, files, NOTES)
    assert number(tidy, "cycle", "mel_error")["value"] == pytest.approx(0.015)
    said = " ".join(information_findings(INFORMATION, tidy[tidy["column"] == "t2"]))
    assert "“cycle loss”: squared error of reconstructed test spectrograms 0.0150, below that of" in said
    assert said.count("squared error") == 1, "of the row whose trainings are given"
    assert "cycle loss 0.0150; of the training frames' mean 0.0300" in " ".join(
        information_notes(INFORMATION, TASK, tidy[tidy["column"] == "t2"])
    )
