import pytest
from pydantic import ValidationError

from emofactors.config.corpora import (
    CORPUS_SECTIONS,
    AudformatCorpus,
    LayoutCorpus,
    SyntheticCorpus,
    TableCorpus,
    corpus_config,
)
from emofactors.config.files import check_kind
from emofactors.config.labels import EMOTIONS, OTHER_LABELS
from emofactors.errors import InputError
from emofactors.io.yaml import read_yaml

EMODB = {"reader": "emodb", "folder": "emodb", "title": "EmoDB"}
OWN = {"reader": "table", "folder": "own", "title": "Own", "file": "own.csv"}
DATABASE = {"reader": "audformat", "folder": "db", "title": "Mini", "audformat": {"tables": ["a"]}}
DOWNLOAD = {"terms": "Be kind.", "licence_url": "https://example.org/licence"}


@pytest.fixture(scope="module")
def corpora(config_dir):
    """Name -> config of all corpora of the project."""
    return {file.stem: corpus_config(read_yaml(file)) for file in (config_dir / "corpora").glob("*.yaml")}


def test_published_corpora_are_complete_and_have_a_consistent_size(corpora):
    assert {"emodb", "nemo", "ravdess", "savee", "crema_d", "iemocap", "mosei", "vctk", "synthetic"} <= set(
        corpora
    )
    for corpus in corpora.values():
        assert all([corpus.title, corpus.source, corpus.licence, corpus.language])
        assert corpus.size == "published"
        if corpus.expected is not None:
            assert set(corpus.expected.emotions) <= {*EMOTIONS, *OTHER_LABELS}
            for counts in (corpus.expected.emotions, corpus.expected.per_speaker):
                assert sum(counts.values()) in {0, corpus.expected.utterances}


def test_open_corpora_have_terms_and_a_checksum_if_one_is_published(corpora):
    downloads = {name: corpus.download for name, corpus in corpora.items() if corpus.download is not None}
    assert set(downloads) == {"emodb", "ravdess", "crema_d"}
    for name, download in downloads.items():
        assert download.licence_url.startswith("https://")
        for archive in download.archives:
            is_verified = archive.checksum is not None or bool(archive.lfs)
            assert is_verified == (name != "emodb"), "no checksum of EmoDB is published"


def test_the_reader_determines_the_section(corpora):
    assert isinstance(corpora["emodb"], LayoutCorpus)
    assert isinstance(corpora["synthetic"], SyntheticCorpus)
    assert isinstance(corpus_config(OWN), TableCorpus)
    assert isinstance(corpus_config(DATABASE), AudformatCorpus)
    for corpus in corpora.values():
        assert corpus_config(corpus.model_dump(mode="json")) == corpus


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            EMODB | {"reader": "emobd"},
            "f.yaml: reader: is 'emobd', expected one of synthetic, table, audformat, emodb",
        ),
        (EMODB | {"file": "a.csv"}, "f.yaml: file: is unknown, expected one of title"),
        (EMODB | {"audformat": {"tables": ["a"]}}, "f.yaml: audformat: is unknown, expected one of title"),
        (EMODB | {"folder": ""}, "f.yaml: folder: is ''; String should have at least 1 character"),
        (EMODB | {"folder": "/data"}, "f.yaml: 'folder' is '/data': expected a folder below corpora_root"),
        (EMODB | {"folder": "../data"}, "f.yaml: 'folder' is '../data': expected a folder below corpora_root"),
        (OWN | {"file": "../own.csv"}, "f.yaml: 'file' is '../own.csv': expected a file below 'folder'"),
        ({key: OWN[key] for key in ("reader", "folder", "title")}, "f.yaml: file: is missing"),
        ({"reader": "table", "title": "Own", "file": "own.csv"}, "f.yaml: folder: is missing"),
        ({"reader": "synthetic", "title": "S"}, "f.yaml: synthesis: is missing"),
        (DATABASE | {"audformat": None}, "f.yaml: audformat: is None"),
        (DATABASE | {"audformat": {"tables": []}}, "f.yaml: audformat.tables: is []"),
        (DATABASE | {"audformat": {"tables": ["../x"]}}, "f.yaml: audformat.tables.0: is '../x'"),
        (
            DATABASE | {"audformat": {"tables": ["a"], "speaker": "../x/y"}},
            "f.yaml: audformat.speaker: is '../x/y'",
        ),
        (DATABASE | {"audformat": {"tables": ["a"], "feeling": "b"}}, "f.yaml: audformat.feeling: is unknown"),
    ],
)
def test_a_fault_names_file_and_key(content, message):
    with pytest.raises(InputError) as error:
        check_kind(CORPUS_SECTIONS, content, "f.yaml", "reader")
    assert str(error.value).startswith(message)


def test_a_label_of_a_database_maps_to_a_canonical_noun():
    with pytest.raises(ValidationError, match="labels"):
        corpus_config(DATABASE | {"audformat": {"tables": ["a"], "labels": {"Wut": "rage"}}})


def test_a_synthetic_corpus_has_nothing_to_download(corpora):
    assert corpora["synthetic"].download is None
    with pytest.raises(ValidationError, match="download"):
        corpus_config(corpora["synthetic"].model_dump() | {"download": None})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"url": "ftp://example.org/a.zip"}, "url"),
        ({"url": "file:///etc/passwd"}, "url"),
        ({"checksum": "md5:00"}, "has 2 digits, expected 32"),
        ({"checksum": "crc32:00000000"}, "checksum"),
        ({"size_bytes": 0}, "size_bytes"),
        ({"sha": "x"}, "sha"),
    ],
)
def test_an_invalid_archive_is_an_error(change, message):
    archives = [{"url": "https://example.org/a.zip"} | change]
    with pytest.raises(ValidationError, match=message):
        corpus_config(EMODB | {"download": DOWNLOAD | {"archives": archives}})


def test_a_missing_package_is_a_fault(monkeypatch):
    monkeypatch.setattr("emofactors.config.corpora.find_spec", lambda _: None)
    assert corpus_config(DATABASE).package_fault == (
        "the reader needs the package audformat; expected pip install -e '.[audformat]' before"
    )
    assert corpus_config(EMODB).package_fault is None
