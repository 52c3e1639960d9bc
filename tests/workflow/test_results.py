"""The measured results kept in docs: what the words say of them is what the tables say."""

from pathlib import Path

import pandas as pd

RESULTS = Path(__file__).parents[2] / "docs" / "results"


def test_the_words_on_three_protocols_are_the_numbers_of_the_tables():
    words = " ".join((RESULTS / "README.md").read_text(encoding="utf-8").split())
    tables = RESULTS / "emodb_transfer_quick"
    tasks = ["emodb7_random3_leaky", "emodb7_random3_augmented", "emodb7_groups3_augmented"]

    def wa(table, variant):
        rows = pd.read_csv(tables / f"{table}.csv").query(
            "variant == @variant and metric == 'wa' and minus.isna()"
        )
        return [f"{value:.1f}" for value in rows.set_index("column").loc[tasks, "value"]]

    first, second, third = wa("vit_protocols", "student")
    assert f"right in {first} % of test utterances" in words
    assert f"in {second} % where they are not, and in {third} % where the test speakers" in words
    first, second, third = wa("vit_transfer", "student_scratch")
    assert f"reaches {first}, {second} and {third} %" in words
