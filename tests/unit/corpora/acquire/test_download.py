"""Tests of downloads of corpora from a server on this machine."""

import hashlib
import io
import json
import re
import shlex
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import soundfile
import yaml

from emofactors.config.corpora import LayoutCorpus
from emofactors.corpora.acquire.download import download_corpus, show_terms
from emofactors.corpora.acquire.unpack import unpack
from emofactors.errors import InputError

NAMES = [f"{speaker}a01{emotion}a.wav" for speaker in ("03", "08") for emotion in "FWTN"]


def noise(seed=0):
    file = io.BytesIO()
    soundfile.write(file, np.random.default_rng(seed).uniform(-0.5, 0.5, 4000), 16000, format="WAV")
    return file.getvalue()


@pytest.fixture(scope="module")
def archive(zipped):
    """A small corpus in the layout of EmoDB."""
    return zipped(
        [(f"wav/{name}", noise(i)) for i, name in enumerate(NAMES)] + [("erkennung.txt", b"x"), ("more/y", b"y")]
    )


def corpus_of(*archives, **changes):
    """Return the config of this corpus with other archives."""
    return LayoutCorpus(
        reader="emodb",
        folder="emodb",
        title="EmoDB",
        licence="CC0-1.0",
        download={"terms": "Be kind.", "licence_url": "https://example.org/licence", "archives": archives},
        **changes,
    )


@pytest.fixture
def download(tmp_path, quick_retries):
    """Return a function that downloads a corpus below ``tmp_path`` and returns its folder."""
    return lambda corpus: download_corpus("emodb", corpus, tmp_path, quick_retries)


def files_of(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_a_corpus_is_downloaded_and_recorded(server, tmp_path, quick_retries, archive):
    url = server.offer("/a.zip", archive, faults=[("cut", 1000)])
    checksum = f"md5:{hashlib.md5(archive).hexdigest()}"
    facts = {"url": url, "checksum": checksum, "size_bytes": len(archive), "only": ["wav/*.wav", "*.txt"]}
    root = tmp_path / "data"
    assert download_corpus("emodb", corpus_of(facts), root, quick_retries) == root / "emodb"
    expected = {f"wav/{name}": noise(i) for i, name in enumerate(NAMES)} | {"erkennung.txt": b"x"}
    assert files_of(root / "emodb") == expected
    assert [path.name for path in (root / ".downloads").iterdir()] == ["emodb.json"]
    record = json.loads((root / ".downloads" / "emodb.json").read_text(encoding="utf-8"))
    assert record["archives"] == [
        {"url": url, "bytes": len(archive), "sha256": hashlib.sha256(archive).hexdigest()}
    ]


def test_an_existing_corpus_is_not_changed(server, tmp_path, download, archive):
    (tmp_path / "emodb").mkdir()
    with pytest.raises(InputError, match="exists; expected no such folder, as an existing corpus is not changed"):
        download(corpus_of({"url": server.offer("/a.zip", archive)}))
    assert server.asked == []
    assert list(tmp_path.rglob("*")) == [tmp_path / "emodb"]


def test_a_corpus_created_during_the_download_is_not_changed(server, tmp_path, download, archive, monkeypatch):
    def unpack_slowly(*arguments, **wanted):
        (tmp_path / "emodb").mkdir()
        return unpack(*arguments, **wanted)

    monkeypatch.setattr("emofactors.corpora.acquire.download.unpack", unpack_slowly)
    with pytest.raises(InputError, match="exists; expected no such folder"):
        download(corpus_of({"url": server.offer("/a.zip", archive)}))
    assert files_of(tmp_path / "emodb") == {}


@pytest.mark.parametrize("content", [b"<html>not a zip</html>", [("../out", b"x")], [("elsewhere/a", b"x")]])
def test_an_invalid_archive_is_deleted_and_fetched_again(server, tmp_path, download, archive, zipped, content):
    content = zipped(content) if isinstance(content, list) else content
    corpus = corpus_of({"url": server.offer("/a.zip", content), "only": ["wav/*.wav"]})
    with pytest.raises(InputError, match=r"^http://\S+: .*; the file was deleted$"):
        download(corpus)
    assert not (tmp_path / "emodb").exists()
    assert list(tmp_path.rglob("*.zip*")) == []
    server.offer("/a.zip", archive, tag='"two"')
    download(corpus)
    assert len(files_of(tmp_path / "emodb")) == len(NAMES)


def test_the_error_for_a_missing_archive_names_the_alternative(server, tmp_path, download):
    corpus = corpus_of({"url": server.url + "/gone.zip"})
    with pytest.raises(InputError) as error:
        download(corpus)
    assert str(error.value) == (
        f"{server.url}/gone.zip: the server responds 404 Not Found; expected the archive of EmoDB, "
        f"or put it into {tmp_path / 'emodb'} manually (see docs/corpora.md)"
    )


def test_a_corpus_without_download_settings_is_an_error(tmp_path):
    corpus = LayoutCorpus(reader="emodb", folder="emodb", title="EmoDB")
    for function in (download_corpus, show_terms):
        with pytest.raises(
            InputError, match="corpus emodb: cannot be downloaded; expected 'download' in its config"
        ):
            function("emodb", corpus, tmp_path)


def test_a_corpus_is_downloaded_by_one_run_at_a_time(server, tmp_path, download, archive):
    corpus = corpus_of({"url": server.offer("/a.zip", archive)})
    (tmp_path / ".downloads" / "emodb").mkdir(parents=True)
    holder = subprocess.Popen(
        [sys.executable, "-c", "import sys, time; from pathlib import Path; from emofactors.jobs.locks import hold_folder; "
         "hold_folder(Path(sys.argv[1])); print(flush=True); time.sleep(60)", str(tmp_path / ".downloads/emodb/lock")],
        stdout=subprocess.PIPE,
    )  # fmt: skip
    holder.stdout.readline()
    with pytest.raises(InputError, match="another run is active here"):
        download(corpus)
    holder.kill()
    holder.wait()
    download(corpus)


KILLED = """
import sys
from pathlib import Path
from emofactors.config.corpora import LayoutCorpus
from emofactors.corpora.acquire.download import download_corpus
download_corpus("emodb", LayoutCorpus.model_validate_json(sys.argv[1]), Path(sys.argv[2]))
"""


@pytest.mark.parametrize("part", [0.2, 0.7])
def test_a_killed_download_is_resumed(server, tmp_path, download, part, zipped):
    archive = zipped([(f"wav/{name}", np.random.default_rng(i).bytes(40_000)) for i, name in enumerate(NAMES)])
    corpus = corpus_of(
        {"url": server.offer("/a.zip", archive), "checksum": f"sha256:{hashlib.sha256(archive).hexdigest()}"}
    )
    server.bytes_a_second = 300_000
    process = subprocess.Popen([sys.executable, "-c", KILLED, corpus.model_dump_json(), str(tmp_path)])
    try:
        end_s = time.monotonic() + 60
        while sum(p.stat().st_size for p in tmp_path.rglob("*.part")) < part * len(archive):
            assert process.poll() is None
            assert time.monotonic() < end_s
            time.sleep(0.005)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert not (tmp_path / "emodb").exists()
    received = sum(p.stat().st_size for p in tmp_path.rglob("*.part"))
    server.bytes_a_second, server.served = None, 0
    download(corpus)
    assert [asked for _, asked, _ in server.asked] == [None, f"bytes={received}-"]
    assert files_of(tmp_path / "emodb") == {
        f"wav/{n}": np.random.default_rng(i).bytes(40_000) for i, n in enumerate(NAMES)
    }


def test_a_download_killed_while_unpacking_is_only_unpacked_again(
    server, tmp_path, download, archive, monkeypatch
):
    corpus = corpus_of({"url": server.offer("/a.zip", archive), "only": ["wav/*.wav"]})

    def cut(archive, folder, **wanted):
        (folder / "wav").mkdir(parents=True)
        (folder / "wav" / NAMES[0]).write_bytes(b"half")
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("emofactors.corpora.acquire.download.unpack", cut)
        with pytest.raises(KeyboardInterrupt):
            download(corpus)
    assert not (tmp_path / "emodb").exists()
    served = server.served
    download(corpus)
    assert server.served == served
    assert files_of(tmp_path / "emodb") == {f"wav/{name}": noise(i) for i, name in enumerate(NAMES)}


def test_the_licence_is_shown_once_and_again_after_a_change(tmp_path, capfd):
    corpus = corpus_of({"url": "http://example.org/a.zip"})
    show_terms("emodb", corpus, tmp_path)
    shown = capfd.readouterr().err
    assert "EmoDB" in shown
    assert "CC0-1.0" in shown
    assert "Be kind." in shown
    assert "https://example.org/licence" in shown
    show_terms("emodb", corpus, tmp_path)
    assert capfd.readouterr().err == ""
    show_terms("emodb", corpus.model_copy(update={"licence": "another"}), tmp_path)
    assert "another" in capfd.readouterr().err


# --- Git LFS ------------------------------------------------------------------------------------------------------


def pointer(content, size=None):
    oid = hashlib.sha256(content).hexdigest()
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {size or len(content)}\n".encode()


@pytest.fixture
def pointed(server, zipped):
    """A corpus whose archive contains pointers, its recordings (two are the same), and a function to offer them."""
    sounds = {f"wav/{name}": noise(max(i, 1)) for i, name in enumerate(NAMES)}
    files = [(f"repo-1/{path}", pointer(content)) for path, content in sounds.items()]
    url = server.offer(
        "/a.zip", zipped([*files, ("repo-1/erkennung.txt", b"x"), ("repo-1/skip.mp3", pointer(b"s"))])
    )

    def corpus(*addresses):
        only = ["wav/*.wav", "*.txt"]
        return corpus_of(
            {"url": url, "inside": "repo-1", "only": only, "lfs": [server.url + a for a in addresses]}
        )

    def offer(address, content=sounds):
        for path, recording in content.items():
            server.offer(f"{address}{path}", recording)

    return corpus, sounds, offer


def test_recordings_are_fetched_by_their_pointers(server, download, pointed):
    corpus, sounds, offer = pointed
    offer("/raw/")
    server.faults[f"/raw/wav/{NAMES[3]}"].append(("cut", 100))
    server.faults[f"/raw/wav/{NAMES[4]}"].append(("status", 429, {"Retry-After": "1"}))
    assert files_of(download(corpus("/raw/"))) == sounds | {"erkennung.txt": b"x"}
    assert len({path for path, *_ in server.asked}) == 1 + len(NAMES) - 1, (
        "files with the same content are fetched once"
    )


def test_after_a_failure_the_next_address_is_used(server, download, pointed):
    corpus, sounds, offer = pointed
    offer("/raw/")
    offer("/mirror/", {path: pointer(content) for path, content in sounds.items()})
    assert files_of(download(corpus("/mirror/", "/raw/"))) == sounds | {"erkennung.txt": b"x"}


def test_received_recordings_are_not_fetched_again(server, tmp_path, download, pointed):
    corpus, sounds, offer = pointed
    offer("/raw/", dict(list(sounds.items())[:5]))
    with pytest.raises(
        InputError, match=r"/raw/wav/\S+: the server responds 404 Not Found; expected a file of EmoDB, or put"
    ):
        download(corpus("/raw/"))
    assert not (tmp_path / "emodb").exists()
    received = {path for path, *_ in server.asked if path in server.files}
    offer("/raw/")
    server.asked.clear()
    assert files_of(download(corpus("/raw/"))) == sounds | {"erkennung.txt": b"x"}
    assert not received & {path for path, *_ in server.asked}


def test_a_recording_with_another_checksum_is_an_error(tmp_path, download, pointed):
    corpus, sounds, offer = pointed
    offer("/raw/", sounds | {f"wav/{NAMES[2]}": noise(99)})
    with pytest.raises(
        InputError, match=rf"/raw/wav/{NAMES[2]}: has sha256 \w+, expected \w+; the file was deleted"
    ):
        download(corpus("/raw/"))
    assert not (tmp_path / "emodb").exists()


# --- the workflow -----------------------------------------------------------------------------------------------

STUDY = "config/studies/emodb_quick.yaml"


def test_a_study_prints_the_download_command_and_then_runs(server, fresh_project, archive):
    project = fresh_project()
    file = project.folder / "config" / "corpora" / "emodb.yaml"
    config = yaml.safe_load(file.read_text(encoding="utf-8"))
    config["download"]["archives"] = [{"url": server.offer("/a.zip", archive), "only": ["wav/*.wav"]}]
    config["expected"] = {"utterances": len(NAMES), "speakers": 2}
    file.write_text(yaml.safe_dump(config), encoding="utf-8")
    manifest = "results/corpora/manifests/emodb.csv"

    rejected = project.snakemake(manifest, "--configfile", STUDY, "--config", "corpora_root=my corpora")
    assert rejected.returncode == 1
    command = shlex.split(
        re.search(r"EmoDB is open, to download it: (.+)$", rejected.stdout, flags=re.MULTILINE)[1]
    )
    assert command[0] == "snakemake"
    assert not (project.folder / "my corpora").exists()

    fetched = project.snakemake(*command[1:])
    assert fetched.returncode == 0, fetched.stdout
    assert fetched.stdout.count("EmoDB is downloaded from its publishers, under their licence: CC0-1.0") == 1
    assert config["download"]["terms"] in fetched.stdout
    folder = project.folder / "my corpora" / "emodb"
    assert files_of(folder) == {f"wav/{name}": noise(i) for i, name in enumerate(NAMES)}

    options = ("--configfile", STUDY, "--config", "corpora_root=my corpora", "--")
    assert project.jobs(*options, "download_corpora") == {"download_corpora": 1}, "all is downloaded"
    built = project.snakemake(*options, manifest)
    assert built.returncode == 0, built.stdout
    assert len((project.folder / manifest).read_text(encoding="utf-8").splitlines()) == 1 + len(NAMES)

    # Another address does not change the corpus. A deleted corpus is downloaded again without showing the licence.
    server.offer("/b.zip", archive)
    config["download"]["archives"][0]["url"] = server.url + "/b.zip"
    file.write_text(yaml.safe_dump(config), encoding="utf-8")
    assert project.jobs(*options, manifest) == {}
    for path in sorted(folder.rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    folder.rmdir()
    again = project.snakemake(*command[1:])
    assert again.returncode == 0, again.stdout
    assert "is downloaded from its publishers" not in again.stdout, again.stdout
    assert folder.is_dir()


def test_a_failed_download_is_one_line_of_the_run(server, fresh_project):
    project = fresh_project()
    file = project.folder / "config" / "corpora" / "emodb.yaml"
    config = yaml.safe_load(file.read_text(encoding="utf-8"))
    config["download"]["archives"] = [{"url": server.url + "/gone.zip"}]
    file.write_text(yaml.safe_dump(config), encoding="utf-8")
    failed = project.snakemake("download_corpora", "--configfile", STUDY)
    assert failed.returncode == 1
    assert (
        f"emofactors: error: {server.url}/gone.zip: the server responds 404 Not Found; expected" in failed.stdout
    )
    assert "Traceback" not in failed.stdout
    assert not (project.folder / "data" / "emodb").exists()
