"""Archives of strangers: unpacked into one folder and nowhere else, or refused in one line."""

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

#: Files of an archive, and bytes they hold together: several times the largest corpus we read. A zip says how
#: large each file is, and no more of it is unpacked.
MAX_FILES = 250_000
MAX_BYTES = 100 * 2**30

#: What a damaged or hostile zip makes of Python's reader.
_DAMAGED = (BadZipFile, zlib.error, lzma.LZMAError, EOFError, NotImplementedError, RuntimeError, ValueError)
#: A name that the file system does not take, or takes for another file of the archive.
_BAD_NAME = (errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ)


class ArchiveError(InputError):
    """An archive that cannot be unpacked, however often it is tried."""


_POINTER = re.compile(
    rb"version https://git-lfs\.github\.com/spec/v1\noid sha256:([0-9a-f]{64})\nsize ([0-9]{1,15})\n"
)


@dataclass(frozen=True)
class Pointer:
    """What Git LFS keeps in place of a file: its SHA-256 in hexadecimal digits, and its size in bytes."""

    sha256: str
    size: int


def unpack(archive: Path, folder: Path, *, inside: str = "", only: Sequence[str] = ()) -> list[PurePosixPath]:
    """Unpack a zip.

    Args:
        archive: the zip.
        folder: where to, made if it is not there; no file of it is overwritten.
        inside: folder of the archive that is unpacked; empty: all of it.
        only: patterns of the files that are wanted (``wav/*.wav``, below ``inside``); none: all.

    Returns:
        What was unpacked, relative to ``folder``.

    Raises:
        ArchiveError: if it is no zip, is damaged or encrypted, holds none of the files, too many or too large
            ones, or a name that is absolute, leaves the folder, is a link or is there twice. The folder may then
            hold some.
        InputError: if the disk has no room.
    """
    try:
        with ZipFile(archive) as content:
            members = _members(archive, content.infolist(), inside, only)
            folder.mkdir(parents=True, exist_ok=True)
            check_space(folder, sum(member.file_size for member in members.values()), f"what {archive.name} holds")
            for path, member in members.items():
                target = folder / path
                target.parent.mkdir(parents=True, exist_ok=True)
                with content.open(member) as source, target.open("xb") as file:
                    shutil.copyfileobj(source, file, 1 << 20)
    except InputError:
        raise
    except (*_DAMAGED, struct.error, OverflowError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ArchiveError(f"{archive}: is no sound zip ({reason}); expected the publishers' archive") from error
    except OSError as error:
        if error.errno not in _BAD_NAME:
            raise
        raise ArchiveError(f"{archive}: {error.filename!r} cannot be made ({error.strerror})") from error
    return list(members)


def read_pointer(file: Path) -> Pointer | None:
    """What Git LFS keeps in place of a file; None where the file itself is there."""
    if file.stat().st_size > 1024:
        return None
    found = _POINTER.fullmatch(file.read_bytes())
    return None if found is None else Pointer(found[1].decode(), int(found[2]))


def _members(
    archive: Path, members: Sequence[ZipInfo], inside: str, only: Sequence[str]
) -> dict[PurePosixPath, ZipInfo]:
    """The wanted files of an archive; every name is looked at, wanted or not."""
    if len(members) > MAX_FILES:
        raise ArchiveError(f"{archive}: has {len(members):,} files; expected at most {MAX_FILES:,}")
    wanted: dict[PurePosixPath, ZipInfo] = {}
    for member in members:
        name = member.filename
        path = PurePosixPath(name)
        kind = stat.S_IFMT(member.external_attr >> 16)
        if path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name or not name.isprintable():
            raise ArchiveError(f"{archive}: holds {name!r}; expected names within the archive's folder")
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise ArchiveError(f"{archive}: holds {name!r}, a link or device; expected files and folders alone")
        if member.is_dir() or not path.is_relative_to(inside):
            continue
        below = path.relative_to(inside)
        if not only or any(_fits(below, pattern) for pattern in only):
            if below in wanted:
                raise ArchiveError(f"{archive}: holds {name!r} twice; expected each name once")
            wanted[below] = member
    if not wanted:
        sought = ", ".join(str(PurePosixPath(inside) / pattern) for pattern in only or ["*"])
        raise ArchiveError(f"{archive}: holds none of {sought}; expected the publishers' archive")
    n_bytes = sum(member.file_size for member in wanted.values())
    if n_bytes > MAX_BYTES:
        raise ArchiveError(f"{archive}: would be {n_bytes:,} bytes unpacked; expected at most {MAX_BYTES:,}")
    return wanted


def _fits(path: PurePosixPath, pattern: str) -> bool:
    """Whether a path fits a pattern, part by part: a star does not stand for a folder."""
    patterns = PurePosixPath(pattern).parts
    return len(patterns) == len(path.parts) and all(map(fnmatchcase, path.parts, patterns))
