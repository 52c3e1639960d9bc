"""An open corpus from its publishers: fetched, checked, unpacked beside its place, and put there whole.

All that is on the way lies in ``.downloads/`` below ``corpora_root``, so that a run that was killed leaves
no half corpus, and the next goes on from there.
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

from emofactors.config.corpora import ArchiveSettings, CorpusConfig, DownloadSettings
from emofactors.corpora.acquire.fetch import USUAL_PATIENCE, Patience, check_space, fetch, open_session, sha256_of
from emofactors.corpora.acquire.unpack import ArchiveError, Pointer, read_pointer, unpack
from emofactors.errors import InputError
from emofactors.io.atomic import write_text_atomically
from emofactors.io.json import read_json
from emofactors.jobs.locks import hold_folder

_LOG = logging.getLogger(__name__)

#: Files fetched at a time where a corpus has thousands: a server of others is no place to hurry.
_AT_A_TIME = 4
_RECORD = "what is known of a corpus that was fetched"


def show_terms(name: str, corpus: CorpusConfig, corpora_root: Path) -> None:
    """Say on the terminal under which licence a corpus is, before it is fetched; once, unless it changes.

    Args:
        name: of the corpus.
        corpus: its config, with ``download``.
        corpora_root: folder of all corpora; what was shown is kept in ``.downloads/{name}.json``.
    """
    download = _settings(name, corpus)
    terms = {"licence": corpus.licence, "terms": download.terms, "licence_url": download.licence_url}
    record = _record(name, corpora_root)
    if record.exists() and read_json(record, _RECORD).get("shown") == terms:
        return
    sys.stderr.write(
        f"emofactors: {corpus.title} is fetched from its publishers, under their licence: {corpus.licence}\n"
        f"  {download.terms}\n  {download.licence_url}\n"
    )
    sys.stderr.flush()
    _note(record, {"shown": terms, "shown_at": _now()})


def download_corpus(
    name: str, corpus: CorpusConfig, corpora_root: Path, patience: Patience = USUAL_PATIENCE
) -> Path:
    """Fetch a corpus; one that is there is not touched.

    Args:
        name: of the corpus.
        corpus: its config, with ``download``.
        corpora_root: folder of all corpora; made if it is not there.
        patience: how long servers are waited for.

    Returns:
        Its folder.

    Raises:
        InputError: if its folder is there, an archive cannot be had or is not what was published, or the disk has
            no room.
    """
    download = _settings(name, corpus)
    folder = corpora_root / corpus.folder
    _check_absent(folder)
    work = corpora_root / ".downloads" / name
    work.mkdir(parents=True, exist_ok=True)
    lock = hold_folder(work / "lock")
    try:
        fetched = _fetch_all(download, work, folder, patience, corpus.title)
        _check_absent(folder)
        folder.parent.mkdir(parents=True, exist_ok=True)
        (work / "unpacked").rename(folder)
        _note(_record(name, corpora_root), {"fetched_at": _now(), "folder": str(folder), "archives": fetched})
        shutil.rmtree(work)
    finally:
        os.close(lock)
    _LOG.info("%s: %s is there", folder, corpus.title)
    return folder


def _fetch_all(
    download: DownloadSettings, work: Path, folder: Path, patience: Patience, title: str
) -> list[dict[str, object]]:
    """Fetch and unpack all archives into ``work / "unpacked"``; of each what came, for the record."""
    unpacked = work / "unpacked"
    if unpacked.exists():  # of a run that was killed
        shutil.rmtree(unpacked)
    by_hand = f"{title}, or put it into {folder} by hand (see docs/corpora.md)"
    fetched = []
    with open_session(patience) as session:
        for archive in download.archives:
            file = work / f"{sha256(archive.url.encode()).hexdigest()[:16]}.zip"
            fetch(
                archive.url,
                file,
                session,
                expected=f"the archive of {by_hand}",
                checksum=archive.checksum,
                size=archive.size_bytes,
                patience=patience,
            )
            paths = _unpack(file, unpacked, archive)
            if archive.lfs:
                _fetch_pointed(archive, paths, unpacked, work / "objects", session, patience, by_hand)
            fetched.append({"url": archive.url, "bytes": file.stat().st_size, "sha256": sha256_of(file)})
    return fetched


def _settings(name: str, corpus: CorpusConfig) -> DownloadSettings:
    if corpus.download is None:
        raise InputError(
            f"corpus {name}: cannot be fetched; expected 'download' in its config, or to be put there"
        )
    return corpus.download


def _check_absent(folder: Path) -> None:
    if os.path.lexists(folder):
        raise InputError(f"{folder}: is there already; expected no such folder: nothing in it is touched")


def _unpack(file: Path, folder: Path, archive: ArchiveSettings) -> list[PurePosixPath]:
    """Unpack an archive; one that is no sound zip is deleted, for it would not become one by waiting."""
    try:
        return unpack(file, folder, inside=archive.inside, only=archive.only)
    except ArchiveError as error:
        file.unlink()
        raise InputError(f"{archive.url}: {error}; what came is deleted") from error


def _fetch_pointed(
    archive: ArchiveSettings,
    paths: list[PurePosixPath],
    folder: Path,
    objects: Path,
    session: requests.Session,
    patience: Patience,
    by_hand: str,
) -> None:
    """Put the files that pointers of Git LFS stand for in their place; an address that failed is given up."""
    pointers: Mapping[PurePosixPath, Pointer] = {
        path: pointer for path in paths if (pointer := read_pointer(folder / path)) is not None
    }
    objects.mkdir(exist_ok=True)
    lacking = [p.size for p in pointers.values() if not (objects / p.sha256).exists()]
    check_space(objects, sum(lacking), f"{len(lacking)} files of {archive.url}")
    addresses = list(archive.lfs)
    giving_up = Lock()

    def fetch_one(path: PurePosixPath) -> None:
        pointer = pointers[path]
        while True:
            address = addresses[0]
            try:
                fetch(
                    address + quote(str(path)),
                    objects / pointer.sha256,
                    session,
                    expected=f"a file of {by_hand}",
                    checksum=f"sha256:{pointer.sha256}",
                    size=pointer.size,
                    patience=patience,
                )
                return
            except InputError as error:
                with giving_up:
                    if addresses == [address]:
                        raise
                    if addresses[0] == address:
                        addresses.pop(0)
                        _LOG.info("%s; going on with %s", error, addresses[0])

    # The same bytes under two names are fetched once, so that no two threads write one file.
    of_object = {pointer.sha256: path for path, pointer in pointers.items()}
    with ThreadPoolExecutor(_AT_A_TIME) as pool:
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
    return corpora_root / ".downloads" / f"{name}.json"


def _note(record: Path, news: Mapping[str, object]) -> None:
    """Add to what is kept of a corpus that was fetched."""
    record.parent.mkdir(parents=True, exist_ok=True)
    known = read_json(record, _RECORD) if record.exists() else {}
    write_text_atomically(record, json.dumps({**known, **news}, indent=2, ensure_ascii=False) + "\n")


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
