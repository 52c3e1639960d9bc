"""Archives of a corpus' features: memory-mapped shards of frames and an index.

``shard000.npy`` … hold frames x bins of many utterances end to end, float32;
``index.csv`` has the shard, first frame and number of frames of each utterance.
Archives of parts of a corpus are gathered into one without rewriting their frames.
"""

import logging
import shutil
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Protocol, Self

import numpy as np
import pandas as pd

from emofactors.errors import InputError
from emofactors.io.atomic import damaged
from emofactors.io.csv import groups_of, read_csv, rows_of, write_csv
from emofactors.io.npz import DAMAGE

#: Size at which a shard is closed.
SHARD_BYTES = 256 * 2**20

INDEX_COLUMNS = ("utterance", "shard", "offset", "n_frames")

logger = logging.getLogger(__name__)


class Archive(Protocol):
    """Features (T, F) by name of utterance: a :class:`FeatureArchive` or an object with the same interface."""

    n_bins: int

    def __getitem__(self, utterance: str, /) -> np.ndarray: ...

    def n_frames(self, utterance: str, /) -> int:
        """Return the number of frames of an utterance, T."""


class FeatureArchive:
    """Features of a corpus, memory-mapped: frames are read from disk on access.

    Args:
        folders: folders written by an :class:`ArchiveWriter`, of utterances or of their augmented copies.

    Attributes:
        folders: those folders.
        utterances: names of the utterances, folder by folder, in the order they were written.
        n_bins: frequency bins of one frame, F.

    Raises:
        InputError: if the index or a shard is missing, truncated or inconsistent; if the number of bins
            differs between folders, or an utterance is in two of them.
        ValueError: if there is no folder.
    """

    folders: tuple[Path, ...]
    utterances: tuple[str, ...]
    n_bins: int

    def __init__(self, *folders: Path) -> None:
        if not folders:
            raise ValueError("folders is empty, expected at least one folder of features")
        self.folders = tuple(Path(folder) for folder in folders)
        features_of_folders = [_read_features(folder) for folder in self.folders]
        self.n_bins = _n_bins(features_of_folders[0])
        self._frames: dict[str, np.ndarray] = {}
        for folder, features in zip(self.folders, features_of_folders, strict=True):
            if _n_bins(features) != self.n_bins:
                raise InputError(
                    f"{folder}: has {_n_bins(features)} bins, expected {self.n_bins} as in {self.folders[0]}"
                )
            duplicate = next((utterance for utterance in features if utterance in self._frames), None)
            if duplicate is not None:
                raise InputError(f"{folder}: utterance {duplicate!r} is in another folder as well, expected one")
            self._frames |= features
        self.utterances = tuple(self._frames)

    def __getitem__(self, utterance: str) -> np.ndarray:
        """Return the features of one utterance, (T, F) float32: a read-only view of the file."""
        if utterance not in self._frames:
            folders = ", ".join(map(str, self.folders))
            raise InputError(f"{folders}: has no utterance {utterance!r}, expected one of its index")
        return self._frames[utterance]

    def n_frames(self, utterance: str) -> int:
        """Return the number of frames of one utterance, T."""
        return len(self[utterance])


class ArchiveWriter:
    """Context manager that writes an archive utterance by utterance, frames directly to disk.

    The archive appears under its name once it is complete; an error or a killed job leaves no archive.

    Args:
        folder: folder of the archive; an existing one is replaced.
        n_bins: frequency bins of one frame, F.
        shard_bytes: size at which a shard is closed.
    """

    def __init__(self, folder: Path, n_bins: int, *, shard_bytes: int = SHARD_BYTES) -> None:
        self.folder = Path(folder)
        self.n_bins = n_bins
        self.shard_bytes = shard_bytes
        self._index: list[tuple[str, str, int, int]] = []
        self._n_shards = 0
        self._shard: BinaryIO | None = None
        self._n_frames = 0  # of the open shard

    def __enter__(self) -> Self:
        _make_partial(self.folder)
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
            shutil.rmtree(_partial(self.folder))
            return
        _finish(self.folder, pd.DataFrame(self._index, columns=list(INDEX_COLUMNS)))

    def _open_shard(self) -> BinaryIO:
        shard = (_partial(self.folder) / _shard_name(self._n_shards)).open("wb")
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
        """Write the header of a .npy file; numpy pads it, so that its length does not change with the shape."""
        header = {"descr": "<f4", "fortran_order": False, "shape": (self._n_frames, self.n_bins)}
        np.lib.format.write_array_header_1_0(shard, header)


def gather(folders: Sequence[Path], folder: Path) -> None:
    """Join several archives into one, in their order, with hard links to their shards.

    Remaking a part does not change the joined archive, because it creates new files. On a file system
    without hard links the shards are copied. The archive appears once it is complete.

    Args:
        folders: archives of parts of a corpus; a part may have no utterance.
        folder: folder of the joined archive; an existing one is replaced.

    Raises:
        InputError: if an index or a shard is missing, truncated or damaged.
    """
    partial = _make_partial(folder)
    try:
        indices, n_shards = [], 0
        for part in folders:
            index = _read_index(part / "index.csv")
            names = {name: _shard_name(n_shards + i) for i, name in enumerate(index["shard"].unique())}
            for name, rows in groups_of(index, "shard", sort=False):
                _check_shard(part / name, _open_shard(part / name), rows)
                _link(part / name, partial / names[name])
            indices.append(index.assign(shard=index["shard"].map(names)))
            n_shards += len(names)
        _finish(folder, pd.concat(indices))
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def _shard_name(number: int) -> str:
    return f"shard{number:03d}.npy"


def _partial(folder: Path) -> Path:
    """Folder of an incomplete archive."""
    return folder.with_name(f".{folder.name}.part")


def _make_partial(folder: Path) -> Path:
    """Create an empty folder for an incomplete archive."""
    partial = _partial(folder)
    shutil.rmtree(partial, ignore_errors=True)  # left behind by a killed job
    partial.mkdir(parents=True)
    return partial


def _finish(folder: Path, index: pd.DataFrame) -> None:
    """Write the index and give the complete archive its name."""
    write_csv(_partial(folder) / "index.csv", index)
    # Snakemake removes the folder before a job, but an orphaned process of a killed run may have created it again.
    shutil.rmtree(folder, ignore_errors=True)
    _partial(folder).rename(folder)


def _link(shard: Path, new: Path) -> None:
    """Create a hard link to a shard, or a copy where links are not possible."""
    try:
        new.hardlink_to(shard)
    except OSError as error:
        logger.info("%s: copied, because hard links are not possible (%s)", shard, error.strerror)
        shutil.copyfile(shard, new)


def _read_features(folder: Path) -> dict[str, np.ndarray]:
    """Utterance -> its frames (T, F), of one folder, in the order they were written."""
    index = _read_index(folder / "index.csv")
    if index.empty:
        raise InputError(f"{folder / 'index.csv'}: is empty, expected one row per utterance")
    shards = {name: _open_shard(folder / name) for name in index["shard"].unique()}
    for name, rows in groups_of(index, "shard", sort=False):
        _check_shard(folder / name, shards[name], rows)
    bins = {frames.shape[1] for frames in shards.values()}
    if len(bins) != 1:
        raise InputError(f"{folder}: shards have {sorted(bins)} bins, expected the same in each")
    return {row.utterance: shards[row.shard][row.offset : row.offset + row.n_frames] for row in rows_of(index)}


def _n_bins(features: dict[str, np.ndarray]) -> int:
    """Frequency bins of one frame, F, of at least one utterance."""
    return next(iter(features.values())).shape[1]


def _read_index(path: Path) -> pd.DataFrame:
    """Read an index and check that its utterances are unique."""
    kinds = {"utterance": str, "shard": str, "offset": int, "n_frames": int}
    index = read_csv(path, "the index of a feature archive", kinds)
    duplicates = index.loc[index["utterance"].duplicated(), "utterance"]
    if len(duplicates):
        raise InputError(f"{path}: utterance {duplicates.iloc[0]!r} occurs twice, expected once")
    return index


def _open_shard(path: Path) -> np.ndarray:
    """Map the frames of a shard, (sum of T, F), into memory, read-only."""
    try:
        frames = np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError as error:
        raise InputError(f"{path}: is missing, expected a shard named in index.csv") from error
    except DAMAGE as error:
        reason = f"{path.name} is truncated or damaged ({error})"
        raise damaged(path.parent, reason, "complete shards") from error
    if frames.dtype != np.float32 or frames.ndim != 2:
        raise InputError(f"{path}: is {frames.dtype} of shape {frames.shape}, expected float32 (T, F)")
    return np.asarray(frames)  # still memory-mapped, without the overhead of the memmap class


def _check_shard(path: Path, frames: np.ndarray, rows: pd.DataFrame) -> None:
    """Check that the rows of the index cover the frames of their shard without gaps."""
    ends = rows["n_frames"].cumsum()
    if (rows["offset"] != ends - rows["n_frames"]).any() or (rows["n_frames"] < 1).any():
        raise InputError(f"{path}: utterances have gaps or overlap in index.csv, expected contiguous frames")
    if ends.iloc[-1] != len(frames):
        raise damaged(path.parent, f"{path.name} has {len(frames)} frames", f"{ends.iloc[-1]} as in index.csv")
