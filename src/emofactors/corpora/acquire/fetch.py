"""Fetch a file over HTTP: resumed after interruptions, verified, and complete or absent."""

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

#: Maximum size of a fetched file: several times the largest supported corpus.
MAX_BYTES = 50 * 2**30
#: Status codes of temporary failures.
_TEMPORARY = (429, 500, 502, 503, 504)
_CHUNK = 1 << 16
_SECONDS_BETWEEN_LOG_LINES = 10.0


@dataclass(frozen=True)
class RetryPolicy:
    """Retries and timeouts of requests.

    Attributes:
        attempts: number of consecutive failures that end the download; an attempt that receives new bytes is not a
            failure.
        wait_s: seconds before the second attempt, doubled for each further one up to ``max_wait_s``.
        max_wait_s: maximum wait, also if the server requests a longer one (``Retry-After``).
        connect_s: timeout of a connection.
        stall_s: seconds without a byte after which a connection is closed.
    """

    attempts: int = 8
    wait_s: float = 1.0
    max_wait_s: int = 600
    connect_s: float = 30.0
    stall_s: float = 60.0


DEFAULT_RETRIES = RetryPolicy()


def open_session(retries: RetryPolicy) -> requests.Session:
    """Return a session that retries after temporary failures; proxies are read from the environment."""
    policy = Retry(
        total=retries.attempts,
        connect=min(3, retries.attempts),  # unknown hosts and refused connections are rarely temporary
        backoff_factor=retries.wait_s,
        backoff_max=retries.max_wait_s,
        retry_after_max=retries.max_wait_s,
        status_forcelist=_TEMPORARY,
        raise_on_status=False,
    )
    session = requests.Session()
    session.headers["User-Agent"] = "emofactors"
    # Without compression: a byte range of the file is not a byte range of its compressed form.
    session.headers["Accept-Encoding"] = "identity"
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(max_retries=policy))
    return session


def fetch(
    url: str,
    target: Path,
    session: requests.Session,
    *,
    expected: str,
    checksum: str | None = None,
    size: int | None = None,
    retries: RetryPolicy = DEFAULT_RETRIES,
) -> None:
    """Fetch a file, and resume an earlier attempt unless the file has changed.

    Args:
        url: address of the file.
        target: path of the file in an existing folder; an existing file is only verified.
        session: session of :func:`open_session`.
        expected: description of the file and of alternatives to the download, for error messages.
        checksum: ``md5:…``, ``sha1:…`` or ``sha256:…``.
        size: size in bytes.
        retries: retries and timeouts.

    Raises:
        InputError: if the file cannot be fetched, does not fit on the disk, or has the wrong size or checksum;
            then it is deleted.
    """
    part = target.with_name(f"{target.name}.part")
    if not target.exists():
        _fetch_all(url, part, session, expected, size, retries)
        _check(url, part, expected, checksum, size)
        part.replace(target)
        _state_of(part).unlink(missing_ok=True)
    else:
        _check(url, target, expected, checksum, size)


def sha256_of(file: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal digits."""
    return _digest(file, "sha256")


def check_space(folder: Path, needed: int, what: str) -> None:
    """Check that a disk has enough free space.

    Args:
        folder: folder on that disk.
        needed: number of bytes.
        what: description of the files, for error messages.

    Raises:
        InputError: if it has less.
    """
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise InputError(f"{folder}: has {_readable(free)} free; expected {_readable(needed)} for {what}")


def _fetch_all(
    url: str, part: Path, session: requests.Session, expected: str, size: int | None, retries: RetryPolicy
) -> None:
    """Fetch until the file is complete; resume after interruptions as long as new bytes arrive."""
    furthest, failures = _size(part), 0
    while True:
        try:
            _fetch_more(url, part, session, expected, size, retries)
            return
        except (HTTPError, _IncompleteError) as error:
            failures = failures + 1 if _size(part) <= furthest else 0
            furthest = max(furthest, _size(part))
            if failures >= retries.attempts:
                raise InputError(
                    f"{url}: was interrupted at byte {_size(part):,} {failures} times in a row "
                    f"({_reason(error)}); run again to resume; expected {expected}"
                ) from error
            wait_s = min(retries.wait_s * 2**failures, retries.max_wait_s)
            _LOG.info("%s: interrupted at byte %d (%s): retry in %g s", url, _size(part), _reason(error), wait_s)
            time.sleep(wait_s)


class _IncompleteError(Exception):
    """The server sent another range than requested, or too few bytes."""


def _fetch_more(
    url: str, part: Path, session: requests.Session, expected: str, size: int | None, retries: RetryPolicy
) -> None:
    """Send one request: for the rest of the file if it is unchanged, else for all of it."""
    have, validator = _size(part), _validator(part, url)
    if have and have == size:
        return
    headers = {"Range": f"bytes={have}-", "If-Range": validator} if have and validator else {}
    try:
        response = session.get(url, headers=headers, stream=True, timeout=(retries.connect_s, retries.stall_s))
    except requests.RequestException as error:  # the session has already retried
        raise InputError(f"{url}: cannot be reached ({_reason(error)}); expected {expected}") from error
    with response:
        match response.status_code:
            case 200:
                have = 0
            case 206 if _begins_at(response, have):
                pass
            case 206 | 416:
                if response.headers.get("Content-Range") == f"bytes */{have}":
                    return  # complete: an earlier process was killed after the last byte
                part.unlink(missing_ok=True)
                raise _IncompleteError("another range than requested")
            case code:
                reason = " ".join(f"{code} {response.reason or ''}".split())
                raise InputError(f"{url}: the server responds {reason}; expected {expected}")
        coding = response.headers.get("Content-Encoding", "identity")
        if coding != "identity":
            raise InputError(f"{url}: has content encoding {coding}; expected none: {expected}")
        length = response.headers.get("Content-Length", "")
        total = have + int(length) if length.isdecimal() and len(length) < 16 else size
        if (total or 0) > (size or MAX_BYTES):
            raise InputError(f"{url}: has {total:,} bytes; expected {size or MAX_BYTES:,}: {expected}")
        check_space(part.parent, (total or 0) - have, url)
        if have == 0:
            _store_validator(part, url, response)
        _write(url, part, response, have, size or MAX_BYTES, total, expected)


def _write(
    url: str, part: Path, response: requests.Response, have: int, limit: int, total: int | None, expected: str
) -> None:
    """Append the body of a response to the ``have`` existing bytes."""
    logged_s = time.monotonic()
    with part.open("ab" if have else "wb") as file:
        # Write each chunk at once, so that an interruption loses nothing.
        while chunk := response.raw.read1(_CHUNK, decode_content=False):
            have += len(chunk)
            if have > limit:
                raise InputError(f"{url}: has more than {limit:,} bytes; expected {expected}")
            file.write(chunk)
            if time.monotonic() - logged_s > _SECONDS_BETWEEN_LOG_LINES:
                logged_s = time.monotonic()
                _LOG.info("%s: %s%s", url, _readable(have), f" of {_readable(total)}" if total else "")
    if total is not None and have < total:
        raise _IncompleteError(f"{total - have} bytes are missing")


def _begins_at(response: requests.Response, start: int) -> bool:
    """Return whether a partial response begins at a byte."""
    named = re.match(r"bytes (\d{1,15})-", response.headers.get("Content-Range", ""))
    return named is not None and int(named[1]) == start


def _store_validator(part: Path, url: str, response: requests.Response) -> None:
    """Store the validator of a file (ETag or modification time); without one a download is not resumed."""
    tag = response.headers.get("ETag", "")
    validator = tag if tag and not tag.startswith("W/") else response.headers.get("Last-Modified", "")
    part.unlink(missing_ok=True)  # never combine bytes of one file with the validator of another
    if validator:
        write_text_atomically(_state_of(part), json.dumps({"url": url, "validator": validator}))
    else:
        _state_of(part).unlink(missing_ok=True)


def _validator(part: Path, url: str) -> str:
    """Return the stored validator of a partial file; empty if there is none."""
    try:
        state = json.loads(_state_of(part).read_text(encoding="utf-8"))
        return state["validator"] if state["url"] == url else ""
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _state_of(part: Path) -> Path:
    """Return the file with the validator of a partial file."""
    return part.with_name(f"{part.name}.json")


def _check(url: str, file: Path, expected: str, checksum: str | None, size: int | None) -> None:
    """Check the size and checksum of a file; delete it if one is wrong."""
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
        raise InputError(f"{url}: {fault}; the file was deleted: run again, or else: {expected}")


def _digest(file: Path, kind: str) -> str:
    """Return the checksum of a file in hexadecimal digits."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, partial(hashlib.new, kind, usedforsecurity=False)).hexdigest()


def _size(file: Path) -> int:
    """Return the size of a file in bytes; 0 if it does not exist."""
    return file.stat().st_size if file.exists() else 0


def _reason(error: Exception) -> str:
    """Return the cause of an error on one line, without addresses of Python objects."""
    cause = error
    while cause.args and isinstance(cause.args[-1], Exception):
        cause = cause.args[-1]
    reason = getattr(cause, "reason", None)
    return " ".join(re.sub(r"<[^>]*>:? ?", "", str(reason or cause)).split()) or type(cause).__name__


def _readable(n_bytes: int) -> str:
    """Return a size in MB or GB."""
    return f"{n_bytes / 1e9:.1f} GB" if n_bytes >= 1e9 else f"{n_bytes / 1e6:.1f} MB"
