import errno
from pathlib import Path

import numpy as np
import pytest

from emofactors.errors import InputError
from emofactors.features.archive import ArchiveWriter, FeatureArchive, gather

N_BINS = 5


@pytest.fixture
def features():
    generator = np.random.default_rng(0)
    names = ["03a01Fa", "03", "NA", "with, comma", "last"]
    return {
        name: generator.standard_normal((n, N_BINS)).astype(np.float32)
        for name, n in zip(names, [7, 1, 12, 30, 4], strict=True)
    }


def write(folder, features, **settings):
    with ArchiveWriter(folder, N_BINS, **settings) as archive:
        for utterance, spectrogram in features:
            archive.add(utterance, spectrogram)
    return folder


@pytest.mark.parametrize(("shard_bytes", "n_shards"), [(2**20, 1), (400, 3), (1, 5)])
def test_archive_round_trips(tmp_path, features, shard_bytes, n_shards):
    folder = write(tmp_path / "archive", features.items(), shard_bytes=shard_bytes)
    assert len(list(folder.glob("shard*.npy"))) == n_shards
    archive = FeatureArchive(folder)
    assert archive.utterances == tuple(features)
    assert archive.n_bins == N_BINS
    for utterance, spectrogram in features.items():
        assert archive.n_frames(utterance) == len(spectrogram)
        np.testing.assert_array_equal(archive[utterance], spectrogram)


def test_shards_are_numpy_files_and_the_index_is_csv(tmp_path, features):
    folder = write(tmp_path / "archive", features.items())
    np.testing.assert_array_equal(np.load(folder / "shard000.npy"), np.concatenate(list(features.values())))
    lines = (folder / "index.csv").read_text(encoding="utf-8").splitlines()
    assert lines[:3] == ["utterance,shard,offset,n_frames", "03a01Fa,shard000.npy,0,7", "03,shard000.npy,7,1"]


def test_features_are_memory_mapped_and_read_only(tmp_path, features):
    spectrogram = FeatureArchive(write(tmp_path / "archive", features.items()))["last"]
    assert not spectrogram.flags.owndata
    with pytest.raises(ValueError, match="read-only"):
        spectrogram[0, 0] = 0


def test_error_leaves_no_files(tmp_path, features):
    def interrupted():
        yield from features.items()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "archive", interrupted())
    assert list(tmp_path.iterdir()) == []


def test_partial_archive_of_a_killed_job_is_replaced(tmp_path, features):
    (tmp_path / ".archive.part").mkdir()
    (tmp_path / ".archive.part" / "shard007.npy").write_bytes(b"half")
    folder = write(tmp_path / "archive", features.items())
    assert sorted(file.name for file in folder.iterdir()) == ["index.csv", "shard000.npy"]
    assert list(tmp_path.iterdir()) == [folder]


def test_archive_of_an_orphaned_process_is_replaced(tmp_path, features):
    (tmp_path / "archive").mkdir()
    (tmp_path / "archive" / "shard007.npy").write_bytes(b"half")
    folder = write(tmp_path / "archive", features.items())
    assert sorted(file.name for file in folder.iterdir()) == ["index.csv", "shard000.npy"]
    assert FeatureArchive(folder).utterances == tuple(features)


@pytest.mark.parametrize("shape", [(3, N_BINS + 1), (N_BINS,)])
def test_features_of_wrong_shape_are_refused(tmp_path, shape):
    with pytest.raises(ValueError, match="expected float32"), ArchiveWriter(tmp_path / "a", N_BINS) as archive:
        archive.add("a", np.zeros(shape, np.float32))


@pytest.mark.parametrize("n_bytes", [0, 60, 200, -1])
def test_truncated_shard_is_refused(tmp_path, features, n_bytes):
    shard = write(tmp_path / "archive", features.items()) / "shard000.npy"
    shard.write_bytes(shard.read_bytes()[:n_bytes])
    with pytest.raises(InputError, match=r": shard000\.npy is truncated or damaged.* delete it and run again"):
        FeatureArchive(shard.parent)


def test_missing_shard_is_refused(tmp_path, features):
    folder = write(tmp_path / "archive", features.items())
    (folder / "shard000.npy").unlink()
    with pytest.raises(InputError, match=r"shard000\.npy: is missing"):
        FeatureArchive(folder)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("last,shard000.npy,50,4\n", "", r"shard000\.npy has 54 frames; expected 50"),
        ("last,shard000.npy,50,4\n", "last,shard000.npy,50,5\n", r"shard000\.npy has 54 frames; expected 55"),
        ("03,shard000.npy,7,1\n", "03,shard000.npy,6,1\n", r"shard000\.npy: utterances have gaps or overlap"),
        ("last,", "03,", r"index\.csv: utterance '03' occurs twice"),
        ("n_frames", "frames", r"index\.csv"),
        ("50,4", "50,x", r"index\.csv: n_frames: a cell is not an integer"),
    ],
)
def test_inconsistent_index_is_refused(tmp_path, features, old, new, message):
    index = write(tmp_path / "archive", features.items()) / "index.csv"
    content = index.read_text(encoding="utf-8")
    assert old in content
    index.write_text(content.replace(old, new), encoding="utf-8")
    with pytest.raises(InputError, match=message):
        FeatureArchive(index.parent)


def test_folder_without_archive_is_refused(tmp_path, features):
    with pytest.raises(InputError, match=r"index\.csv: is missing"):
        FeatureArchive(tmp_path)
    with pytest.raises(InputError, match=r"index\.csv: is empty"):
        FeatureArchive(write(tmp_path / "empty", []))
    with pytest.raises(InputError, match="has no utterance 'unknown'"):
        FeatureArchive(write(tmp_path / "archive", features.items()))["unknown"]


def test_several_folders_form_one_archive(tmp_path, features):
    copies = {f"{utterance}~noise": -spectrogram for utterance, spectrogram in features.items()}
    folders = (
        write(tmp_path / "originals", features.items(), shard_bytes=400),
        write(tmp_path / "copies", copies.items(), shard_bytes=400),
    )
    archive = FeatureArchive(*folders)
    assert archive.folders == folders
    assert archive.utterances == (*features, *copies)
    assert archive.n_bins == N_BINS
    for utterance, spectrogram in (features | copies).items():
        assert archive.n_frames(utterance) == len(spectrogram)
        np.testing.assert_array_equal(archive[utterance], spectrogram)


@pytest.fixture
def parts(tmp_path, features):
    """Archives of parts of a corpus with two shards, none and one."""
    items = list(features.items())
    return [
        write(tmp_path / "parts" / "0", items[2:], shard_bytes=400),
        write(tmp_path / "parts" / "1", []),
        write(tmp_path / "parts" / "2", items[:2]),
    ]


def test_parts_are_gathered_in_order_by_hard_links(tmp_path, features, parts):
    gather(parts, tmp_path / "whole")
    archive = FeatureArchive(tmp_path / "whole")
    names = list(features)
    assert archive.utterances == (*names[2:], *names[:2])
    for utterance, spectrogram in features.items():
        np.testing.assert_array_equal(archive[utterance], spectrogram)
    files = {file.name: file.stat().st_ino for file in (tmp_path / "whole").glob("*.npy")}
    sources = [file for part in parts for file in sorted(part.glob("*.npy"))]
    assert len(sources) == 3
    assert files == {f"shard{i:03d}.npy": source.stat().st_ino for i, source in enumerate(sources)}


def test_remade_part_does_not_change_the_gathered_archive(tmp_path, features, parts):
    gather(parts, tmp_path / "whole")
    for file in parts[2].iterdir():
        file.unlink()
    write(parts[2], [("03", 2 * features["03"])])
    archive = FeatureArchive(tmp_path / "whole")
    np.testing.assert_array_equal(archive["03"], features["03"])


def test_shards_are_copied_without_hard_links(tmp_path, features, parts, monkeypatch):
    def refused(self, target):
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    gather(parts, tmp_path / "linked")
    monkeypatch.setattr(Path, "hardlink_to", refused)
    gather(parts, tmp_path / "copied")
    linked, copied = ({f.name: f.read_bytes() for f in (tmp_path / n).iterdir()} for n in ("linked", "copied"))
    assert copied == linked
    assert not (tmp_path / "copied" / "shard000.npy").samefile(parts[0] / "shard000.npy")


def test_failed_gathering_leaves_no_files(tmp_path, parts):
    (parts[2] / "shard000.npy").unlink()
    with pytest.raises(InputError, match=r"2/shard000\.npy: is missing, expected a shard"):
        gather(parts, tmp_path / "whole")
    (parts[2] / "index.csv").unlink()
    with pytest.raises(InputError, match=r"2/index\.csv: is missing"):
        gather(parts, tmp_path / "whole")
    assert [file.name for file in tmp_path.iterdir()] == ["parts"]


def test_truncated_part_is_refused(tmp_path, parts):
    shard = parts[0] / "shard000.npy"
    shard.write_bytes(shard.read_bytes()[:500])
    with pytest.raises(InputError, match=r"parts/\d+: shard000\.npy is truncated .* delete it and run again"):
        gather(parts, tmp_path / "whole")
    assert [file.name for file in tmp_path.iterdir()] == ["parts"]


def test_gathered_archive_replaces_a_partial_one(tmp_path, parts):
    (tmp_path / ".whole.part").mkdir()
    (tmp_path / ".whole.part" / "shard007.npy").write_bytes(b"half")
    gather(parts, tmp_path / "whole")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["parts", "whole"]
    assert not (tmp_path / "whole" / "shard007.npy").exists()
    gather(parts[:1], tmp_path / "whole")
    assert FeatureArchive(tmp_path / "whole").utterances == FeatureArchive(parts[0]).utterances


def test_inconsistent_folders_are_refused(tmp_path, features):
    originals = write(tmp_path / "originals", features.items())
    with ArchiveWriter(tmp_path / "wide", N_BINS + 1) as archive:
        archive.add("wide", np.zeros((3, N_BINS + 1), np.float32))
    with pytest.raises(InputError, match=rf"wide: has {N_BINS + 1} bins, expected {N_BINS} as in .*originals"):
        FeatureArchive(originals, tmp_path / "wide")
    again = write(tmp_path / "again", [("other", features["03"]), ("03", features["03"])])
    with pytest.raises(InputError, match="again: utterance '03' is in another folder"):
        FeatureArchive(originals, again)
    with pytest.raises(InputError, match="originals: utterance '03a01Fa' is in another folder"):
        FeatureArchive(originals, originals)
    with pytest.raises(InputError, match=r"missing/index\.csv: is missing"):
        FeatureArchive(originals, tmp_path / "missing")
    with pytest.raises(ValueError, match="folders is empty"):
        FeatureArchive()
