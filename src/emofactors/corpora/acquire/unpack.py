"""Unpack untrusted archives into one folder, or reject them."""

import errno
import lzma
import re
import shutil
import stat
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from zipfile import BadZipFile, ZipFile, ZipInfo

from emofactors.corpora.acquire.fetch import check_space
from emofactors.errors import InputError

#: Maximum number of files of an archive and of their bytes: several times the largest supported corpus. A zip
#: states the size of each file, and no more bytes are unpacked.
MAX_FILES = 250_000
MAX_BYTES = 100 * 2**30

#: Errors of Python's reader for damaged or malicious zips.
_DAMAGED = (BadZipFile, zlib.error, lzma.LZMAError, EOFError, NotImplementedError, RuntimeError, ValueError)
#: Errors for names that the file system rejects, or that clash with another file of the archive.
_BAD_NAME = (errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ)


class ArchiveError(InputError):
    """An archive that can never be unpacked."""


_POINTER = re.compile(
    rb"version https://git-lfs\.github\.com/spec/v1\noid sha256:([0-9a-f]{64})\nsize ([0-9]{1,15})\n"
)


@dataclass(frozen=True)
class Pointer:
    """Git LFS pointer of a file: its SHA-256 in hexadecimal digits, and its size in bytes."""

    sha256: str
    size: int


def unpack(archive: Path, folder: Path, *, inside: str = "", only: Sequence[str] = ()) -> list[PurePosixPath]:
    """Unpack a zip.

    Args:
        archive: the zip.
        folder: target folder, created if missing; no file in it is overwritten.
        inside: folder of the archive to unpack; empty: the whole archive.
        only: patterns of the wanted files below ``inside``, ``wav/*.wav``; none: all files.

    Returns:
        The unpacked files, relative to ``folder``.

    Raises:
        ArchiveError: if the archive is not a zip, is damaged or encrypted, has none of the files, too many or too
            large ones, or a name that is absolute, leaves the folder, is a link or occurs twice. The folder may
            then contain some files.
        InputError: if the disk has too little space.
    """
    try:
        with ZipFile(archive) as content:
            members = _members(archive, content.infolist(), inside, only)
            folder.mkdir(parents=True, exist_ok=True)
            check_space(
                folder, sum(member.file_size for member in members.values()), f"the files of {archive.name}"
            )
            for path, member in members.items():
                target = folder / path
                target.parent.mkdir(parents=True, exist_ok=True)
                with content.open(member) as source, target.open("xb") as file:
                    shutil.copyfileobj(source, file, 1 << 20)
    except InputError:
        raise
    except (*_DAMAGED, struct.error, OverflowError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ArchiveError(
            f"{archive}: is not a valid zip ({reason}); expected the publishers' archive"
        ) from error
    except OSError as error:
        if error.errno not in _BAD_NAME:
            raise
        raise ArchiveError(
            f"{archive}: {error.filename!r} cannot be created ({error.strerror}); expected valid names"
        ) from error
    return list(members)


def read_pointer(file: Path) -> Pointer | None:
    """Return the Git LFS pointer in a file; None if the file is not a pointer."""
    if file.stat().st_size > 1024:
        return None
    found = _POINTER.fullmatch(file.read_bytes())
    return None if found is None else Pointer(found[1].decode(), int(found[2]))


def _members(
    archive: Path, members: Sequence[ZipInfo], inside: str, only: Sequence[str]
) -> dict[PurePosixPath, ZipInfo]:
    """Return the wanted files of an archive; all names are checked."""
    if len(members) > MAX_FILES:
        raise ArchiveError(f"{archive}: has {len(members):,} files; expected at most {MAX_FILES:,}")
    wanted: dict[PurePosixPath, ZipInfo] = {}
    for member in members:
        name = member.filename
        path = PurePosixPath(name)
        kind = stat.S_IFMT(member.external_attr >> 16)
        if path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name or not name.isprintable():
            raise ArchiveError(f"{archive}: contains {name!r}; expected names within the archive's folder")
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise ArchiveError(f"{archive}: contains {name!r}, a link or device; expected files and folders only")
        if member.is_dir() or not path.is_relative_to(inside):
            continue
        below = path.relative_to(inside)
        if not only or any(_matches(below, pattern) for pattern in only):
            if below in wanted:
                raise ArchiveError(f"{archive}: contains {name!r} twice; expected each name once")
            wanted[below] = member
    if not wanted:
        sought = ", ".join(str(PurePosixPath(inside) / pattern) for pattern in only or ["*"])
        raise ArchiveError(f"{archive}: contains none of {sought}; expected the publishers' archive")
    n_bytes = sum(member.file_size for member in wanted.values())
    if n_bytes > MAX_BYTES:
        raise ArchiveError(f"{archive}: has {n_bytes:,} bytes unpacked; expected at most {MAX_BYTES:,}")
    return wanted


def _matches(path: PurePosixPath, pattern: str) -> bool:
    """Return whether a path matches a pattern, part by part: a star does not match a slash."""
    patterns = PurePosixPath(pattern).parts
    return len(patterns) == len(path.parts) and all(map(fnmatchcase, path.parts, patterns))
