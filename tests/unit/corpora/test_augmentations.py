from hypothesis import given
from hypothesis import strategies as st

from emofactors.corpora.augmentations import COPY_MARK, copy_name, original_of

NAMES = st.text(st.characters(exclude_characters=COPY_MARK), min_size=1)


@given(name=NAMES, kind=NAMES)
def test_the_name_of_a_copy_contains_its_original(name, kind):
    assert original_of(copy_name(name, kind)) == name


@given(name=NAMES)
def test_the_original_of_an_original_is_itself(name):
    assert original_of(name) == name


@given(name=NAMES, first=NAMES, second=NAMES)
def test_copies_of_different_kinds_have_different_names(name, first, second):
    assert (copy_name(name, first) == copy_name(name, second)) == (first == second)
