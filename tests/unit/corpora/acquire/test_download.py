"""Open corpora are fetched from a server on this machine, which cuts, stalls, refuses, changes and lies."""

import hashlib
import io
import json
import re
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
import soundfile
import yaml
from pydantic import ValidationError

from emofactors.config.corpora import CorpusConfig
from emofactors.corpora.acquire import fetch as fetch_module
from emofactors.corpora.acquire.download import download_corpus, show_terms
from emofactors.corpora.acquire.fetch import Patience, fetch, open_session
from emofactors.corpora.acquire.unpack import unpack
from emofactors.errors import InputError

HASTE = Patience(attempts=3, wait_s=0.01, longest_wait_s=1, connect_s=5, stall_s=0.3)
CONTENT = np.random.default_rng(0).bytes(400_000)


class Server:
    """Serves bytes by path, and misbehaves as told.

    Attributes:
        files: path -> content.
        tags: path -> ETag; a path without one has none.
        faults: path -> what goes wrong, a request each: ``("cut", n)`` closes after n bytes of the answer,
            ``("stall", n)`` falls silent after them, ``("status", code, headers)``, ``("lie", content_range)``.
        ranges: whether it knows what a range is.
        bytes_a_second: how fast it is; None: as fast as it can.
        asked: path, ``Range`` and ``If-Range`` of each request.
        served: bytes of content that were sent.
    """

    def __init__(self):
        self.files, self.tags, self.faults = {}, {}, {}
        self.ranges, self.bytes_a_second = True, None
        self.asked, self.served = [], 0
        self.ended = threading.Event()
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), self.handler())
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"
        threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True).start()

    def close(self):
        self.ended.set()
        self.http.shutdown()
        self.http.server_close()

    def offer(self, path, content, tag='"one"', faults=()):
        self.files[path], self.tags[path], self.faults[path] = content, tag, deque(faults)
        return self.url + path

    def handler(server):  # noqa: N805
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_GET(self):
                server.asked.append((self.path, self.headers.get("Range"), self.headers.get("If-Range")))
                fault = server.faults[self.path].popleft() if server.faults.get(self.path) else ("none",)
                if fault[0] == "status" or self.path not in server.files:
                    code, headers = fault[1:] if fault[0] == "status" else (404, {})
                    self.answer(code, headers | {"Content-Length": "0"})
                    return
                content, tag = server.files[self.path], server.tags[self.path]
                start = self.start_of_range(tag)
                headers = {} if tag is None else {"ETag": tag}
                if start is not None and start >= len(content):
                    self.answer(416, {"Content-Range": f"bytes */{len(content)}", "Content-Length": "0"})
                    return
                body = content[start or 0 :]
                headers["Content-Length"] = str(len(body))
                if start is not None:
                    headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
                if fault[0] == "lie":
                    headers["Content-Range"] = fault[1]
                self.answer(200 if start is None else 206, headers)
                self.send_body(body, fault)

            def start_of_range(self, tag):
                asked, condition = self.headers.get("Range"), self.headers.get("If-Range")
                if asked is None or not server.ranges or (condition is not None and condition != tag):
                    return None
                return int(re.fullmatch(r"bytes=(\d+)-", asked)[1])

            def answer(self, code, headers):
                self.send_response(code)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()

            def send_body(self, body, fault):
                sent = body[: fault[1]] if fault[0] in ("cut", "stall") else body
                step = len(sent) if server.bytes_a_second is None else server.bytes_a_second // 50
                for begin in range(0, len(sent), max(1, step)):
                    part = sent[begin : begin + step]
                    server.served += len(part)  # before whoever asked can have it, and a test can look
                    try:
                        self.wfile.write(part)
                    except OSError:  # whoever asked is gone
                        server.served -= len(part)
                        self.close_connection = True
                        return
                    if server.bytes_a_second is not None:
                        time.sleep(1 / 50)
                if fault[0] == "stall":
                    server.ended.wait(10)
                if len(sent) < len(body):
                    self.close_connection = True

        return Handler


@pytest.fixture
def server():
    server = Server()
    yield server
    server.close()


@pytest.fixture
def get(tmp_path):
    """Fetch an address into a file."""

    def get(url, **facts):
        with open_session(HASTE) as session:
            fetch(url, tmp_path / "file", session, expected="a file", patience=HASTE, **facts)
        assert sorted(path.name for path in tmp_path.iterdir()) == ["file"], "nothing is left beside"
        return (tmp_path / "file").read_bytes()

    return get


def digest(kind, content=CONTENT):
    return f"{kind}:{hashlib.new(kind, content).hexdigest()}"


# --- one file ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["md5", "sha1", "sha256"])
def test_a_file_is_fetched_and_checked(server, get, kind):
    assert get(server.offer("/a", CONTENT), checksum=digest(kind), size=len(CONTENT)) == CONTENT
    assert get(server.url + "/a", checksum=digest(kind)) == CONTENT
    assert len(server.asked) == 1, "a file that is there is checked alone"


@pytest.mark.parametrize("seed", range(8))
def test_a_connection_that_is_cut_again_and_again_is_taken_up_where_it_was(server, get, seed):
    cuts = [("cut", int(n)) for n in np.random.default_rng(seed).integers(1, len(CONTENT) // 6, size=5)]
    assert get(server.offer("/a", CONTENT, faults=cuts), checksum=digest("md5")) == CONTENT
    assert server.served == len(CONTENT), "no byte was asked for twice"
    assert [condition for _, _, condition in server.asked] == [None] + ['"one"'] * 5
    begins = [int(asked.removeprefix("bytes=").removesuffix("-")) for _, asked, _ in server.asked[1:]]
    assert begins == np.cumsum([n for _, n in cuts]).tolist()


def test_a_server_that_falls_silent_is_given_up_and_asked_for_the_rest(server, get):
    began_s = time.monotonic()
    assert get(server.offer("/a", CONTENT, faults=[("stall", 100_000)])) == CONTENT
    assert server.served == len(CONTENT)
    assert HASTE.stall_s <= time.monotonic() - began_s < 5


def test_a_slow_server_that_goes_on_is_waited_for(server, get):
    server.bytes_a_second = 500_000
    assert get(server.offer("/a", CONTENT)) == CONTENT
    assert len(server.asked) == 1


def test_a_server_without_ranges_begins_anew(server, get):
    server.ranges = False
    assert get(server.offer("/a", CONTENT, faults=[("cut", 300_000)])) == CONTENT
    assert server.served == 300_000 + len(CONTENT)


def test_a_server_without_ranges_that_always_cuts_is_given_up(server, get):
    server.ranges = False
    with pytest.raises(InputError, match=r"breaks off at byte 300,000, 3 times in a row"):
        get(server.offer("/a", CONTENT, faults=[("cut", 300_000)] * 50))
    assert len(server.asked) == 4


@pytest.mark.parametrize("tag", [None, 'W/"weak"'])
def test_a_file_of_which_nothing_says_whether_it_changed_is_fetched_anew(server, get, tag):
    assert get(server.offer("/a", CONTENT, tag=tag, faults=[("cut", 1000)])) == CONTENT
    assert [asked for _, asked, _ in server.asked] == [None, None]


def test_a_file_that_changed_on_the_server_is_fetched_anew(server, tmp_path, get):
    url = server.offer("/a", b"x" * 300_000, faults=[("cut", 200_000)] + [("cut", 0)] * 20)
    with pytest.raises(InputError, match="breaks off at byte 200,000"):
        get(url)
    assert (tmp_path / "file.part").stat().st_size == 200_000
    server.offer("/a", CONTENT, tag='"two"')
    assert get(url, checksum=digest("sha256")) == CONTENT


def test_what_is_left_of_another_address_is_not_taken_up(server, get):
    with pytest.raises(InputError, match="breaks off"):
        get(server.offer("/old", b"x" * 300_000, faults=[("cut", 200_000)] + [("cut", 0)] * 20))
    assert get(server.offer("/a", CONTENT)) == CONTENT


@pytest.mark.parametrize("lie", ["bytes 0-9/10", "bytes x", ""])
def test_a_part_that_was_not_asked_for_is_not_appended(server, get, lie):
    url = server.offer("/a", CONTENT, faults=[("cut", 1000), ("lie", lie)])
    assert get(url, checksum=digest("md5")) == CONTENT


def test_a_file_that_was_whole_when_its_process_was_killed_is_not_fetched_again(server, tmp_path, get):
    url = server.offer("/a", CONTENT)
    (tmp_path / "file.part").write_bytes(CONTENT)
    (tmp_path / "file.part.json").write_text(json.dumps({"url": url, "validator": '"one"'}), encoding="utf-8")
    assert get(url) == CONTENT
    assert server.served == 0


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"url": 1}', "\0"])
def test_a_damaged_note_of_what_is_left_begins_anew(server, tmp_path, get, damage):
    (tmp_path / "file.part").write_bytes(b"x" * 1000)
    (tmp_path / "file.part.json").write_text(damage, encoding="utf-8")
    assert get(server.offer("/a", CONTENT)) == CONTENT


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"checksum": "md5:" + "0" * 32}, f"has md5 {digest('md5')[4:]}, expected {'0' * 32}"),
        ({"size": len(CONTENT) + 1}, "has 400,000 bytes, expected 400,001"),
    ],
)
def test_a_file_that_is_not_what_was_published_is_said_in_one_line_and_deleted(
    server, tmp_path, get, facts, words
):
    url = server.offer("/a", CONTENT)
    with pytest.raises(InputError) as error:
        get(url, **facts)
    assert str(error.value) == f"{url}: {words}; what came is deleted: run again, or else: a file"
    assert list(tmp_path.iterdir()) == []


def test_a_file_larger_than_published_is_refused_before_it_is_fetched(server, get):
    with pytest.raises(InputError, match=r"has 400,000 bytes; expected 1,000: a file"):
        get(server.offer("/a", CONTENT), size=1000)


def test_a_file_without_end_is_refused(server, get, monkeypatch):
    monkeypatch.setattr(fetch_module, "MAX_BYTES", 100_000)
    with pytest.raises(InputError, match=r"has 400,000 bytes; expected 100,000"):
        get(server.offer("/a", CONTENT))


@pytest.mark.parametrize(
    ("code", "headers", "words"),
    [
        (404, {}, "the server answers 404 Not Found"),
        (403, {}, "the server answers 403 Forbidden"),
        (410, {}, "the server answers 410 Gone"),
    ],
)
def test_a_refusal_is_one_line_and_not_tried_again(server, get, code, headers, words):
    url = server.offer("/a", CONTENT, faults=[("status", code, headers)] * 9)
    with pytest.raises(InputError) as error:
        get(url)
    assert str(error.value) == f"{url}: {words}; expected a file"
    assert len(server.asked) == 1


@pytest.mark.parametrize("code", [429, 500, 502, 503, 504])
def test_what_will_pass_is_waited_for(server, get, code):
    url = server.offer("/a", CONTENT, faults=[("status", code, {}), ("cut", 5), ("status", code, {})])
    assert get(url) == CONTENT


def test_a_server_says_how_long_to_wait(server, get):
    began_s = time.monotonic()
    assert get(server.offer("/a", CONTENT, faults=[("status", 429, {"Retry-After": "1"})])) == CONTENT
    assert 1 <= time.monotonic() - began_s < 5


def test_a_server_that_stays_unwell_is_one_line(server, get):
    with pytest.raises(InputError, match=r"^\S+: the server answers 503 Service Unavailable; expected a file$"):
        get(server.offer("/a", CONTENT, faults=[("status", 503, {})] * 50))
    assert len(server.asked) == 1 + HASTE.attempts


def test_no_server_at_all_is_one_line(get):
    with pytest.raises(InputError) as error:
        get("http://127.0.0.1:9/a")
    assert re.fullmatch(
        r"http://127.0.0.1:9/a: cannot be reached \(.*Connection refused.*\); expected a file", str(error.value)
    )


def test_a_full_disk_is_known_before(server, get, monkeypatch):
    usage = fetch_module.shutil.disk_usage(".")
    monkeypatch.setattr(fetch_module.shutil, "disk_usage", lambda _: usage._replace(free=1_000_000))
    with pytest.raises(InputError, match=r"has 1\.0 MB free; expected 2\.0 MB for http"):
        get(server.offer("/a", bytes(2_000_000)))
    assert get(server.offer("/b", bytes(1_000_000))) == bytes(1_000_000)


def test_a_proxy_of_the_environment_is_asked(server, get, monkeypatch):
    monkeypatch.setenv("http_proxy", server.url)
    monkeypatch.delenv("no_proxy", raising=False)
    server.offer("http://corpora.invalid/a", CONTENT)
    assert get("http://corpora.invalid/a") == CONTENT


# --- a corpus ---------------------------------------------------------------------------------------------------

NAMES = [f"{speaker}a01{emotion}a.wav" for speaker in ("03", "08") for emotion in "FWTN"]


def sound(seed=0):
    file = io.BytesIO()
    soundfile.write(file, np.random.default_rng(seed).uniform(-0.5, 0.5, 4000), 16000, format="WAV")
    return file.getvalue()


@pytest.fixture(scope="module")
def archive(zipped):
    """A small corpus of EmoDB's layout."""
    return zipped(
        [(f"wav/{name}", sound(i)) for i, name in enumerate(NAMES)] + [("erkennung.txt", b"x"), ("more/y", b"y")]
    )


def of_emodb(*archives, **changes):
    """The config of such a corpus."""
    return CorpusConfig(
        reader="emodb",
        folder="emodb",
        title="EmoDB",
        licence="CC0-1.0",
        download={"terms": "Be kind.", "licence_url": "https://example.org/licence", "archives": archives},
        **changes,
    )


def files_of(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_a_corpus_is_fetched_and_stands_in_its_place_whole(server, tmp_path, archive):
    url = server.offer("/a.zip", archive, faults=[("cut", 1000)])
    corpus = of_emodb(
        {
            "url": url,
            "checksum": digest("md5", archive),
            "size_bytes": len(archive),
            "only": ["wav/*.wav", "*.txt"],
        }
    )
    assert download_corpus("emodb", corpus, tmp_path / "data", HASTE) == tmp_path / "data" / "emodb"
    expected = {f"wav/{name}": sound(i) for i, name in enumerate(NAMES)} | {"erkennung.txt": b"x"}
    assert files_of(tmp_path / "data" / "emodb") == expected
    assert [path.name for path in (tmp_path / "data" / ".downloads").iterdir()] == ["emodb.json"]
    record = json.loads((tmp_path / "data" / ".downloads" / "emodb.json").read_text(encoding="utf-8"))
    assert record["archives"] == [{"url": url, "bytes": len(archive), "sha256": digest("sha256", archive)[7:]}]


def test_a_corpus_that_is_there_is_not_touched(server, tmp_path, archive):
    (tmp_path / "emodb").mkdir()
    with pytest.raises(InputError, match="is there already; expected no such folder: nothing in it is touched"):
        download_corpus("emodb", of_emodb({"url": server.offer("/a.zip", archive)}), tmp_path, HASTE)
    assert server.asked == []
    assert list(tmp_path.rglob("*")) == [tmp_path / "emodb"]


def test_a_corpus_put_there_meanwhile_is_not_touched(server, tmp_path, archive, monkeypatch):
    def unpack_slowly(*arguments, **wanted):
        (tmp_path / "emodb").mkdir()
        return unpack(*arguments, **wanted)

    monkeypatch.setattr("emofactors.corpora.acquire.download.unpack", unpack_slowly)
    with pytest.raises(InputError, match="is there already"):
        download_corpus("emodb", of_emodb({"url": server.offer("/a.zip", archive)}), tmp_path, HASTE)
    assert files_of(tmp_path / "emodb") == {}


@pytest.mark.parametrize("content", [b"<html>not a zip</html>", [("../out", b"x")], [("elsewhere/a", b"x")]])
def test_an_archive_that_is_none_leaves_no_corpus_and_is_fetched_again(server, tmp_path, archive, zipped, content):
    content = zipped(content) if isinstance(content, list) else content
    corpus = of_emodb({"url": server.offer("/a.zip", content), "only": ["wav/*.wav"]})
    with pytest.raises(InputError, match=r"^http://\S+: .*; what came is deleted$"):
        download_corpus("emodb", corpus, tmp_path, HASTE)
    assert not (tmp_path / "emodb").exists()
    assert list(tmp_path.rglob("*.zip*")) == []
    server.offer("/a.zip", archive, tag='"two"')
    download_corpus("emodb", corpus, tmp_path, HASTE)
    assert len(files_of(tmp_path / "emodb")) == len(NAMES)


def test_an_archive_that_is_gone_says_what_to_do_by_hand(server, tmp_path):
    corpus = of_emodb({"url": server.url + "/gone.zip"})
    with pytest.raises(InputError) as error:
        download_corpus("emodb", corpus, tmp_path, HASTE)
    assert str(error.value) == (
        f"{server.url}/gone.zip: the server answers 404 Not Found; expected the archive of EmoDB, "
        f"or put it into {tmp_path / 'emodb'} by hand (see docs/corpora.md)"
    )


def test_a_corpus_without_an_address_is_one_line(tmp_path):
    corpus = CorpusConfig(reader="emodb", folder="emodb", title="EmoDB")
    for act in (download_corpus, show_terms):
        with pytest.raises(InputError, match="corpus emodb: cannot be fetched; expected 'download' in its config"):
            act("emodb", corpus, tmp_path)


def test_two_runs_do_not_fetch_one_corpus(server, tmp_path, archive):
    corpus = of_emodb({"url": server.offer("/a.zip", archive)})
    (tmp_path / ".downloads" / "emodb").mkdir(parents=True)
    holder = subprocess.Popen(
        [sys.executable, "-c", "import sys, time; from pathlib import Path; from emofactors.jobs.locks import hold_folder; "
         "hold_folder(Path(sys.argv[1])); print(flush=True); time.sleep(60)", str(tmp_path / ".downloads/emodb/lock")],
        stdout=subprocess.PIPE,
    )  # fmt: skip
    holder.stdout.readline()
    with pytest.raises(InputError, match="another run is active here"):
        download_corpus("emodb", corpus, tmp_path, HASTE)
    holder.kill()
    holder.wait()
    download_corpus("emodb", corpus, tmp_path, HASTE)


KILLED = """
import sys
from pathlib import Path
from emofactors.config.corpora import CorpusConfig
from emofactors.corpora.acquire.download import download_corpus
download_corpus("emodb", CorpusConfig.model_validate_json(sys.argv[1]), Path(sys.argv[2]))
"""


@pytest.mark.parametrize("part", [0.2, 0.7])
def test_a_download_that_was_killed_goes_on_from_there(server, tmp_path, part, zipped):
    archive = zipped([(f"wav/{name}", np.random.default_rng(i).bytes(40_000)) for i, name in enumerate(NAMES)])
    corpus = of_emodb({"url": server.offer("/a.zip", archive), "checksum": digest("sha256", archive)})
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
    kept = sum(p.stat().st_size for p in tmp_path.rglob("*.part"))
    server.bytes_a_second, server.served = None, 0
    download_corpus("emodb", corpus, tmp_path, HASTE)
    assert [asked for _, asked, _ in server.asked] == [None, f"bytes={kept}-"]
    assert files_of(tmp_path / "emodb") == {
        f"wav/{n}": np.random.default_rng(i).bytes(40_000) for i, n in enumerate(NAMES)
    }


def test_a_download_killed_while_it_unpacked_is_unpacked_anew_and_not_fetched_again(
    server, tmp_path, archive, monkeypatch
):
    corpus = of_emodb({"url": server.offer("/a.zip", archive), "only": ["wav/*.wav"]})

    def cut(archive, folder, **wanted):
        (folder / "wav").mkdir(parents=True)
        (folder / "wav" / NAMES[0]).write_bytes(b"half")
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("emofactors.corpora.acquire.download.unpack", cut)
        with pytest.raises(KeyboardInterrupt):
            download_corpus("emodb", corpus, tmp_path, HASTE)
    assert not (tmp_path / "emodb").exists()
    served = server.served
    download_corpus("emodb", corpus, tmp_path, HASTE)
    assert server.served == served
    assert files_of(tmp_path / "emodb") == {f"wav/{name}": sound(i) for i, name in enumerate(NAMES)}


def test_the_licence_is_shown_once_and_again_when_it_changes(tmp_path, capfd):
    corpus = of_emodb({"url": "http://example.org/a.zip"})
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


# --- recordings behind pointers of Git LFS ----------------------------------------------------------------------


def pointer(content, size=None):
    oid = hashlib.sha256(content).hexdigest()
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {size or len(content)}\n".encode()


@pytest.fixture
def pointed(server, zipped):
    """A corpus whose archive holds pointers; its recordings, two of them the same; where they are offered."""
    sounds = {f"wav/{name}": sound(max(i, 1)) for i, name in enumerate(NAMES)}
    files = [(f"repo-1/{path}", pointer(content)) for path, content in sounds.items()]
    url = server.offer(
        "/a.zip", zipped([*files, ("repo-1/erkennung.txt", b"x"), ("repo-1/skip.mp3", pointer(b"s"))])
    )

    def corpus(*addresses):
        only = ["wav/*.wav", "*.txt"]
        return of_emodb({"url": url, "inside": "repo-1", "only": only, "lfs": [server.url + a for a in addresses]})

    def offer(address, content=sounds):
        for path, recording in content.items():
            server.offer(f"{address}{path}", recording)

    return corpus, sounds, offer


def test_recordings_are_fetched_by_their_pointers(server, tmp_path, pointed):
    corpus, sounds, offer = pointed
    offer("/raw/")
    server.faults[f"/raw/wav/{NAMES[3]}"].append(("cut", 100))
    server.faults[f"/raw/wav/{NAMES[4]}"].append(("status", 429, {"Retry-After": "1"}))
    download_corpus("emodb", corpus("/raw/"), tmp_path, HASTE)
    assert files_of(tmp_path / "emodb") == sounds | {"erkennung.txt": b"x"}
    assert len({path for path, *_ in server.asked}) == 1 + len(NAMES) - 1, "the same bytes are fetched once"


def test_an_address_that_fails_is_given_up_for_the_next(server, tmp_path, pointed):
    corpus, sounds, offer = pointed
    offer("/raw/")
    offer("/mirror/", {path: pointer(content) for path, content in sounds.items()})
    download_corpus("emodb", corpus("/mirror/", "/raw/"), tmp_path, HASTE)
    assert files_of(tmp_path / "emodb") == sounds | {"erkennung.txt": b"x"}


def test_recordings_that_came_are_not_fetched_again(server, tmp_path, pointed):
    corpus, sounds, offer = pointed
    offer("/raw/", dict(list(sounds.items())[:5]))
    with pytest.raises(
        InputError, match=r"/raw/wav/\S+: the server answers 404 Not Found; expected a file of EmoDB, or put"
    ):
        download_corpus("emodb", corpus("/raw/"), tmp_path, HASTE)
    assert not (tmp_path / "emodb").exists()
    came = {path for path, *_ in server.asked if path in server.files}
    offer("/raw/")
    server.asked.clear()
    download_corpus("emodb", corpus("/raw/"), tmp_path, HASTE)
    assert files_of(tmp_path / "emodb") == sounds | {"erkennung.txt": b"x"}
    assert not came & {path for path, *_ in server.asked}


def test_a_recording_that_is_another_is_refused(tmp_path, pointed):
    corpus, sounds, offer = pointed
    offer("/raw/", sounds | {f"wav/{NAMES[2]}": sound(99)})
    with pytest.raises(
        InputError, match=rf"/raw/wav/{NAMES[2]}: has sha256 \w+, expected \w+; what came is deleted"
    ):
        download_corpus("emodb", corpus("/raw/"), tmp_path, HASTE)
    assert not (tmp_path / "emodb").exists()


# --- config -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"url": "ftp://example.org/a.zip"}, "url"),
        ({"url": "file:///etc/passwd"}, "url"),
        ({"checksum": "md5:00"}, "has 2 digits, expected 32"),
        ({"checksum": "crc32:00000000"}, "checksum"),
        ({"size_bytes": 0}, "size_bytes"),
        ({"sha": "x"}, "sha"),
    ],
)
def test_a_wrong_address_or_checksum_is_refused(change, words):
    with pytest.raises(ValidationError, match=words):
        of_emodb({"url": "https://example.org/a.zip"} | change)


@pytest.mark.parametrize("name", ["emodb", "ravdess", "crema_d"])
def test_the_open_corpora_say_where_they_are_and_under_which_terms(corpus_config, name):
    download = corpus_config(name).download
    assert download.licence_url.startswith("https://")
    for archive in download.archives:
        checked = archive.checksum is not None or bool(archive.lfs)
        assert checked == (name != "emodb"), "of EmoDB alone no checksum is published"


# --- the workflow -----------------------------------------------------------------------------------------------

STUDY = "config/studies/emodb_quick.yaml"


def test_a_study_says_how_to_fetch_its_corpus_and_then_runs_on_it(server, fresh_project, archive):
    project = fresh_project()
    file = project.folder / "config" / "corpora" / "emodb.yaml"
    config = yaml.safe_load(file.read_text(encoding="utf-8"))
    config["download"]["archives"] = [{"url": server.offer("/a.zip", archive), "only": ["wav/*.wav"]}]
    config["expected"] = {"utterances": len(NAMES), "speakers": 2}
    file.write_text(yaml.safe_dump(config), encoding="utf-8")
    manifest = "results/corpora/manifests/emodb.csv"

    refused = project.snakemake(manifest, "--configfile", STUDY, "--config", "corpora_root=my corpora")
    assert refused.returncode == 1
    command = shlex.split(re.search(r"EmoDB is open, to fetch it: (.+)$", refused.stdout, flags=re.MULTILINE)[1])
    assert command[0] == "snakemake"
    assert not (project.folder / "my corpora").exists()

    fetched = project.snakemake(*command[1:])
    assert fetched.returncode == 0, fetched.stdout
    assert fetched.stdout.count("EmoDB is fetched from its publishers, under their licence: CC0-1.0") == 1
    assert config["download"]["terms"] in fetched.stdout
    folder = project.folder / "my corpora" / "emodb"
    assert files_of(folder) == {f"wav/{name}": sound(i) for i, name in enumerate(NAMES)}

    options = ("--configfile", STUDY, "--config", "corpora_root=my corpora", "--")
    assert project.jobs(*options, "download_corpora") == {"download_corpora": 1}, "nothing is left to fetch"
    made = project.snakemake(*options, manifest)
    assert made.returncode == 0, made.stdout
    assert len((project.folder / manifest).read_text(encoding="utf-8").splitlines()) == 1 + len(NAMES)

    # Another address is no other corpus; one that was deleted is fetched again, its licence not shown again.
    server.offer("/b.zip", archive)
    config["download"]["archives"][0]["url"] = server.url + "/b.zip"
    file.write_text(yaml.safe_dump(config), encoding="utf-8")
    assert project.jobs(*options, manifest) == {}
    for path in sorted(folder.rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    folder.rmdir()
    once_more = project.snakemake(*command[1:])
    assert once_more.returncode == 0, once_more.stdout
    assert "is fetched from its publishers" not in once_more.stdout, once_more.stdout
    assert folder.is_dir()


def test_a_download_that_fails_is_one_line_of_the_run(server, fresh_project):
    project = fresh_project()
    file = project.folder / "config" / "corpora" / "emodb.yaml"
    config = yaml.safe_load(file.read_text(encoding="utf-8"))
    config["download"]["archives"] = [{"url": server.url + "/gone.zip"}]
    file.write_text(yaml.safe_dump(config), encoding="utf-8")
    failed = project.snakemake("download_corpora", "--configfile", STUDY)
    assert failed.returncode == 1
    assert f"emofactors: error: {server.url}/gone.zip: the server answers 404 Not Found; expected" in failed.stdout
    assert "Traceback" not in failed.stdout
    assert not (project.folder / "data" / "emodb").exists()
