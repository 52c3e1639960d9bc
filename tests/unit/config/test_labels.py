from emofactors.config.labels import ABSENT, CONDITIONS, EMOTIONS, FACTORS, OTHER_LABELS


def test_labels_are_unique():
    labels = (*EMOTIONS, *OTHER_LABELS, ABSENT)
    assert len(set(labels)) == len(labels)


def test_the_name_of_a_condition_lists_its_factors():
    assert len(CONDITIONS) == 9
    for condition, factors in CONDITIONS.items():
        expected = {"all": FACTORS, "none": ()}.get(condition, tuple(condition.split("_")))
        assert factors == expected
        assert set(factors) <= {*FACTORS, "speaker"}
