import os

import pytest

from emofactors.plan.corpora import CorporaPlan, download_command, is_download


@pytest.fixture
def emodb(study_of, tmp_path):
    """The plan of a study of EmoDB whose corpora lie in a folder of their own."""
    return CorporaPlan(study_of("emodb_quick", corpora_root=str(tmp_path)))


def test_a_synthetic_corpus_is_an_input_and_another_a_listing(default_study, emodb, wildcards, tmp_path):
    synthetic = CorporaPlan(default_study)
    assert synthetic.synthesized_audio(wildcards(corpus="synthetic")) == ["results/corpora/audio/synthetic"]
    assert synthetic.listing(wildcards(corpus="synthetic")) == "synthesized"
    assert emodb.synthesized_audio(wildcards(corpus="emodb")) == []
    assert emodb.root(wildcards(corpus="emodb")) == str(tmp_path / "emodb")


def test_a_listing_changes_with_names_sizes_and_times(emodb, wildcards, tmp_path):
    (tmp_path / "emodb").mkdir()
    file = tmp_path / "emodb" / "a.wav"
    listings = [emodb.listing(wildcards(corpus="emodb"))]
    file.write_bytes(b"1")
    os.utime(file, (1, 1))
    listings.append(emodb.listing(wildcards(corpus="emodb")))
    os.utime(file, (2, 2))
    listings.append(emodb.listing(wildcards(corpus="emodb")))
    file.write_bytes(b"12")
    os.utime(file, (2, 2))
    listings.append(emodb.listing(wildcards(corpus="emodb")))
    file.rename(file.with_name("b.wav"))
    listings.append(emodb.listing(wildcards(corpus="emodb")))
    assert len(set(listings)) == 5
    assert emodb.listing(wildcards(corpus="emodb")) == listings[-1]


def test_a_manifest_depends_on_neither_shards_nor_download(emodb, wildcards):
    settings = emodb.settings(wildcards(corpus="emodb"))
    assert set(emodb.download_settings(wildcards(corpus="emodb"))) - set(settings) == {"shards", "download"}


def test_files_and_settings_of_a_task(default_study, wildcards):
    plan = CorporaPlan(default_study)
    job = wildcards(task="synthetic4_groups2_augmented")
    assert plan.manifest(job) == "results/corpora/manifests/synthetic.csv"
    assert plan.metadata(job) == "results/corpora/manifests/synthetic.json"
    assert plan.true_factors(job) == "results/corpora/factors/synthetic.csv"
    assert plan.augmentation(job)["copies"] == ["noise", "shift", "speed"]
    assert plan.augmentation(wildcards(task="synthetic4_voices")) is None
    assert plan.task(job)["protocol"] == "speaker_groups"
    assert plan.classes(job) == ["anger", "happiness", "sadness", "neutral"]
    assert plan.n_shards(wildcards(corpus="synthetic")) == 1


def test_missing_open_corpora_have_their_marks_removed(emodb, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    mark = tmp_path / "results" / "corpora" / "downloads" / "emodb.txt"
    mark.parent.mkdir(parents=True)
    mark.touch()
    assert emodb.missing_open_corpora() == ["results/corpora/downloads/emodb.txt"]
    (tmp_path / "emodb").mkdir()
    emodb.forget_downloads()
    assert mark.exists(), "the corpus is there"
    (tmp_path / "emodb").rmdir()
    emodb.forget_downloads()
    assert not mark.exists()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--cores", "2", "download_corpora"], True),
        (["--target-jobs", "download_corpus:corpus=emodb"], True),
        (["download_corpora", "all"], False),
        (["--cores", "8"], False),
    ],
)
def test_a_download_is_known_by_its_command_line(arguments, expected):
    assert is_download(arguments) == expected


def test_the_download_command_repeats_study_and_keys():
    command = download_command(["config/studies/my study.yaml"], {"corpora_root": "/data/a b"})
    assert command == (
        "snakemake --cores 2 download_corpora --configfile 'config/studies/my study.yaml' "
        "--config 'corpora_root=/data/a b'"
    )
    assert download_command([], {}) == "snakemake --cores 2 download_corpora"
