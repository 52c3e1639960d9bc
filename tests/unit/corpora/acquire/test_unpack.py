"""Tests of unpacking: wanted files are unpacked, malicious archives are rejected."""

import contextlib
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emofactors.corpora.acquire.unpack import ArchiveError, unpack
from emofactors.errors import InputError


@pytest.fixture
def unzip(tmp_path):
    def unzip(content, **wanted):
        (tmp_path / "a.zip").write_bytes(content)
        return [str(path) for path in unpack(tmp_path / "a.zip", tmp_path / "to" / "there", **wanted)]

    return unzip


def test_only_wanted_files_are_unpacked(tmp_path, unzip, zipped):
    content = zipped(
        [
            ("top/", b""),
            ("top/wav/a.wav", b"a"),
            ("top/wav/deep/b.wav", b"b"),
            ("top/x.txt", b"x"),
            ("other/wav/c.wav", b"c"),
        ]
    )
    assert unzip(content, inside="top", only=["wav/*.wav", "x.*"]) == ["wav/a.wav", "x.txt"]
    there = tmp_path / "to" / "there"
    assert sorted(str(p.relative_to(there)) for p in there.rglob("*") if p.is_file()) == ["wav/a.wav", "x.txt"]
    assert (there / "wav/a.wav").read_bytes() == b"a"


def test_without_patterns_all_files_are_unpacked(unzip, zipped):
    assert unzip(zipped([("wav/a.wav", b"a"), ("b", b"")])) == ["wav/a.wav", "b"]


@pytest.mark.parametrize(
    "name",
    [
        "../out.wav",
        "wav/../../out.wav",
        "/tmp/out.wav",
        "..\\out.wav",
        "C:/out.wav",
        "wav/\x1b[2J.wav",
        "a\u202eb",
    ],
)
def test_an_archive_with_an_unsafe_name_is_rejected(tmp_path, unzip, name, zipped):
    with pytest.raises(ArchiveError, match="expected names within the archive's folder"):
        unzip(zipped([("wav/a.wav", b"a"), (name, b"b")]), only=["wav/a.wav"])
    assert not (tmp_path / "to").exists()
    assert not (tmp_path / "out.wav").exists()


def test_an_archive_with_a_link_is_rejected(tmp_path, unzip, zipped):
    link = zipfile.ZipInfo("wav")
    link.external_attr = 0o120777 << 16
    with pytest.raises(ArchiveError, match="a link or device"):
        unzip(zipped([(link, b"/etc"), ("wav/passwd", b"x")]))
    assert not (tmp_path / "to").exists()


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(
    ("files", "message"),
    [
        ([("a", b"1"), ("a", b"2")], "twice"),
        ([("a", b"1"), ("./a", b"2")], "twice"),
        ([("a", b"1"), ("a/b", b"2")], "cannot be created"),
        ([("x" * 300, b"1")], "cannot be created"),
        ([("b", b"1")], r"contains none of wav/\*"),
    ],
)
def test_impossible_names_are_one_line(unzip, files, message, zipped):
    with pytest.raises(ArchiveError, match=message):
        unzip(zipped(files), only=["wav/*"] if message.startswith("contains") else ())


def test_an_archive_that_is_too_large_is_rejected(unzip, monkeypatch, zipped):
    monkeypatch.setattr("emofactors.corpora.acquire.unpack.MAX_BYTES", 1_000_000)
    with pytest.raises(ArchiveError, match="has 1,000,001 bytes unpacked"):
        unzip(zipped([("a", bytes(1_000_001))]))


def test_an_archive_with_wrong_sizes_is_rejected(unzip, zipped):
    honest = zipped([("a", bytes(1_000_000))])
    sizes = (1_000_000).to_bytes(4, "little")
    assert honest.count(sizes) == 2
    with pytest.raises(ArchiveError, match="not a valid zip"):
        unzip(honest.replace(sizes, (10).to_bytes(4, "little")))


def test_an_archive_with_too_many_files_is_rejected(unzip, monkeypatch, zipped):
    monkeypatch.setattr("emofactors.corpora.acquire.unpack.MAX_FILES", 2)
    with pytest.raises(ArchiveError, match="has 3 files"):
        unzip(zipped([(name, b"") for name in "abc"]))


@settings(max_examples=300)
@given(st.data())
def test_a_damaged_archive_raises_no_other_error(tmp_path_factory, zipped, data):
    content = bytearray(zipped([("wav/a.wav", np.random.default_rng(0).bytes(500)), ("b.txt", b"text" * 50)]))
    for place in data.draw(st.lists(st.integers(0, len(content) - 1), max_size=6)):
        content[place] = data.draw(st.integers(0, 255))
    folder = tmp_path_factory.mktemp("damaged")
    (folder / "a.zip").write_bytes(
        content[: data.draw(st.integers(0, len(content)))] if data.draw(st.booleans()) else content
    )
    with contextlib.suppress(InputError):
        unpack(folder / "a.zip", folder / "to")
    assert {path.name for path in folder.iterdir()} <= {"a.zip", "to"}
