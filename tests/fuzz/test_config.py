"""Fuzz the configuration: any study, and the files of a real one with values changed, removed or added."""

import copy
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from emofactors.config import files, load, load_systems
from emofactors.config.corpora import SyntheticCorpus
from emofactors.config.load import load_study
from emofactors.io.yaml import check_plain, read_yaml

FUZZ = settings.get_profile("fuzz")
CONFIG = Path(__file__).parents[2] / "config"
SYNTHETIC = read_yaml(CONFIG / "corpora" / "synthetic.yaml")
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


def paths_of(content, path=()):
    """Yield the path of every value."""
    items = (
        content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    )
    for key, value in items:
        yield (*path, key)
        yield from paths_of(value, (*path, key))


@st.composite
def changed(draw, content):
    """Return content with a few values changed, removed or added."""
    content = copy.deepcopy(content)
    for _ in range(draw(st.integers(1, 2))):
        paths = list(paths_of(content))
        if not paths:
            break
        *way, last = draw(st.sampled_from(paths))
        parent = content
        for key in way:
            parent = parent[key]
        match draw(st.sampled_from(["set", "set", "remove", "add"])):
            case "set":
                parent[last] = draw(VALUES)
            case "remove":
                del parent[last]
            case _ if isinstance(parent, dict):
                parent[draw(st.text(max_size=4) | st.sampled_from(list(parent)))] = draw(VALUES)
            case _:
                parent.append(draw(VALUES))
    return content


def load_with(read, study):
    """Load a study with another function that reads files."""
    with pytest.MonkeyPatch.context() as patched:
        for module in (files, load, load_systems):
            patched.setattr(module, "read_yaml", read)
        return load_study(study, CONFIG)


@pytest.fixture(scope="module")
def real_files():
    """The files of a real study, by their path."""
    contents = {}

    def remember(file):
        contents[file] = read_yaml(file)
        return copy.deepcopy(contents[file])

    load_with(remember, STUDY)
    assert len(contents) > 5
    return contents


@FUZZ
@given(content=st.dictionaries(st.sampled_from(list(STUDY)) | st.text(max_size=4), VALUES, max_size=5))
def test_any_study_is_loaded_or_refused(read_or_rejected, content):
    read_or_rejected(lambda: load_study(content, CONFIG))


@FUZZ
@given(data=st.data())
def test_a_changed_study_is_loaded_or_refused(read_or_rejected, real_files, data):
    content = data.draw(changed(STUDY))

    def read(file):
        return copy.deepcopy(real_files[file]) if file in real_files else read_yaml(file)

    read_or_rejected(lambda: load_with(read, content))


@FUZZ
@given(data=st.data())
def test_changed_files_of_a_study_are_loaded_or_refused(read_or_rejected, real_files, data):
    file = data.draw(st.sampled_from(sorted(real_files)))
    content = data.draw(changed(real_files[file]))

    def read(path):
        if path not in real_files:
            return read_yaml(path)
        chosen = content if path == file else real_files[path]
        check_plain(chosen, str(path))
        return copy.deepcopy(chosen)

    read_or_rejected(lambda: load_with(read, STUDY))


@FUZZ
@given(data=st.data())
def test_a_changed_synthetic_corpus_is_described_or_refused(read_or_rejected, data):
    content = data.draw(changed(SYNTHETIC))

    def load():
        check_plain(content, "corpus")
        return files.check(SyntheticCorpus, content, "corpus")

    read_or_rejected(load)


@FUZZ
@given(
    content=st.one_of(
        st.binary(max_size=200), st.text(alphabet="ab:&*<{}[]-!|>'\"\n \t#%@,?1.e~", max_size=80).map(str.encode)
    )
)
def test_any_bytes_are_yaml_or_refused(tree, read_or_rejected, content):
    root = tree.write({"a.yaml": content})
    read_or_rejected(lambda: read_yaml(root / "a.yaml"))
