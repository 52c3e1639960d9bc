"""Config of strangers: any study, and the files of a real one with values changed, taken out and put in."""

import copy
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from emofactors.config import study
from emofactors.config.corpora import SyntheticCorpus
from emofactors.config.load import load_study
from emofactors.errors import InputError
from emofactors.io import yaml as plain

FUZZ = settings.get_profile("fuzz")
CONFIG = Path(__file__).parents[2] / "config"
SYNTHETIC = plain.read_yaml(CONFIG / "corpora" / "synthetic.yaml")
STUDY = yaml.safe_load((CONFIG / "studies" / "emodb_quick.yaml").read_text(encoding="utf-8"))

VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-3, 3),
        st.integers(),
        st.floats(),
        st.sampled_from(
            [10**400, "..", "a\n", "-a", "a/../b", "=1", "\x1b", "ａ", "none", "original", "cnn_bigru", b"a"]
        ),
        st.text(max_size=6),
    ),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=4) | st.none() | st.integers(), inner, max_size=3)
    ),
    max_leaves=4,
)


def places(content, path=()):
    """The path of every value."""
    items = (
        content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    )
    for key, value in items:
        yield (*path, key)
        yield from places(value, (*path, key))


@st.composite
def changed(draw, content):
    """Content with a few values changed, taken out or put in."""
    content = copy.deepcopy(content)
    for _ in range(draw(st.integers(1, 2))):
        paths = list(places(content))
        if not paths:
            break
        *way, last = draw(st.sampled_from(paths))
        parent = content
        for key in way:
            parent = parent[key]
        match draw(st.sampled_from(["set", "set", "drop", "put"])):
            case "set":
                parent[last] = draw(VALUES)
            case "drop":
                del parent[last]
            case _ if isinstance(parent, dict):
                parent[draw(st.text(max_size=4) | st.sampled_from(list(parent)))] = draw(VALUES)
            case _:
                parent.append(draw(VALUES))
    return content


@pytest.fixture(scope="module")
def real_files():
    """The files of a real study, by the path they are read from."""
    read = {}

    def remember(file):
        read[file] = plain.read_yaml(file)
        return copy.deepcopy(read[file])

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(study, "read_yaml", remember)
        load_study(STUDY, CONFIG)
    assert len(read) > 5
    return read


@FUZZ
@given(content=st.dictionaries(st.sampled_from(list(STUDY)) | st.text(max_size=4), VALUES, max_size=5))
def test_any_study_is_loaded_or_refused(read_or_refused, content):
    read_or_refused(lambda: load_study(content, CONFIG))


@FUZZ
@given(data=st.data())
def test_a_changed_study_is_loaded_or_refused(read_or_refused, real_files, data):
    content = data.draw(changed(STUDY))

    def cached(file):
        return copy.deepcopy(real_files[file]) if file in real_files else plain.read_yaml(file)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(study, "read_yaml", cached)
        read_or_refused(lambda: load_study(content, CONFIG))


@FUZZ
@given(data=st.data())
def test_changed_files_of_a_study_are_loaded_or_refused(read_or_refused, real_files, data):
    file = data.draw(st.sampled_from(sorted(real_files)))
    content = data.draw(changed(real_files[file]))

    def cached(path):
        found = content if path == file else real_files[path]
        plain.check_plain(found, str(path))
        return copy.deepcopy(found)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(
            study, "read_yaml", lambda path: cached(path) if path in real_files else plain.read_yaml(path)
        )
        read_or_refused(lambda: load_study(STUDY, CONFIG))


@FUZZ
@given(data=st.data())
def test_a_changed_synthetic_corpus_is_described_or_refused(read_or_refused, data):
    content = data.draw(changed(SYNTHETIC))

    def load():
        plain.check_plain(content, "corpus")
        return study._checked(SyntheticCorpus, content, "corpus")

    read_or_refused(load)


@FUZZ
@given(
    content=st.one_of(
        st.binary(max_size=200), st.text(alphabet="ab:&*<{}[]-!|>'\"\n \t#%@,?1.e~", max_size=80).map(str.encode)
    )
)
def test_any_bytes_are_yaml_or_refused(tree, read_or_refused, content):
    root = tree.write({"a.yaml": content})
    read_or_refused(lambda: plain.read_yaml(root / "a.yaml"))
