import pytest

from emofactors.evaluation.runs import read_runs


def test_runs_are_identified_by_fold_and_seed_of_their_path(tmp_path):
    paths = [tmp_path / f"fold{fold}" / f"seed{seed}" / "codes.npz" for fold, seed in ((2, 0), (0, 11))]
    assert read_runs(paths, lambda path: path.name) == {(2, 0): "codes.npz", (0, 11): "codes.npz"}


def test_paths_without_fold_and_seed_and_repeated_runs_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"expected .*/fold<n>/seed<n>/"):
        read_runs([tmp_path / "codes.npz"], str)
    folder = tmp_path / "fold1" / "seed2"
    with pytest.raises(ValueError, match="fold 1 of seed 2 occurs twice"):
        read_runs([folder / "a.csv", folder / "b.csv"], str)
