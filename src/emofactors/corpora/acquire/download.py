"""Download an open corpus from its publishers: fetch, verify and unpack it, then move it into place.

Temporary files are in ``.downloads/`` below ``corpora_root``, so that a killed run leaves no partial corpus and
the next run resumes the download.
"""

import json
import logging
import os
import shutil
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path, PurePosixPath
from threading import Lock
from urllib.parse import quote

import requests

from emofactors.config.corpora import ArchiveSettings, DownloadSettings, FolderCorpus
from emofactors.corpora.acquire.fetch import (
    DEFAULT_RETRIES,
    RetryPolicy,
    check_space,
    fetch,
    open_session,
    sha256_of,
)
from emofactors.corpora.acquire.unpack import ArchiveError, Pointer, read_pointer, unpack
from emofactors.errors import InputError
from emofactors.io.atomic import write_text_atomically
from emofactors.io.json import read_json
from emofactors.jobs.locks import hold_folder

_LOG = logging.getLogger(__name__)

#: Number of concurrent requests for corpora of many files; low, to spare the publishers' servers.
_N_CONNECTIONS = 4
_RECORD = "the record of a download"


def show_terms(name: str, corpus: FolderCorpus, corpora_root: Path) -> None:
    """Show the licence of a corpus on the terminal before the download, once per version of the terms.

    Args:
        name: name of the corpus.
        corpus: its config, with ``download``.
        corpora_root: folder of all corpora; the shown terms are recorded in ``.downloads/{name}.json``.
    """
    download = _settings(name, corpus)
    terms = {"licence": corpus.licence, "terms": download.terms, "licence_url": download.licence_url}
    record = _record(name, corpora_root)
    if record.exists() and read_json(record, _RECORD).get("shown") == terms:
        return
    sys.stderr.write(
        f"emofactors: {corpus.title} is downloaded from its publishers, under their licence: {corpus.licence}\n"
        f"  {download.terms}\n  {download.licence_url}\n"
    )
    sys.stderr.flush()
    _update_record(record, {"shown": terms, "shown_at": _now()})


def download_corpus(
    name: str, corpus: FolderCorpus, corpora_root: Path, retries: RetryPolicy = DEFAULT_RETRIES
) -> Path:
    """Download a corpus; an existing corpus folder is an error.

    Args:
        name: name of the corpus.
        corpus: its config, with ``download``.
        corpora_root: folder of all corpora; created if missing.
        retries: retries and timeouts of requests.

    Returns:
        The folder of the corpus.

    Raises:
        InputError: if its folder exists, an archive cannot be fetched or differs from the published one, or the
            disk has too little space.
    """
    download = _settings(name, corpus)
    folder = corpora_root / corpus.folder
    _check_absent(folder)
    work = corpora_root / ".downloads" / name
    work.mkdir(parents=True, exist_ok=True)
    lock = hold_folder(work / "lock")
    try:
        fetched = _fetch_all(download, work, folder, retries, corpus.title)
        _check_absent(folder)
        folder.parent.mkdir(parents=True, exist_ok=True)
        (work / "unpacked").rename(folder)
        _update_record(
            _record(name, corpora_root), {"fetched_at": _now(), "folder": str(folder), "archives": fetched}
        )
        shutil.rmtree(work)
    finally:
        os.close(lock)
    _LOG.info("%s: %s is complete", folder, corpus.title)
    return folder


def _fetch_all(
    download: DownloadSettings, work: Path, folder: Path, retries: RetryPolicy, title: str
) -> list[dict[str, object]]:
    """Fetch and unpack all archives into ``work / "unpacked"``; return their addresses, sizes and hashes."""
    unpacked = work / "unpacked"
    if unpacked.exists():  # of a killed run
        shutil.rmtree(unpacked)
    alternative = f"{title}, or put it into {folder} manually (see docs/corpora.md)"
    fetched = []
    with open_session(retries) as session:
        for archive in download.archives:
            file = work / f"{sha256(archive.url.encode()).hexdigest()[:16]}.zip"
            fetch(
                archive.url,
                file,
                session,
                expected=f"the archive of {alternative}",
                checksum=archive.checksum,
                size=archive.size_bytes,
                retries=retries,
            )
            paths = _unpack(file, unpacked, archive)
            if archive.lfs:
                _fetch_lfs_files(archive, paths, unpacked, work / "objects", session, retries, alternative)
            fetched.append({"url": archive.url, "bytes": file.stat().st_size, "sha256": sha256_of(file)})
    return fetched


def _settings(name: str, corpus: FolderCorpus) -> DownloadSettings:
    """Return the download settings of a corpus; raise InputError if there are none."""
    if corpus.download is None:
        raise InputError(
            f"corpus {name}: cannot be downloaded; expected 'download' in its config, or a corpus copied manually"
        )
    return corpus.download


def _check_absent(folder: Path) -> None:
    """Raise InputError if the corpus folder exists."""
    if os.path.lexists(folder):
        raise InputError(f"{folder}: exists; expected no such folder, as an existing corpus is not changed")


def _unpack(file: Path, folder: Path, archive: ArchiveSettings) -> list[PurePosixPath]:
    """Unpack an archive; delete it if it is not a valid zip."""
    try:
        return unpack(file, folder, inside=archive.inside, only=archive.only)
    except ArchiveError as error:
        file.unlink()
        raise InputError(f"{archive.url}: {error}; the file was deleted") from error


def _fetch_lfs_files(
    archive: ArchiveSettings,
    paths: list[PurePosixPath],
    folder: Path,
    objects: Path,
    session: requests.Session,
    retries: RetryPolicy,
    alternative: str,
) -> None:
    """Replace Git LFS pointers with their files; an address that fails is not used again."""
    pointers: Mapping[PurePosixPath, Pointer] = {
        path: pointer for path in paths if (pointer := read_pointer(folder / path)) is not None
    }
    objects.mkdir(exist_ok=True)
    missing = [p.size for p in pointers.values() if not (objects / p.sha256).exists()]
    check_space(objects, sum(missing), f"{len(missing)} files of {archive.url}")
    addresses = list(archive.lfs)
    changing_address = Lock()

    def fetch_one(path: PurePosixPath) -> None:
        pointer = pointers[path]
        while True:
            address = addresses[0]
            try:
                fetch(
                    address + quote(str(path)),
                    objects / pointer.sha256,
                    session,
                    expected=f"a file of {alternative}",
                    checksum=f"sha256:{pointer.sha256}",
                    size=pointer.size,
                    retries=retries,
                )
                return
            except InputError as error:
                with changing_address:
                    if addresses == [address]:
                        raise
                    if addresses[0] == address:
                        addresses.pop(0)
                        _LOG.info("%s; continuing with %s", error, addresses[0])

    # Files with the same content are fetched once, so that no two threads write the same object.
    of_object = {pointer.sha256: path for path, pointer in pointers.items()}
    with ThreadPoolExecutor(_N_CONNECTIONS) as pool:
        try:
            for n_done, _ in enumerate(pool.map(fetch_one, of_object.values()), start=1):
                if n_done % 100 == 0 or n_done == len(of_object):
                    _LOG.info("%s: %d of %d files", addresses[0], n_done, len(of_object))
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise
    for path, pointer in pointers.items():
        (folder / path).unlink()
        if of_object[pointer.sha256] == path:
            (objects / pointer.sha256).rename(folder / path)
    for path, pointer in pointers.items():
        if of_object[pointer.sha256] != path:
            shutil.copyfile(folder / of_object[pointer.sha256], folder / path)


def _record(name: str, corpora_root: Path) -> Path:
    """Return the file with the record of a download."""
    return corpora_root / ".downloads" / f"{name}.json"


def _update_record(record: Path, changes: Mapping[str, object]) -> None:
    """Add entries to the record of a download."""
    record.parent.mkdir(parents=True, exist_ok=True)
    entries = read_json(record, _RECORD) if record.exists() else {}
    write_text_atomically(record, json.dumps({**entries, **changes}, indent=2, ensure_ascii=False) + "\n")


def _now() -> str:
    """Return the current time in UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
