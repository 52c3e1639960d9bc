"""One file over HTTP: resumed where it was cut off, checked, and whole or not at all."""

import hashlib
import json
import logging
import re
import shutil
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError
from urllib3.util import Retry

from emofactors.errors import InputError
from emofactors.io.atomic import write_text_atomically

_LOG = logging.getLogger(__name__)

#: No file that is fetched is larger: several times the largest corpus we read.
MAX_BYTES = 50 * 2**30
#: What a server says that will pass: too many requests, or it is not well.
_PASSING = (429, 500, 502, 503, 504)
_CHUNK = 1 << 16
_SECONDS_BETWEEN_NEWS = 10.0


@dataclass(frozen=True)
class Patience:
    """How long a server is waited for.

    Attributes:
        attempts: tries in a row that may fail; one that brought more of the file than was there has not failed.
        wait_s: seconds before the second try, doubled for each that follows, up to ``longest_wait_s``.
        longest_wait_s: likewise the longest wait a server may ask for (``Retry-After``).
        connect_s: seconds until a connection stands.
        stall_s: seconds without a byte after which a connection is given up.
    """

    attempts: int = 8
    wait_s: float = 1.0
    longest_wait_s: int = 600
    connect_s: float = 30.0
    stall_s: float = 60.0


USUAL_PATIENCE = Patience()


def open_session(patience: Patience) -> requests.Session:
    """A session that waits and asks again where a server fails for now; proxies are those of the environment."""
    retries = Retry(
        total=patience.attempts,
        connect=min(3, patience.attempts),  # a name that is not known, or a machine that refuses, seldom passes
        backoff_factor=patience.wait_s,
        backoff_max=patience.longest_wait_s,
        retry_after_max=patience.longest_wait_s,
        status_forcelist=_PASSING,
        raise_on_status=False,
    )
    session = requests.Session()
    session.headers["User-Agent"] = "emofactors"
    # As the file is, byte by byte: a range of it is no range of its compressed form.
    session.headers["Accept-Encoding"] = "identity"
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(max_retries=retries))
    return session


def fetch(
    url: str,
    target: Path,
    session: requests.Session,
    *,
    expected: str,
    checksum: str | None = None,
    size: int | None = None,
    patience: Patience = USUAL_PATIENCE,
) -> None:
    """Fetch a file; what an earlier try left of it is not fetched again, unless it has changed since.

    Args:
        url: its address.
        target: where it will lie, in a folder that exists; one that is there already is checked alone.
        session: of :func:`open_session`.
        expected: what it should be and what else a person can do, for errors.
        checksum: ``md5:…``, ``sha1:…`` or ``sha256:…``.
        size: bytes.
        patience: how long the server is waited for.

    Raises:
        InputError: if it cannot be had, is too large for the disk, or is not the file it should be, which is
            then deleted.
    """
    part = target.with_name(f"{target.name}.part")
    if not target.exists():
        _fetch_all(url, part, session, expected, size, patience)
        _check(url, part, expected, checksum, size)
        part.replace(target)
        _state_of(part).unlink(missing_ok=True)
    else:
        _check(url, target, expected, checksum, size)


def sha256_of(file: Path) -> str:
    """SHA-256 of a file, in hexadecimal digits."""
    return _digest(file, "sha256")


def check_space(folder: Path, needed: int, what: str) -> None:
    """Check that a disk has room.

    Args:
        folder: on that disk.
        needed: bytes.
        what: for what, in words.

    Raises:
        InputError: if it has less.
    """
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise InputError(f"{folder}: has {_words(free)} free; expected {_words(needed)} for {what}")


def _fetch_all(
    url: str, part: Path, session: requests.Session, expected: str, size: int | None, patience: Patience
) -> None:
    """Fetch until all is there; a cut connection is taken up again as long as each time brings more."""
    furthest, failures = _size(part), 0
    while True:
        try:
            _fetch_more(url, part, session, expected, size, patience)
            return
        except (HTTPError, _CutOffError) as error:
            failures = failures + 1 if _size(part) <= furthest else 0
            furthest = max(furthest, _size(part))
            if failures >= patience.attempts:
                raise InputError(
                    f"{url}: breaks off at byte {_size(part):,}, {failures} times in a row ({_reason(error)}); "
                    f"run again to go on from there; expected {expected}"
                ) from error
            wait_s = min(patience.wait_s * 2**failures, patience.longest_wait_s)
            _LOG.info("%s: cut off at byte %d (%s): again in %g s", url, _size(part), _reason(error), wait_s)
            time.sleep(wait_s)


class _CutOffError(Exception):
    """A server sent something else than what was asked for, or less."""


def _fetch_more(
    url: str, part: Path, session: requests.Session, expected: str, size: int | None, patience: Patience
) -> None:
    """One request: the rest of the file where it is still the same, else all of it."""
    have, validator = _size(part), _validator(part, url)
    if have and have == size:
        return
    headers = {"Range": f"bytes={have}-", "If-Range": validator} if have and validator else {}
    try:
        response = session.get(url, headers=headers, stream=True, timeout=(patience.connect_s, patience.stall_s))
    except requests.RequestException as error:  # the session has waited and tried again
        raise InputError(f"{url}: cannot be reached ({_reason(error)}); expected {expected}") from error
    with response:
        match response.status_code:
            case 200:
                have = 0
            case 206 if _begins_at(response, have):
                pass
            case 206 | 416:
                if response.headers.get("Content-Range") == f"bytes */{have}":
                    return  # all had come, and it was killed before it was said
                part.unlink(missing_ok=True)
                raise _CutOffError("another part than asked for")
            case code:
                reason = " ".join(f"{code} {response.reason or ''}".split())
                raise InputError(f"{url}: the server answers {reason}; expected {expected}")
        coding = response.headers.get("Content-Encoding", "identity")
        if coding != "identity":
            raise InputError(f"{url}: comes as {coding}; expected it as it is: {expected}")
        length = response.headers.get("Content-Length", "")
        total = have + int(length) if length.isdecimal() and len(length) < 16 else size
        if (total or 0) > (size or MAX_BYTES):
            raise InputError(f"{url}: has {total:,} bytes; expected {size or MAX_BYTES:,}: {expected}")
        check_space(part.parent, (total or 0) - have, url)
        if have == 0:
            _remember_validator(part, url, response)
        _write(url, part, response, have, size or MAX_BYTES, total, expected)


def _write(
    url: str, part: Path, response: requests.Response, have: int, most: int, total: int | None, expected: str
) -> None:
    """Append what comes to the ``have`` bytes that are there."""
    told_s = time.monotonic()
    with part.open("ab" if have else "wb") as file:
        # What has come is written at once, so that a cut loses nothing.
        while chunk := response.raw.read1(_CHUNK, decode_content=False):
            have += len(chunk)
            if have > most:
                raise InputError(f"{url}: has more than {most:,} bytes; expected {expected}")
            file.write(chunk)
            if time.monotonic() - told_s > _SECONDS_BETWEEN_NEWS:
                told_s = time.monotonic()
                _LOG.info("%s: %s%s", url, _words(have), f" of {_words(total)}" if total else "")
    if total is not None and have < total:
        raise _CutOffError(f"{total - have} bytes are lacking")


def _begins_at(response: requests.Response, start: int) -> bool:
    named = re.match(r"bytes (\d{1,15})-", response.headers.get("Content-Range", ""))
    return named is not None and int(named[1]) == start


def _remember_validator(part: Path, url: str, response: requests.Response) -> None:
    """Keep by what a server tells whether the file is still the same; without that nothing is resumed."""
    tag = response.headers.get("ETag", "")
    validator = tag if tag and not tag.startswith("W/") else response.headers.get("Last-Modified", "")
    part.unlink(missing_ok=True)  # never bytes of one file with what was said of another
    if validator:
        write_text_atomically(_state_of(part), json.dumps({"url": url, "validator": validator}))
    else:
        _state_of(part).unlink(missing_ok=True)


def _validator(part: Path, url: str) -> str:
    """What was kept of the file that ``part`` is the beginning of; empty where nothing is known."""
    try:
        state = json.loads(_state_of(part).read_text(encoding="utf-8"))
        return state["validator"] if state["url"] == url else ""
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _state_of(part: Path) -> Path:
    return part.with_name(f"{part.name}.json")


def _check(url: str, file: Path, expected: str, checksum: str | None, size: int | None) -> None:
    """Hold a file to what was published of it; one that is not so is deleted."""
    fault = None
    if size is not None and _size(file) != size:
        fault = f"has {_size(file):,} bytes, expected {size:,}"
    elif checksum is not None:
        kind, _, digits = checksum.partition(":")
        found = _digest(file, kind)
        if found != digits:
            fault = f"has {kind} {found}, expected {digits}"
    if fault is not None:
        file.unlink()
        _state_of(file).unlink(missing_ok=True)
        raise InputError(f"{url}: {fault}; what came is deleted: run again, or else: {expected}")


def _digest(file: Path, kind: str) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, partial(hashlib.new, kind, usedforsecurity=False)).hexdigest()


def _size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


def _reason(error: Exception) -> str:
    """What happened, on one line, without the addresses of Python's objects."""
    cause = error
    while cause.args and isinstance(cause.args[-1], Exception):
        cause = cause.args[-1]
    reason = getattr(cause, "reason", None)
    return " ".join(re.sub(r"<[^>]*>:? ?", "", str(reason or cause)).split()) or type(cause).__name__


def _words(n_bytes: int) -> str:
    return f"{n_bytes / 1e9:.1f} GB" if n_bytes >= 1e9 else f"{n_bytes / 1e6:.1f} MB"
