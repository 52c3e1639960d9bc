import hashlib
import json
import re
import time
from dataclasses import replace

import numpy as np
import pytest

from emofactors.corpora.acquire import fetch as fetch_module
from emofactors.corpora.acquire.fetch import fetch, open_session
from emofactors.errors import InputError

CONTENT = np.random.default_rng(0).bytes(400_000)


@pytest.fixture
def get(tmp_path, quick_retries):
    """Return a function that fetches an address into a file and returns its content."""

    def get(url, *, retries=quick_retries, **facts):
        with open_session(retries) as session:
            fetch(url, tmp_path / "file", session, expected="a file", retries=retries, **facts)
        assert sorted(path.name for path in tmp_path.iterdir()) == ["file"], "temporary files remain"
        return (tmp_path / "file").read_bytes()

    return get


def digest(kind):
    return f"{kind}:{hashlib.new(kind, CONTENT).hexdigest()}"


@pytest.mark.parametrize("kind", ["md5", "sha1", "sha256"])
def test_a_file_is_fetched_and_verified(server, get, kind):
    assert get(server.offer("/a", CONTENT), checksum=digest(kind), size=len(CONTENT)) == CONTENT
    assert get(server.url + "/a", checksum=digest(kind)) == CONTENT
    assert len(server.asked) == 1, "an existing file is only verified"


@pytest.mark.parametrize("seed", range(8))
def test_an_interrupted_download_resumes_where_it_stopped(server, get, seed):
    cuts = [("cut", int(n)) for n in np.random.default_rng(seed).integers(1, len(CONTENT) // 6, size=5)]
    assert get(server.offer("/a", CONTENT, faults=cuts), checksum=digest("md5")) == CONTENT
    assert server.served == len(CONTENT), "no byte is requested twice"
    assert [condition for _, _, condition in server.asked] == [None] + ['"one"'] * 5
    begins = [int(asked.removeprefix("bytes=").removesuffix("-")) for _, asked, _ in server.asked[1:]]
    assert begins == np.cumsum([n for _, n in cuts]).tolist()


def test_a_stalled_connection_is_closed_and_the_download_resumed(server, get, quick_retries):
    retries = replace(quick_retries, stall_s=0.3)
    assert get(server.offer("/a", CONTENT, faults=[("stall", 100_000)]), retries=retries) == CONTENT
    assert server.stalling == 1, "the client closed the connection, not the server"
    assert server.asked[-1][1].startswith("bytes="), "the rest was requested"


def test_a_slow_connection_is_not_closed(server, get, quick_retries):
    server.bytes_a_second = 160_000  # 2.5 s in all, but never 2 s without a byte
    assert get(server.offer("/a", CONTENT), retries=replace(quick_retries, stall_s=2)) == CONTENT
    assert len(server.asked) == 1


def test_without_ranges_a_download_starts_again(server, get):
    server.ranges = False
    assert get(server.offer("/a", CONTENT, faults=[("cut", 300_000)])) == CONTENT
    assert server.served == 300_000 + len(CONTENT)


def test_without_ranges_repeated_interruptions_are_an_error(server, get):
    server.ranges = False
    with pytest.raises(InputError, match=r"was interrupted at byte 300,000 3 times in a row"):
        get(server.offer("/a", CONTENT, faults=[("cut", 300_000)] * 50))
    assert len(server.asked) == 4


@pytest.mark.parametrize("tag", [None, 'W/"weak"'])
def test_a_file_without_a_strong_validator_is_fetched_again(server, get, tag):
    assert get(server.offer("/a", CONTENT, tag=tag, faults=[("cut", 1000)])) == CONTENT
    assert [asked for _, asked, _ in server.asked] == [None, None]


def test_a_changed_file_is_fetched_again(server, tmp_path, get):
    url = server.offer("/a", b"x" * 300_000, faults=[("cut", 200_000)] + [("cut", 0)] * 20)
    with pytest.raises(InputError, match="was interrupted at byte 200,000"):
        get(url)
    assert (tmp_path / "file.part").stat().st_size == 200_000
    server.offer("/a", CONTENT, tag='"two"')
    assert get(url, checksum=digest("sha256")) == CONTENT


def test_a_partial_file_of_another_address_is_not_resumed(server, get):
    with pytest.raises(InputError, match="was interrupted"):
        get(server.offer("/old", b"x" * 300_000, faults=[("cut", 200_000)] + [("cut", 0)] * 20))
    assert get(server.offer("/a", CONTENT)) == CONTENT


@pytest.mark.parametrize("lie", ["bytes 0-9/10", "bytes x", ""])
def test_a_range_that_was_not_requested_is_not_appended(server, get, lie):
    url = server.offer("/a", CONTENT, faults=[("cut", 1000), ("lie", lie)])
    assert get(url, checksum=digest("md5")) == CONTENT


def test_a_file_that_was_complete_when_its_process_was_killed_is_not_fetched_again(server, tmp_path, get):
    url = server.offer("/a", CONTENT)
    (tmp_path / "file.part").write_bytes(CONTENT)
    (tmp_path / "file.part.json").write_text(json.dumps({"url": url, "validator": '"one"'}), encoding="utf-8")
    assert get(url) == CONTENT
    assert server.served == 0


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"url": 1}', "\0"])
def test_with_a_damaged_validator_a_download_starts_again(server, tmp_path, get, damage):
    (tmp_path / "file.part").write_bytes(b"x" * 1000)
    (tmp_path / "file.part.json").write_text(damage, encoding="utf-8")
    assert get(server.offer("/a", CONTENT)) == CONTENT


@pytest.mark.parametrize(
    ("facts", "fault"),
    [
        ({"checksum": "md5:" + "0" * 32}, f"has md5 {digest('md5')[4:]}, expected {'0' * 32}"),
        ({"size": len(CONTENT) + 1}, "has 400,000 bytes, expected 400,001"),
    ],
)
def test_a_file_that_differs_from_the_published_one_is_deleted(server, tmp_path, get, facts, fault):
    url = server.offer("/a", CONTENT)
    with pytest.raises(InputError) as error:
        get(url, **facts)
    assert str(error.value) == f"{url}: {fault}; the file was deleted: run again, or else: a file"
    assert list(tmp_path.iterdir()) == []


def test_a_file_larger_than_published_is_an_error_before_it_is_fetched(server, get):
    with pytest.raises(InputError, match=r"has 400,000 bytes; expected 1,000: a file"):
        get(server.offer("/a", CONTENT), size=1000)


def test_a_file_above_the_limit_is_an_error(server, get, monkeypatch):
    monkeypatch.setattr(fetch_module, "MAX_BYTES", 100_000)
    with pytest.raises(InputError, match=r"has 400,000 bytes; expected 100,000"):
        get(server.offer("/a", CONTENT))


@pytest.mark.parametrize(("code", "reason"), [(404, "Not Found"), (403, "Forbidden"), (410, "Gone")])
def test_a_permanent_failure_is_one_line_and_not_retried(server, get, code, reason):
    url = server.offer("/a", CONTENT, faults=[("status", code, {})] * 9)
    with pytest.raises(InputError) as error:
        get(url)
    assert str(error.value) == f"{url}: the server responds {code} {reason}; expected a file"
    assert len(server.asked) == 1


@pytest.mark.parametrize("code", [429, 500, 502, 503, 504])
def test_a_temporary_failure_is_retried(server, get, code):
    url = server.offer("/a", CONTENT, faults=[("status", code, {}), ("cut", 5), ("status", code, {})])
    assert get(url) == CONTENT


def test_the_wait_requested_by_the_server_is_respected(server, get, monkeypatch):
    waits_s = []
    monkeypatch.setattr(time, "sleep", waits_s.append)
    assert get(server.offer("/a", CONTENT, faults=[("status", 429, {"Retry-After": "1"})])) == CONTENT
    assert waits_s == [1]


def test_a_failure_that_persists_is_one_line(server, get, quick_retries):
    with pytest.raises(InputError, match=r"^\S+: the server responds 503 Service Unavailable; expected a file$"):
        get(server.offer("/a", CONTENT, faults=[("status", 503, {})] * 50))
    assert len(server.asked) == 1 + quick_retries.attempts


def test_an_unreachable_server_is_one_line(get):
    with pytest.raises(InputError) as error:
        get("http://127.0.0.1:9/a")
    assert re.fullmatch(
        r"http://127.0.0.1:9/a: cannot be reached \(.*Connection refused.*\); expected a file", str(error.value)
    )


def test_too_little_disk_space_is_an_error_before_the_download(server, get, monkeypatch):
    usage = fetch_module.shutil.disk_usage(".")
    monkeypatch.setattr(fetch_module.shutil, "disk_usage", lambda _: usage._replace(free=1_000_000))
    with pytest.raises(InputError, match=r"has 1\.0 MB free; expected 2\.0 MB for http"):
        get(server.offer("/a", bytes(2_000_000)))
    assert get(server.offer("/b", bytes(1_000_000))) == bytes(1_000_000)


def test_the_proxy_of_the_environment_is_used(server, get, monkeypatch):
    monkeypatch.setenv("http_proxy", server.url)
    monkeypatch.delenv("no_proxy", raising=False)
    server.offer("http://corpora.invalid/a", CONTENT)
    assert get("http://corpora.invalid/a") == CONTENT
