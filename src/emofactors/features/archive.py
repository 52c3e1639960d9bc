"""The archive of a corpus' features: shards of frames that are mapped into memory, and an index.

``shard000.npy`` … hold frames x bins of many utterances end to end, float32;
``index.csv`` says for each utterance in which shard it lies, from which frame
on, and how many frames it has. Archives of parts of a corpus are gathered
into one without touching their frames.
"""

import logging
import shutil
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import numpy as np
import pandas as pd

from emofactors.errors import InputError
from emofactors.io.atomic import damaged
from emofactors.io.csv import groups_of, read_csv, rows_of, write_csv
from emofactors.io.npz import DAMAGE

#: A shard is closed once it has this size.
SHARD_BYTES = 256 * 2**20

INDEX_COLUMNS = ("utterance", "shard", "offset", "n_frames")

logger = logging.getLogger(__name__)


class FeatureArchive:
    """Features of a corpus, read from disk only where they are looked at.

    Args:
        folders: folders an :class:`ArchiveWriter` wrote: of a corpus' utterances, of their copies.

    Attributes:
        folders: those folders.
        utterances: their names: folder by folder, in the order they were written.
        n_bins: frequency bins of one frame, F.

    Raises:
        InputError: if the index or a shard is missing, truncated, or does not fit the other; if
            folders differ in their bins, or an utterance is in two of them.
        ValueError: if there is no folder.
    """

    folders: tuple[Path, ...]
    utterances: tuple[str, ...]
    n_bins: int

    def __init__(self, *folders: Path) -> None:
        if not folders:
            raise ValueError("no folder to read features from")
        self.folders = tuple(Path(folder) for folder in folders)
        read = [_read_features(folder) for folder in self.folders]
        self.n_bins = _bins_of(read[0])
        self._frames: dict[str, np.ndarray] = {}
        for folder, features in zip(self.folders, read, strict=True):
            if _bins_of(features) != self.n_bins:
                raise InputError(
                    f"{folder}: has {_bins_of(features)} bins, expected {self.n_bins} as in {self.folders[0]}"
                )
            for utterance in features:
                if utterance in self._frames:
                    raise InputError(
                        f"{folder}: has utterance {utterance!r} of another folder, expected it in one"
                    )
            self._frames |= features
        self.utterances = tuple(self._frames)

    def __getitem__(self, utterance: str) -> np.ndarray:
        """Features of one utterance, (T, F) float32: a read-only view of the file."""
        if utterance not in self._frames:
            folders = ", ".join(map(str, self.folders))
            raise InputError(f"{folders}: has no utterance {utterance!r}, expected one of its index")
        return self._frames[utterance]

    def n_frames(self, utterance: str) -> int:
        """Frames of one utterance, T."""
        return len(self[utterance])


class ArchiveWriter:
    """Writes an archive utterance by utterance; frames go to disk at once.

    A context manager. The archive appears under its name when it is whole; an
    error or a killed job leaves nothing there.

    Args:
        folder: where the archive shall be; what lies there is replaced.
        n_bins: frequency bins of one frame, F.
        shard_bytes: size at which a shard is closed.
    """

    def __init__(self, folder: Path, n_bins: int, *, shard_bytes: int = SHARD_BYTES) -> None:
        self.folder = Path(folder)
        self.n_bins = n_bins
        self.shard_bytes = shard_bytes
        self._unfinished = _unfinished(self.folder)
        self._index: list[tuple[str, str, int, int]] = []
        self._n_shards = 0
        self._shard: BinaryIO | None = None
        self._n_frames = 0  # of the open shard

    def __enter__(self) -> Self:
        _make_unfinished(self.folder)
        return self

    def add(self, utterance: str, features: np.ndarray) -> None:
        """Append the features of one utterance, (T, F) float32."""
        if features.dtype != np.float32 or features.ndim != 2 or features.shape[1] != self.n_bins:
            raise ValueError(
                f"features are {features.dtype} of shape {features.shape}, expected float32 (T, {self.n_bins})"
            )
        shard = self._shard = self._shard or self._open_shard()
        shard.write(np.ascontiguousarray(features).data)
        self._index.append((utterance, Path(shard.name).name, self._n_frames, len(features)))
        self._n_frames += len(features)
        if shard.tell() >= self.shard_bytes:
            self._close_shard(shard)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._shard is not None:
            self._close_shard(self._shard)
        if kind is not None:
            shutil.rmtree(self._unfinished)
            return
        _finish(self.folder, pd.DataFrame(self._index, columns=list(INDEX_COLUMNS)))

    def _open_shard(self) -> BinaryIO:
        shard = (self._unfinished / _shard_name(self._n_shards)).open("wb")
        self._n_shards += 1
        self._n_frames = 0
        self._write_header(shard)
        return shard

    def _close_shard(self, shard: BinaryIO) -> None:
        shard.seek(0)
        self._write_header(shard)
        shard.close()
        self._shard = None

    def _write_header(self, shard: BinaryIO) -> None:
        """The header of a .npy file; numpy leaves room in it, so it keeps its length when frames are added."""
        header = {"descr": "<f4", "fortran_order": False, "shape": (self._n_frames, self.n_bins)}
        np.lib.format.write_array_header_1_0(shard, header)


def gather(folders: Sequence[Path], folder: Path) -> None:
    """Make one archive of several, in their order; their frames are linked to, and nothing is copied.

    Hard links stay whole when an archive is made again: that makes new files. Where the file system has
    no such links, frames are copied. The archive appears when it is whole.

    Args:
        folders: archives of parts of a corpus; a part may have no utterance.
        folder: where the archive of all shall be; what lies there is replaced.

    Raises:
        InputError: if an index or a shard is missing, truncated or damaged.
    """
    unfinished = _make_unfinished(folder)
    try:
        indices, n_shards = [], 0
        for part in folders:
            index = _read_index(part / "index.csv")
            names = {name: _shard_name(n_shards + i) for i, name in enumerate(index["shard"].unique())}
            for name, rows in groups_of(index, "shard", sort=False):
                _check_shard(part / name, _open_shard(part / name), rows)
                _link(part / name, unfinished / names[name])
            indices.append(index.assign(shard=index["shard"].map(names)))
            n_shards += len(names)
        _finish(folder, pd.concat(indices))
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise


def _shard_name(number: int) -> str:
    return f"shard{number:03d}.npy"


def _unfinished(folder: Path) -> Path:
    """Where an archive lies until it is whole."""
    return folder.with_name(f".{folder.name}.part")


def _make_unfinished(folder: Path) -> Path:
    """An empty folder for what is to appear under a name."""
    unfinished = _unfinished(folder)
    shutil.rmtree(unfinished, ignore_errors=True)  # left behind by a killed job
    unfinished.mkdir(parents=True)
    return unfinished


def _finish(folder: Path, index: pd.DataFrame) -> None:
    """Write the index; the archive is whole and gets its name."""
    write_csv(_unfinished(folder) / "index.csv", index)
    # Snakemake clears the name before a job; a process that a killed run left may have taken it again since.
    shutil.rmtree(folder, ignore_errors=True)
    _unfinished(folder).rename(folder)


def _link(shard: Path, new: Path) -> None:
    """A second name for a file; a copy where there can be none."""
    try:
        new.hardlink_to(shard)
    except OSError as error:
        logger.info("%s: is copied, for it cannot be linked to (%s)", shard, error.strerror)
        shutil.copyfile(shard, new)


def _read_features(folder: Path) -> dict[str, np.ndarray]:
    """Utterance -> its frames (T, F), of one folder, in the order they were written."""
    index = _read_index(folder / "index.csv")
    if index.empty:
        raise InputError(f"{folder / 'index.csv'}: is empty, expected a row an utterance")
    shards = {name: _open_shard(folder / name) for name in index["shard"].unique()}
    for name, rows in groups_of(index, "shard", sort=False):
        _check_shard(folder / name, shards[name], rows)
    bins = {frames.shape[1] for frames in shards.values()}
    if len(bins) != 1:
        raise InputError(f"{folder}: shards have {sorted(bins)} bins, expected the same in each")
    return {row.utterance: shards[row.shard][row.offset : row.offset + row.n_frames] for row in rows_of(index)}


def _bins_of(features: dict[str, np.ndarray]) -> int:
    """Frequency bins of one frame, F; an archive is never empty."""
    return next(iter(features.values())).shape[1]


def _read_index(path: Path) -> pd.DataFrame:
    """The index, every utterance once."""
    kinds = {"utterance": str, "shard": str, "offset": int, "n_frames": int}
    index = read_csv(path, "the index of a feature archive", kinds)
    twice = index.loc[index["utterance"].duplicated(), "utterance"]
    if len(twice):
        raise InputError(f"{path}: utterance {twice.iloc[0]!r} is there twice, expected once")
    return index


def _open_shard(path: Path) -> np.ndarray:
    """Frames of a shard, (sum of T, F), mapped into memory read-only."""
    try:
        frames = np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError as error:
        raise InputError(f"{path}: is missing, expected a shard named in index.csv") from error
    except DAMAGE as error:
        raise damaged(path.parent, f"{path.name} is truncated or damaged ({error})", "whole shards") from error
    if frames.dtype != np.float32 or frames.ndim != 2:
        raise InputError(f"{path}: is {frames.dtype} of shape {frames.shape}, expected float32 (T, F)")
    return np.asarray(frames)  # still the mapped file, without the cost of the memmap class


def _check_shard(path: Path, frames: np.ndarray, rows: pd.DataFrame) -> None:
    """Whether the rows of the index cover the frames of their shard, one after the other."""
    ends = rows["n_frames"].cumsum()
    if (rows["offset"] != ends - rows["n_frames"]).any() or (rows["n_frames"] < 1).any():
        raise InputError(f"{path}: utterances do not follow each other in index.csv; expected no gap")
    if ends.iloc[-1] != len(frames):
        raise damaged(path.parent, f"{path.name} has {len(frames)} frames", f"{ends.iloc[-1]} as in index.csv")
