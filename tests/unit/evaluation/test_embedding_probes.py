from itertools import product

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from threadpoolctl import threadpool_limits

from emofactors.config.evaluation import ProbeSettings
from emofactors.corpora.augmentations import copy_name, original_of
from emofactors.errors import InputError
from emofactors.evaluation.embedding_probes import INFORMATION_COLUMNS, PROBE_COLUMNS, probe_runs, read_runs
from emofactors.evaluation.probe_models import Embeddings, probe
from emofactors.evaluation.scores import read_probes, speaker_confusions
from emofactors.evaluation.statistics.intervals import speaker_recalls
from emofactors.evaluation.statistics.mutual_information import cluster, information_with_permutation_null

EMOTIONS = ("anger", "sadness")
SETTINGS = ProbeSettings(folds=3, seed=0, clusters=4, permutations=8)
RUNS = tuple(product((0, 1), (0, 1)))


def run_of(
    rng,
    speakers=("03", "08", "09"),
    test_speakers=("10", "11"),
    gap=0.0,
    emotion_gap=0.0,
    splits=("train", "dev", "test", "held_out"),
    n=36,
):
    """Embeddings of one run: speakers ``gap`` apart, emotions ``emotion_gap``; they take turns."""
    tables = []
    for split in splits:
        heard = np.array(test_speakers if split == "test" else speakers)
        i = np.arange(n)
        tables.append(
            pd.DataFrame(
                {
                    "utterance": [f"{split}_{k}" for k in i],
                    "split": split,
                    "speaker": heard[i % len(heard)],
                    "emotion": np.array(EMOTIONS)[i // len(heard) % 2],
                }
            )
        )
    table = pd.concat(tables, ignore_index=True)
    embedding = rng.normal(size=(len(table), 8))
    _, i_speaker = np.unique(table["speaker"], return_inverse=True)
    embedding[np.arange(len(table)), i_speaker] += gap
    embedding[:, 7] += emotion_gap * (table["emotion"] == "anger")
    return Embeddings(
        embedding=embedding.astype(np.float32),
        **{column: table[column].to_numpy(dtype=str) for column in ("utterance", "split", "emotion", "speaker")},
    )


@pytest.fixture(autouse=True)
def one_thread():
    """Probes are held against plain ones that would take every thread."""
    with threadpool_limits(1):
        yield


@pytest.fixture(scope="module")
def runs():
    """Two folds with training speakers of their own, two seeds; speakers and emotions are a little apart."""
    rng = np.random.default_rng(0)
    speakers = {0: (("03", "08", "09"), ("10", "11")), 1: (("08", "10", "11"), ("03", "09"))}
    return {(fold, seed): run_of(rng, *speakers[fold], gap=1.0, emotion_gap=1.0) for fold, seed in RUNS}


@pytest.fixture(scope="module")
def probed(runs):
    return probe_runs(runs, SETTINGS, original_of)


def part_of(table, **keys):
    for column, value in keys.items():
        table = table[table[column] == value]
    return table


def ua_of(counts):
    """Mean recall of the labels, of counts of one run."""
    right = counts["count"].where(counts["truth"] == counts["prediction"], 0).groupby(counts["truth"]).sum()
    return float((right / counts.groupby("truth")["count"].sum()).mean())


def test_probes_of_training_utterances_are_cross_validated_over_their_speakers(runs, probed):
    for (fold, seed), kind in product(RUNS, ("linear", "mlp")):
        train = runs[fold, seed].of_split("train")
        plain = probe(train.embedding, train.speaker, groups=train.utterance, kind=kind, folds=3, seed=0)
        counts = part_of(probed.probes, probe=f"speaker_{kind}", fold=fold, seed=seed)
        assert counts["count"].sum() == 36
        assert (counts["speaker"] == counts["truth"]).all()
        assert ua_of(counts) == pytest.approx(plain.ua)


@pytest.mark.parametrize(
    ("name", "split", "label"),
    [("speaker_held_out", "held_out", "speaker"), ("emotion_linear", "test", "emotion")],
)
def test_probes_of_other_utterances_are_learnt_from_all_of_training(runs, probed, name, split, label):
    for fold, seed in RUNS:
        train, others = runs[fold, seed].of_split("train"), runs[fold, seed].of_split(split)
        mean, std = train.embedding.mean(axis=0), train.embedding.std(axis=0)
        plain = LogisticRegression(C=1.0, class_weight="balanced", max_iter=1000)
        plain.fit((train.embedding - mean) / std, getattr(train, label))
        said = plain.predict((others.embedding - mean) / std)
        counts = part_of(probed.probes, probe=name, fold=fold, seed=seed)
        expected = pd.DataFrame({"speaker": others.speaker, "truth": getattr(others, label), "prediction": said})
        expected = expected.groupby(["speaker", "truth", "prediction"]).size().rename("count").reset_index()
        pd.testing.assert_frame_equal(
            counts[list(expected.columns)].reset_index(drop=True), expected, check_dtype=False
        )
        assert ua_of(counts) == pytest.approx(balanced_accuracy_score(getattr(others, label), said))


def test_counts_of_all_runs_are_what_recalls_and_confusions_are_made_of(probed):
    recalls = speaker_recalls(part_of(probed.probes, probe="speaker_linear"))
    assert recalls.recall.shape == (2, 5)
    assert recalls.speakers == ("03", "08", "09", "10", "11")
    assert recalls.n_utterances.tolist() == [12, 24, 12, 12, 12]  # 08 is heard in the training of both folds
    confusions = speaker_confusions(part_of(probed.probes, probe="emotion_linear"), EMOTIONS)
    assert confusions.shape == (2, 4, 2, 2)
    assert confusions.sum(axis=(1, 2, 3)).tolist() == [72, 72]


def test_a_speaker_who_is_in_the_embedding_is_found_and_one_who_is_not_stays_at_chance():
    rng = np.random.default_rng(1)
    there, gone = (
        probe_runs({(0, 0): run_of(rng, gap=gap, emotion_gap=20 - gap, n=120)}, SETTINGS, original_of).probes
        for gap in (20, 0)
    )
    for name in ("speaker_linear", "speaker_mlp", "speaker_held_out"):
        assert ua_of(part_of(there, probe=name)) == 1.0
        assert ua_of(part_of(gone, probe=name)) == pytest.approx(1 / 3, abs=0.17)  # four standard errors of 120
    assert ua_of(part_of(there, probe="emotion_linear")) == pytest.approx(1 / 2, abs=0.18)
    assert ua_of(part_of(gone, probe="emotion_linear")) == 1.0


def test_copies_stay_with_their_original():
    # Copies are identical and originals unrelated: only who is asked for what it heard knows them.
    rng = np.random.default_rng(2)
    alone = run_of(rng, n=90, splits=("train",))
    kinds = ("", "noise", "shift", "speed")
    copied = Embeddings(
        embedding=np.repeat(alone.embedding, 4, axis=0),
        utterance=np.array([copy_name(u, kind) if kind else u for u in alone.utterance for kind in kinds]),
        **{of: np.repeat(getattr(alone, of), 4) for of in ("split", "emotion", "speaker")},
    )
    together, divided = (
        ua_of(part_of(probe_runs({(0, 0): copied}, SETTINGS, of).probes, probe="speaker_mlp"))
        for of in (original_of, str)
    )
    assert together == pytest.approx(1 / 3, abs=0.2)
    assert divided > together + 0.2


def test_information_is_that_of_clusters_of_the_training_utterances(runs, probed):
    for (fold, seed), label in product(RUNS, ("speaker", "emotion")):
        train = runs[fold, seed].of_split("train")
        clusters = cluster(train.embedding, n_clusters=4, seed=0)
        shared = information_with_permutation_null(
            clusters, getattr(train, label), groups=train.utterance, permutations=8, seed=0
        )
        (row,) = part_of(probed.information, label=label, fold=fold, seed=seed).to_dict("records")
        assert row["n"] == 36
        assert row["nats"] == pytest.approx(shared.nats)
        assert row["above_null"] == pytest.approx(shared.above_null)


def test_held_out_and_test_utterances_are_probed_where_there_are_some(runs):
    train_alone, without_seen = (
        probe_runs({(0, 0): run_of(np.random.default_rng(0), splits=splits)}, SETTINGS, original_of).probes
        for splits in (("train", "dev"), ("train", "test"))
    )
    assert set(train_alone["probe"]) == {"speaker_linear", "speaker_mlp"}
    assert set(without_seen["probe"]) == {"speaker_linear", "speaker_mlp", "emotion_linear"}


def test_a_speaker_with_one_original_is_not_cross_validated_but_learnt():
    run = run_of(np.random.default_rng(3), gap=20)
    is_one = (run.speaker == "03") & (run.split == "train")
    kept = ~is_one | (np.cumsum(is_one) == 1)
    probes = probe_runs({(0, 0): run.chosen(kept)}, SETTINGS, original_of).probes
    for name, speakers in (("speaker_linear", {"08", "09"}), ("speaker_held_out", {"03", "08", "09"})):
        assert set(part_of(probes, probe=name)["truth"]) == speakers
    copy = np.flatnonzero(is_one)[2]  # of the same emotion
    copied = run.utterance.astype(object)
    copied[copy] = copy_name(run.utterance[np.flatnonzero(is_one)[0]], "noise")
    with_copy = Embeddings(run.embedding, copied.astype(str), run.split, run.emotion, run.speaker)
    kept[copy] = True  # two utterances, and still one original
    probes = probe_runs({(0, 0): with_copy.chosen(kept)}, SETTINGS, original_of).probes
    assert set(part_of(probes, probe="speaker_linear")["truth"]) == {"08", "09"}


def test_one_training_speaker_is_refused():
    run = run_of(np.random.default_rng(0), speakers=("03",))
    with pytest.raises(ValueError, match="at least 2 labels"):
        probe_runs({(0, 0): run}, SETTINGS, original_of)


def test_files_have_their_columns_and_the_same_bytes_twice(runs, probed, tmp_path):
    probed.write(probes=tmp_path / "probes.csv", information=tmp_path / "information.csv")
    assert (tmp_path / "probes.csv").read_text().splitlines()[0] == ",".join(PROBE_COLUMNS)
    assert (tmp_path / "information.csv").read_text().splitlines()[0] == ",".join(INFORMATION_COLUMNS)
    read = read_probes(tmp_path / "probes.csv")
    pd.testing.assert_frame_equal(read, probed.probes, check_dtype=False)
    assert "03" in set(read["speaker"])
    assert (read["count"] > 0).all()
    backwards = probe_runs(dict(reversed(runs.items())), SETTINGS, original_of)
    backwards.write(probes=tmp_path / "again.csv", information=tmp_path / "informed.csv")
    assert (tmp_path / "again.csv").read_bytes() == (tmp_path / "probes.csv").read_bytes()
    assert (tmp_path / "informed.csv").read_bytes() == (tmp_path / "information.csv").read_bytes()


def test_runs_are_known_by_their_paths(runs, tmp_path):
    paths = []
    for (fold, seed), run in runs.items():
        paths.append(tmp_path / f"fold{fold}" / f"seed{seed}" / "embeddings.npz")
        paths[-1].parent.mkdir(parents=True)
        np.savez(paths[-1], **vars(run))
    read = read_runs(paths)
    assert list(read) == list(RUNS)
    np.testing.assert_array_equal(read[1, 0].embedding, runs[1, 0].embedding)
    np.testing.assert_array_equal(read[1, 0].speaker, runs[1, 0].speaker)
    with pytest.raises(ValueError, match="expected a path with /fold"):
        read_runs([tmp_path / "embeddings.npz"])
    paths[0].write_bytes(b"")
    with pytest.raises(InputError, match=r"fold0/seed0/embeddings\.npz: is no archive"):
        read_runs(paths)
