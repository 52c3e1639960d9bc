import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emofactors.corpora.manifest import MANIFEST_COLUMNS, read_manifest, write_manifest
from emofactors.corpora.shards import read_longest, shard_of, write_longest, write_shards
from emofactors.errors import InputError

NAMES = [f"s{speaker:02d}_{number}" for speaker in range(4) for number in range(10)]


def manifest_of(names):
    """Return a manifest of segments of one recording."""
    rows = dict.fromkeys(MANIFEST_COLUMNS, "") | {
        "path": "all.wav",
        "speaker": "03",
        "sample_rate_hz": 16_000,
    }
    return pd.DataFrame(
        [
            rows | {"utterance": name, "start_s": i / 3, "end_s": (i + 1) / 3, "duration_s": 1 / 3 + i / 7_000}
            for i, name in enumerate(names)
        ]
    )


def contents(folder):
    return {file.name: file.read_bytes() for file in folder.iterdir()}


@pytest.fixture
def manifest(tmp_path):
    write_manifest(manifest_of(NAMES), tmp_path / "manifest.csv")
    return read_manifest(tmp_path / "manifest.csv")


@pytest.mark.parametrize("n_shards", [1, 2, 7])
def test_every_utterance_is_in_one_shard_in_the_order_of_the_manifest(manifest, tmp_path, n_shards):
    write_shards(manifest, n_shards, tmp_path / "shards")
    shards = [read_manifest(tmp_path / "shards" / f"{shard}.csv") for shard in range(n_shards)]
    assert set(contents(tmp_path / "shards")) == {f"{shard}.csv" for shard in range(n_shards)}
    together = pd.concat(shards).sort_index(kind="stable")
    assert all(shard["utterance"].is_monotonic_increasing for shard in shards)
    pd.testing.assert_frame_equal(
        together.sort_values("utterance", ignore_index=True), manifest.sort_values("utterance", ignore_index=True)
    )


def test_a_new_utterance_changes_its_own_shard_only(manifest, tmp_path):
    write_shards(manifest, 5, tmp_path / "shards")
    before = contents(tmp_path / "shards")
    write_shards(manifest_of([*NAMES, "s02_new"]), 5, tmp_path / "again")
    after = contents(tmp_path / "again")
    assert [name for name in before if before[name] != after[name]] == [f"{shard_of('s02_new', 5)}.csv"]


def test_an_empty_shard_has_a_manifest_without_rows(manifest, tmp_path):
    write_shards(manifest[:1], 3, tmp_path / "shards")
    sizes = [len(read_manifest(tmp_path / "shards" / f"{shard}.csv")) for shard in range(3)]
    assert sorted(sizes) == [0, 0, 1]


def test_the_longest_duration_is_that_of_the_whole_corpus(manifest, tmp_path):
    write_longest(manifest, tmp_path / "longest.txt")
    assert read_longest(tmp_path / "longest.txt") == manifest["duration_s"].max()
    (tmp_path / "longest.txt").write_text("", encoding="utf-8")
    with pytest.raises(InputError, match=r"longest\.txt: is ''; expected a duration in seconds; delete it"):
        read_longest(tmp_path / "longest.txt")


@given(st.text(), st.integers(1, 64))
def test_a_shard_number_is_in_range(utterance, n_shards):
    assert 0 <= shard_of(utterance, n_shards) < n_shards


def test_shards_are_of_similar_size():
    counts = pd.Series([shard_of(f"utterance {i}", 4) for i in range(4_000)]).value_counts()
    assert len(counts) == 4
    assert counts.between(900, 1_100).all()
