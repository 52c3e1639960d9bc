import pandas as pd
import pytest

from emofactors.config.tables.factor_ablation import FactorAblationTable
from emofactors.config.tables.variants import VariantsTable
from emofactors.report.tables.base import corpus_label

TABLE = VariantsTable(title="t", caption="c", system="net", rows={"plain": "1", "svm/plain": "2"})
ABLATION = FactorAblationTable(
    kind="factor_ablation",
    title="t",
    caption="c",
    system="net",
    frozen_classifier=True,
    conditions={"raw": "raw", "content": "C"},
    decomposers={"cycle": "cycle"},
)


def test_files_are_found_by_row_task_and_test(inputs_of, task):
    files = (
        "results/evaluation/speakers/net/plain/on_speakers/scores.csv",
        "results/evaluation/speakers/net/plain/on_speakers/confusion.csv",
        "results/evaluation/speakers/svm/plain/on_speakers/confusion.csv",
    )
    inputs = inputs_of(TABLE, {"speakers": task}, evaluations=files)
    assert inputs.evaluation_file("confusion.csv", "speakers", "plain") == files[1]
    assert inputs.evaluation_file("confusion.csv", "speakers", "svm/plain") == files[2]
    with pytest.raises(ValueError, match=r"table own: has no scores\.csv of svm/plain on speakers"):
        inputs.evaluation_file("scores.csv", "speakers", "svm/plain")


def test_a_frozen_classifier_has_one_test_per_reconstructed_variant(inputs_of, task):
    folder = "results/evaluation/speakers/net/raw/on_other"
    files = (f"{folder}/confusion.csv", f"{folder}/reconstructed_cycle_content/confusion.csv")
    inputs = inputs_of(ABLATION, {"speakers": task}, evaluations=files)
    found = [inputs.evaluation_file("confusion.csv", "speakers", row, on_task="other") for row in ABLATION.rows]
    assert tuple(found) == files


def test_a_file_elsewhere_is_refused(inputs_of, task):
    inputs = inputs_of(TABLE, {"speakers": task}, evaluations=("confusion.csv",))
    with pytest.raises(ValueError, match="expected <task>/<system>/<variant>/on_<task>"):
        inputs.evaluation_file("confusion.csv", "speakers", "plain")


def test_numbers_of_a_task_share_its_protocol_and_corpus(inputs_of, task):
    inputs = inputs_of(TABLE, {"speakers": task})
    row = inputs.task_row("speakers")
    assert (row.table, row.column, row.corpus, row.protocol) == ("own", "speakers", "Berlin", task.protocol_label)
    tidy = pd.DataFrame({"column": ["speakers", "other"], "value": [1, 2]})
    ((name, config, numbers),) = inputs.by_task(tidy)
    assert (name, config, numbers["value"].to_list()) == ("speakers", task, [1])


def test_what_a_study_changes_is_noted_for_each_system(inputs_of, task, system_of):
    systems = {
        "net": system_of(overrides={"units": 8}, variant_overrides={"center": {"units": 4}}),
        "svm": system_of("assumed", overrides={"units": 2}),
        "other": system_of(),
    }
    assert inputs_of(TABLE, {"speakers": task}, systems=systems).study_changes() == [
        "not the published system: the study sets units 8, units 4 (center)",
        "svm: the study sets units 2",
    ]


def test_a_corpus_that_is_not_the_published_one_is_labelled_with_its_size():
    metadata = {"title": "Berlin", "whole": False, "utterances": 847, "published_utterances": 4481}
    assert corpus_label(metadata) == "Berlin, subset: 847 of 4,481 utterances"
    larger = metadata | {"published_utterances": 535}
    assert corpus_label(larger) == "Berlin, not as published: 847 utterances for 535"
    assert corpus_label(metadata | {"whole": None, "published_utterances": None}) == "Berlin"
