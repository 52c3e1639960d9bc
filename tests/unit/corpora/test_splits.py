import os
import re
from fractions import Fraction
from itertools import combinations
from math import ceil, floor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from emofactors.config.augmentations import AugmentationSettings
from emofactors.config.corpora import corpus_config
from emofactors.config.tasks import TaskConfig
from emofactors.corpora.augmentations import copy_name, original_of
from emofactors.corpora.readers import read_corpus
from emofactors.corpora.splits import (
    FOLD_COLUMNS,
    SPLITS,
    _numbers_held_out,
    _stratified_subsets,
    make_folds,
    read_fold,
    read_folds,
    write_folds,
)
from emofactors.errors import InputError

CONFIG = Path(__file__).parents[3] / "config"

PROTOCOLS = {
    "leave_one_speaker_out": {"protocol": "leave_one_speaker_out", "folds": 6, "dev_speakers": 2},
    "speaker_groups": {"protocol": "speaker_groups", "folds": 3, "dev_speakers": 2},
    "leave_one_session_out": {"protocol": "leave_one_session_out", "folds": 3},
    "stratified_random": {"protocol": "stratified_random", "strata": ["session", "style", "gender", "emotion"]},
    "stratified_folds": {"protocol": "stratified_folds", "folds": 5, "strata": ["emotion"]},
    "holdout": {"protocol": "holdout", "column": "speaker", "dev": ["s1"], "test": ["s2", "s3"]},
    "all_train": {"protocol": "all_train"},
}
#: The splits of a task without held-out utterances of training speakers.
THREE_SPLITS = ("train", "dev", "test")
SPEAKER_INDEPENDENT = ("leave_one_speaker_out", "speaker_groups", "leave_one_session_out")

AUGMENTATION = AugmentationSettings(
    copies=("noise", "shift", "speed"), noise_snr_db=(10, 30), shift=(-0.1, 0.1), speed=(0.9, 1.1), seed=0
)
AUGMENTED = {"augmentation": "noise_shift_speed", "augmented": "training"}
BEFORE_SPLIT = {"augmentation": "noise_shift_speed", "augmented": "before_split"}
#: The three compared protocols: copies are split; training utterances are copied; test speakers are unseen.
LEAKY = PROTOCOLS["stratified_folds"] | BEFORE_SPLIT | {"shows_leak": True}
RANDOM = PROTOCOLS["stratified_folds"] | AUGMENTED
GROUPS = PROTOCOLS["speaker_groups"] | AUGMENTED


def task_of(**changes):
    return TaskConfig(**({"corpus": "acted", "classes": ["anger", "sadness"]} | changes))


def manifest(genders="fmfmfm", n_each=12, emotions=("anger", "sadness")):
    """Return speakers s0, s1, ... of the genders, two per session, with ``n_each`` utterances of each emotion."""
    rows = [
        {
            "utterance": f"s{speaker}_{emotion}_{take:02}",
            "speaker": f"s{speaker}",
            "gender": {"f": "female", "m": "male", "-": ""}[gender],
            "session": f"Ses0{speaker // 2}",
            "style": ("scripted", "improvised")[take % 2],
            "language": "en",
            "text": f"t{take % 4}",
            "emotion": emotion,
        }
        for speaker, gender in enumerate(genders)
        for emotion in emotions
        for take in range(n_each)
    ]
    return pd.DataFrame(rows)


def speakers_of_splits(folds):
    """Return fold -> split -> set of speakers."""
    return {
        number: {split: set(fold.loc[fold["split"] == split, "speaker"]) for split in THREE_SPLITS}
        for number, fold in folds.groupby("fold")
    }


@pytest.fixture(params=PROTOCOLS)
def task(request):
    return task_of(**PROTOCOLS[request.param])


def lines_of_error(utterances, **changes):
    """Return the lines of the error for a task that does not fit its corpus."""
    with pytest.raises(InputError) as error:
        make_folds(utterances, task_of(**changes))
    return str(error.value).splitlines()


# --- every protocol ------------------------------------------------------------------------------------------


def test_every_utterance_has_one_split_in_every_fold(task):
    utterances = manifest()
    folds = make_folds(utterances, task)
    assert tuple(folds.columns) == FOLD_COLUMNS
    assert sorted(folds["fold"].unique()) == list(range(task.n_folds))
    for _, fold in folds.groupby("fold"):
        assert fold["utterance"].tolist() == sorted(utterances["utterance"])
    assert folds["fold"].is_monotonic_increasing
    assert set(folds["split"]) == ({"train"} if task.protocol == "all_train" else set(THREE_SPLITS))


def test_the_row_order_of_the_manifest_has_no_effect(task):
    utterances = manifest()
    shuffled = utterances.sample(frac=1, random_state=1)
    pd.testing.assert_frame_equal(make_folds(utterances, task), make_folds(shuffled, task))


@pytest.mark.parametrize("name", ["stratified_random", "stratified_folds", "speaker_groups"])
def test_the_same_seed_gives_the_same_folds_and_another_seed_others(name):
    utterances = manifest(genders="fmfmfmfmfm")
    first, again, other = (make_folds(utterances, task_of(**PROTOCOLS[name], seed=seed)) for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(first, again)
    assert not first.equals(other)


def test_emotion_is_the_merged_class_and_other_emotions_are_left_out():
    utterances = manifest(emotions=("anger", "happiness", "excitement", "fear", "anger+fear"))
    task = task_of(classes=["happiness", "anger"], merge={"excitement": "happiness"}, protocol="all_train")
    folds = make_folds(utterances, task)
    assert folds["emotion"].value_counts().to_dict() == {"happiness": 144, "anger": 72}
    assert "s0_excitement_00" in set(folds["utterance"])


def test_the_class_absent_contains_all_other_known_emotions():
    emotions = (
        "anger",
        "anger+disgust",
        "neutral",
        "disgust",
        "other",
        "no_agreement",
        "disgust+other",
        "anger+other",
    )
    task = task_of(classes=["anger", "absent"], protocol="all_train")
    folds = make_folds(manifest(genders="f", n_each=1, emotions=emotions), task)
    assert dict(zip(folds["utterance"], folds["emotion"], strict=True)) == {
        "s0_anger_00": "anger",
        "s0_anger+disgust_00": "anger",
        "s0_anger+other_00": "anger",
        "s0_neutral_00": "absent",
        "s0_disgust_00": "absent",
    }


# --- speaker-independent protocols ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", SPEAKER_INDEPENDENT)
def test_no_speaker_is_in_two_splits(name):
    task = task_of(**PROTOCOLS[name])
    splits = speakers_of_splits(make_folds(manifest(), task))
    assert len(splits) == task.n_folds
    for speakers in splits.values():
        assert all(speakers.values())
        for one, other in combinations(THREE_SPLITS, 2):
            assert not speakers[one] & speakers[other]


@pytest.mark.parametrize("name", [*SPEAKER_INDEPENDENT, "stratified_folds"])
def test_every_utterance_is_test_once(name):
    folds = make_folds(manifest(), task_of(**PROTOCOLS[name]))
    tested = folds.loc[folds["split"] == "test", "utterance"]
    assert sorted(tested) == sorted(manifest()["utterance"])


def test_fold_i_tests_speaker_i():
    splits = speakers_of_splits(make_folds(manifest(), task_of(**PROTOCOLS["leave_one_speaker_out"])))
    assert [splits[i]["test"] for i in range(6)] == [{f"s{i}"} for i in range(6)]


def test_dev_follows_the_test_speaker_on_the_ring():
    splits = speakers_of_splits(make_folds(manifest("ffmmff"), task_of(**PROTOCOLS["leave_one_speaker_out"])))
    ring = ["s0", "s2", "s1", "s4", "s3", "s5"]  # four women at 1/8, 3/8 ..., two men at 1/4 and 3/4
    assert [splits[int(ring[i][1])]["dev"] for i in range(6)] == [
        {ring[(i + 1) % 6], ring[(i + 2) % 6]} for i in range(6)
    ]


def test_dev_of_leave_one_speaker_out_has_both_genders_and_every_speaker_equally_often():
    splits = speakers_of_splits(make_folds(manifest(), task_of(**PROTOCOLS["leave_one_speaker_out"])))
    dev = [speaker for speakers in splits.values() for speaker in speakers["dev"]]
    assert len(dev) == 12
    assert {dev.count(f"s{i}") for i in range(6)} == {2}
    for speakers in splits.values():
        assert sorted(int(speaker[1:]) % 2 for speaker in speakers["dev"]) == [0, 1]  # even: female, odd: male


def test_every_speaker_is_dev_equally_often_with_unbalanced_genders():
    task = task_of(protocol="leave_one_speaker_out", folds=7, dev_speakers=2)
    splits = speakers_of_splits(make_folds(manifest(genders="fffmfff"), task))
    dev = [speaker for speakers in splits.values() for speaker in speakers["dev"]]
    assert {dev.count(f"s{i}") for i in range(7)} == {2}


def test_groups_are_balanced_in_gender_and_size():
    utterances = manifest(genders="ffffffmmmm")
    folds = make_folds(utterances, task_of(**PROTOCOLS["speaker_groups"]))
    gender = utterances.drop_duplicates("speaker").set_index("speaker")["gender"]
    groups = [gender[sorted(speakers["test"])] for speakers in speakers_of_splits(folds).values()]
    assert [int((group == "female").sum()) for group in groups] == [2, 2, 2]
    assert sorted(int((group == "male").sum()) for group in groups) == [1, 1, 2]


def test_groups_are_balanced_in_utterances():
    utterances = manifest(genders="fmfmfmfmfmfm")
    keep = utterances["utterance"].str[-2:].astype(int) < 1 + utterances["speaker"].str[1:].astype(int)
    folds = make_folds(utterances[keep], task_of(**PROTOCOLS["speaker_groups"]))
    tested = folds[folds["split"] == "test"].groupby("fold").size()
    assert tested.max() - tested.min() <= 0.2 * tested.mean()


def test_dev_of_speaker_groups_has_both_genders_and_differs_in_every_fold():
    splits = speakers_of_splits(make_folds(manifest("fm" * 6), task_of(**PROTOCOLS["speaker_groups"])))
    dev = [speaker for speakers in splits.values() for speaker in speakers["dev"]]
    assert len(set(dev)) == len(dev) == 6
    for speakers in splits.values():
        assert sorted(int(speaker[1:]) % 2 for speaker in speakers["dev"]) == [0, 1]


def test_the_gender_of_a_single_dev_speaker_alternates():
    task = task_of(protocol="speaker_groups", folds=4, dev_speakers=1)
    splits = speakers_of_splits(make_folds(manifest(genders="fmfmfmfm"), task))
    genders = [int(next(iter(speakers["dev"]))[1:]) % 2 for speakers in splits.values()]
    assert sorted(genders) == [0, 0, 1, 1]


def test_speakers_of_unknown_gender_are_grouped():
    splits = speakers_of_splits(make_folds(manifest(genders="------"), task_of(**PROTOCOLS["speaker_groups"])))
    assert [len(speakers["test"]) for speakers in splits.values()] == [2, 2, 2]


def test_eight_speakers_form_two_groups():
    task = task_of(protocol="speaker_groups", folds=2, dev_speakers=1)
    splits = speakers_of_splits(make_folds(manifest(genders="fmfmfmfm"), task))
    assert [[len(speakers[split]) for split in THREE_SPLITS] for speakers in splits.values()] == [
        [3, 1, 4],
        [3, 1, 4],
    ]
    assert not splits[0]["test"] & splits[1]["test"]


def test_dev_is_the_session_after_test():
    folds = make_folds(manifest(), task_of(**PROTOCOLS["leave_one_session_out"]))
    splits = speakers_of_splits(folds)
    assert [splits[i]["test"] for i in range(3)] == [{"s0", "s1"}, {"s2", "s3"}, {"s4", "s5"}]
    assert [splits[i]["dev"] for i in range(3)] == [{"s2", "s3"}, {"s4", "s5"}, {"s0", "s1"}]


@st.composite
def corpora(draw, min_each=1):
    """Return a manifest of random genders, with ``min_each`` to 6 utterances of each class by each speaker."""
    counts = draw(st.lists(st.integers(min_each, 6), min_size=4, max_size=9))
    genders = draw(st.lists(st.sampled_from("fm-"), min_size=len(counts), max_size=len(counts)))
    utterances = manifest(genders=genders, n_each=6)
    take = utterances["utterance"].str[-2:].astype(int)
    speaker = utterances["speaker"].str[1:].astype(int)
    return utterances[take < speaker.map(dict(enumerate(counts)))]


@settings(max_examples=40)
@given(utterances=corpora(), data=st.data())
def test_any_corpus_is_split_without_shared_speakers(utterances, data):
    n_speakers = utterances["speaker"].nunique()
    protocol = data.draw(st.sampled_from(["leave_one_speaker_out", "speaker_groups"]))
    n_folds = n_speakers if protocol == "leave_one_speaker_out" else data.draw(st.integers(2, n_speakers))
    max_dev = n_speakers - int(np.ceil(n_speakers / n_folds)) - 1
    n_dev = data.draw(st.integers(1, max_dev))
    task = task_of(protocol=protocol, folds=n_folds, dev_speakers=n_dev, seed=data.draw(st.integers(0, 99)))
    folds = make_folds(utterances, task)
    splits = speakers_of_splits(folds)
    assert len(splits) == n_folds
    for speakers in splits.values():
        assert sum(len(speakers[split]) for split in THREE_SPLITS) == n_speakers  # disjoint and complete
        assert len(speakers["dev"]) == n_dev
        assert speakers["train"]
    sizes = [len(speakers["test"]) for speakers in splits.values()]
    assert sum(sizes) == n_speakers
    assert max(sizes) - min(sizes) <= 1
    gender = utterances.drop_duplicates("speaker").set_index("speaker")["gender"]
    for noun in gender.unique():
        of_gender = [int((gender[sorted(speakers["test"])] == noun).sum()) for speakers in splits.values()]
        assert max(of_gender) - min(of_gender) <= 1


# --- stratified_random, stratified_folds, holdout, all_train -------------------------------------------------


def test_stratified_random_tests_every_odd_subset_once_and_half_of_the_utterances():
    folds = make_folds(manifest(n_each=20), task_of(**PROTOCOLS["stratified_random"]))
    dev, test = (folds.loc[folds["split"] == split, "utterance"] for split in ("dev", "test"))
    assert not dev.duplicated().any()
    assert not test.duplicated().any()
    assert not set(dev) & set(test)
    assert set(dev) | set(test) == set(folds["utterance"])
    assert abs(len(test) - 120) <= 12  # each of 24 strata has an odd one in dev or test


def test_stratified_random_balances_strata_within_one():
    utterances = manifest(n_each=17)
    folds = make_folds(utterances, task_of(**PROTOCOLS["stratified_random"]))
    held_out = folds[folds["split"] != "train"].merge(
        utterances[["utterance", "session", "style", "gender"]], on="utterance"
    )
    counts = held_out.groupby(["session", "style", "gender", "emotion"]).apply(
        lambda stratum: (
            pd.crosstab(stratum["fold"], stratum["split"])
            .reindex(index=range(5), columns=["dev", "test"], fill_value=0)
            .to_numpy()
            .ravel()
        )
    )
    assert len(counts) == 24
    for subsets in counts:
        assert len(subsets) == 10
        assert max(subsets) - min(subsets) <= 1


def reference_subsets(utterances, strata, seed, n_subsets, random_start):
    """Return utterance -> subset: each stratum in order, shuffled and assigned round-robin."""
    rng = np.random.default_rng(seed)
    subset = {}
    for values in sorted(set(zip(*(utterances[column] for column in strata), strict=True))):
        stratum = utterances[(utterances[list(strata)] == list(values)).all(axis=1)].sort_values("utterance")
        names = stratum["utterance"].tolist()
        start = int(rng.integers(n_subsets)) if random_start else len(subset)
        for turn, place in enumerate(rng.permutation(len(names))):
            subset[names[place]] = (start + turn) % n_subsets
    return subset


def names_of_split(folds, number, split):
    return set(folds.loc[(folds["fold"] == number) & (folds["split"] == split), "utterance"])


def test_stratified_random_tests_the_odd_subsets_in_descending_order():
    task = task_of(**PROTOCOLS["stratified_random"], seed=3)
    subset = reference_subsets(manifest(), task.strata, seed=3, n_subsets=10, random_start=True)
    folds = make_folds(manifest(), task)
    for number in range(5):
        for split, of_split in (("test", 9 - 2 * number), ("dev", 8 - 2 * number)):
            assert names_of_split(folds, number, split) == {name for name in subset if subset[name] == of_split}


@pytest.mark.parametrize("n_folds", [2, 3, 5])
def test_stratified_folds_test_two_subsets_and_use_the_next_as_dev(n_folds):
    task = task_of(protocol="stratified_folds", folds=n_folds, strata=["gender", "emotion"], seed=3)
    subset = reference_subsets(manifest(), task.strata, seed=3, n_subsets=2 * n_folds, random_start=False)
    folds = make_folds(manifest(), task)
    for number in range(n_folds):
        for split, of_split in (
            ("test", {2 * number, 2 * number + 1}),
            ("dev", {(2 * number + 2) % (2 * n_folds)}),
        ):
            assert names_of_split(folds, number, split) == {name for name in subset if subset[name] in of_split}


@pytest.mark.parametrize(("n_folds", "sizes"), [(2, (36, 36, 72)), (3, (72, 24, 48)), (6, (108, 12, 24))])
def test_dev_of_stratified_folds_has_half_the_size_of_test(n_folds, sizes):
    task = task_of(protocol="stratified_folds", folds=n_folds, strata=["emotion"])
    counts = make_folds(manifest(), task).groupby("fold")["split"].value_counts().unstack()[list(THREE_SPLITS)]
    assert len(counts) == n_folds
    for found in counts.to_numpy():
        assert tuple(found) == sizes  # the 72 utterances of each emotion are spread evenly


@settings(max_examples=40)
@given(utterances=corpora(), n_folds=st.integers(2, 4), seed=st.integers(0, 99))
def test_subsets_of_stratified_folds_have_equal_sizes_in_total_and_in_every_stratum(utterances, n_folds, seed):
    task = task_of(protocol="stratified_folds", folds=n_folds, strata=["gender", "emotion"], seed=seed)
    utterances = utterances.sort_values("utterance", ignore_index=True)
    subset = _stratified_subsets(utterances, task)
    in_stratum = pd.crosstab([utterances["gender"], utterances["emotion"]], subset)
    in_stratum = in_stratum.reindex(columns=range(2 * n_folds), fill_value=0)
    for counts in (*in_stratum.to_numpy(), in_stratum.sum().to_numpy()):
        assert counts.max() - counts.min() <= 1


def test_stratified_random_shuffles_within_a_stratum():
    utterances = manifest().sort_values("utterance", ignore_index=True)
    subset = _stratified_subsets(utterances, task_of(protocol="stratified_random", strata=["emotion"]))
    anger = subset[utterances["emotion"] == "anger"].to_numpy()
    assert len(set((anger - np.arange(len(anger))) % 10)) > 1  # without a shuffle the difference is constant


def test_stratified_random_starts_each_stratum_at_random():
    utterances = manifest(n_each=11)
    task = task_of(protocol="stratified_random", strata=["speaker", "emotion"])
    folds = make_folds(utterances, task)
    sizes = folds[folds["split"] != "train"].groupby(["fold", "split"]).size()
    assert sizes.max() < 24  # with a fixed start the first subset would have two of each of 12 strata


def test_holdout_assigns_the_named_values_to_dev_and_test():
    splits = speakers_of_splits(make_folds(manifest(), task_of(**PROTOCOLS["holdout"])))
    assert splits == {0: {"train": {"s0", "s4", "s5"}, "dev": {"s1"}, "test": {"s2", "s3"}}}


def partitioned():
    """Return a manifest with a partition: two speakers train, one valid, one test, the others empty."""
    partition = {"s0": "train", "s1": "train", "s2": "valid", "s3": "test"}
    return manifest().assign(partition=lambda table: table["speaker"].map(partition).fillna(""))


PARTITION = {"protocol": "holdout", "column": "partition", "dev": ["valid"], "test": ["test"]}


def test_holdout_leaves_out_utterances_without_a_partition():
    splits = speakers_of_splits(make_folds(partitioned(), task_of(**PARTITION)))
    assert splits == {0: {"train": {"s0", "s1"}, "dev": {"s2"}, "test": {"s3"}}}


def test_a_holdout_with_missing_values_or_classes_is_an_error():
    assert lines_of_error(manifest().assign(partition=""), **PARTITION) == [
        "task: no utterance has partition 'valid' or 'test': it is empty for all 144 utterances "
        "of the task's classes, expected a corpus that provides it (docs/corpora.md)"
    ]
    without_valid = partitioned().replace({"partition": {"valid": ""}})
    assert lines_of_error(without_valid, **PARTITION) == [
        "task: dev: no utterance has partition 'valid', expected one of test, train"
    ]
    utterances = partitioned()
    without_sadness = utterances[(utterances["partition"] == "") | (utterances["emotion"] == "anger")]
    (line,) = lines_of_error(without_sadness, **PARTITION)
    assert line.startswith("task: fold 0: class 'sadness' has no training utterance")


# --- held-out utterances of training speakers ----------------------------------------------------------------


@settings(max_examples=100)
@given(
    sizes=st.dictionaries(
        st.tuples(st.sampled_from("vwxyz"), st.sampled_from(["anger", "fear", "sadness"])),
        st.integers(1, 40),
        min_size=1,
    ),
    fraction=st.sampled_from([0.07, 0.1, 0.25, 0.3, 0.5, 0.7, 0.9]),
    seed=st.integers(0, 99),
)
def test_numbers_of_held_out_utterances_keep_the_fraction_within_one(sizes, fraction, seed):
    numbers = _numbers_held_out(sizes, fraction, np.random.default_rng(seed))
    exact = {stratum: Fraction(str(fraction)) * size for stratum, size in sizes.items()}
    assert numbers.keys() == sizes.keys()
    for stratum, number in numbers.items():
        assert floor(exact[stratum]) <= number <= ceil(exact[stratum])
        assert number < sizes[stratum], "the last utterance of a stratum trains"
    if all(ceil(exact[stratum]) < sizes[stratum] for stratum in sizes):  # no stratum was limited
        assert abs(sum(numbers.values()) - sum(exact.values())) <= 1
        for speaker in {speaker for speaker, _ in sizes}:
            assert abs(sum(numbers[s] - exact[s] for s in sizes if s[0] == speaker)) <= 1


@settings(max_examples=20)
@given(utterances=corpora(min_each=2), data=st.data())
def test_held_out_speakers_are_the_training_speakers_of_any_corpus(utterances, data):
    protocol = {
        "protocol": "speaker_groups",
        "folds": data.draw(st.integers(2, 3)),
        "dev_speakers": 1,
        "seed": data.draw(st.integers(0, 99)),
    }
    fraction = data.draw(st.sampled_from([0.5, 0.7, 0.9]))  # of two utterances at least one
    without = make_folds(utterances, task_of(**protocol))
    folds = make_folds(utterances, task_of(**protocol, held_out=fraction))
    # Only training rows change their split.
    same = folds.assign(split=folds["split"].replace("held_out", "train"))
    pd.testing.assert_frame_equal(same, without)
    n_training = (without["split"] == "train").sum()
    assert n_training > (folds["split"] == "held_out").sum() > 0
    for _, fold in folds.groupby("fold"):
        speakers = fold.groupby("split")["speaker"].agg(set)
        assert speakers["held_out"] == speakers["train"]
        assert not speakers["held_out"] & (speakers["dev"] | speakers["test"])
        assert set(fold.loc[fold["split"] == "train", "emotion"]) == {"anger", "sadness"}


def test_classes_and_speakers_keep_the_fraction_if_strata_are_too_small():
    # As in RAVDESS, a tenth of every stratum is less than one utterance, and one class is half as large.
    utterances = manifest(genders="fm" * 10, n_each=8, emotions=("anger", "sadness", "fear", "calm", "neutral"))
    utterances = utterances[(utterances["emotion"] != "neutral") | (utterances["text"] < "t2")]
    classes = ["anger", "sadness", "fear", "calm", "neutral"]
    task = task_of(classes=classes, protocol="speaker_groups", folds=5, dev_speakers=4, held_out=0.1)
    folds = make_folds(utterances, task)
    for _, fold in folds.groupby("fold"):
        held_out = fold[fold["split"] == "held_out"]
        by_speaker, by_class = held_out["speaker"].value_counts(), held_out["emotion"].value_counts()
        assert set(by_speaker) <= {3, 4}  # of 36
        assert (by_class[["anger", "sadness", "fear", "calm"]] - 9.6).abs().max() < 1  # of 12 speakers' 8
        assert abs(by_class["neutral"] - 4.8) < 1


def test_held_out_utterances_differ_between_folds_and_seeds():
    task = task_of(**PROTOCOLS["speaker_groups"], held_out=0.25)
    folds = make_folds(manifest(), task)
    of_fold = [
        set(
            folds.loc[
                (folds["fold"] == n) & (folds["split"] == "held_out") & (folds["speaker"] == "s0"), "utterance"
            ]
        )
        for n in range(3)
    ]
    chosen = [names for names in of_fold if names]
    assert len(chosen) >= 1
    shuffled = make_folds(manifest().sample(frac=1, random_state=1), task)
    pd.testing.assert_frame_equal(folds, shuffled)
    leave_one = {**PROTOCOLS["leave_one_speaker_out"], "held_out": 0.25}
    by_seed = [make_folds(manifest(), task_of(**leave_one, seed=seed)) for seed in (1, 1, 2)]
    pd.testing.assert_frame_equal(by_seed[0], by_seed[1])
    assert not by_seed[0].equals(by_seed[2])
    drawn = by_seed[0][(by_seed[0]["split"] == "held_out") & (by_seed[0]["speaker"] == "s0")]
    assert drawn.groupby("fold")["utterance"].agg(frozenset).nunique() > 1


def test_a_fraction_that_holds_out_nothing_of_a_speaker_is_one_line_per_fold():
    utterances = manifest(n_each=12)
    few = utterances[(utterances["speaker"] != "s3") | (utterances["utterance"].str[-2:] < "02")]
    holdout = {"protocol": "holdout", "column": "speaker", "dev": ["s1"], "test": ["s2"]}
    assert lines_of_error(few, **holdout, held_out=0.1, claims_unseen_speakers=True) == [
        "task: held_out is 0.1: fold 0: holds out no utterance of 1 of the 4 training speakers, such as 's3' with 4 "
        "utterances; expected one of each speaker: a larger fraction"
    ]
    lines = lines_of_error(manifest("fmf", n_each=1), protocol="leave_one_speaker_out", folds=3, dev_fraction=0.1)
    assert len(lines) == 3
    assert lines[0] == (
        "task: dev_fraction is 0.1: fold 0: holds out no utterance of 2 of the 2 training speakers, such as 's1' with "
        "2 utterances; expected one of each speaker: a larger fraction"
    )


def test_the_only_training_utterance_of_a_class_is_never_held_out():
    utterances = manifest(n_each=2, emotions=("anger", "sadness", "fear"))
    one_fear = utterances[(utterances["emotion"] != "fear") | (utterances["utterance"] == "s0_fear_00")]
    holdout = {"protocol": "holdout", "column": "speaker", "dev": ["s1"], "test": ["s2"]}
    for seed in range(20):
        task = task_of(
            **holdout, classes=["anger", "sadness", "fear"], held_out=0.5, seed=seed, claims_unseen_speakers=True
        )
        folds = make_folds(one_fear, task).set_index("utterance")
        assert folds.loc["s0_fear_00", "split"] == "train"


def test_held_out_is_not_allowed_with_copies_before_the_split():
    with pytest.raises(InputError, match=r"^task: held_out is not allowed with augmented: before_split"):
        make_folds(manifest(), task_of(**LEAKY, held_out=0.1, claims_unseen_speakers=True), AUGMENTATION)


def test_the_split_held_out_is_empty_without_the_key(tmp_path):
    for name, changes in (("with", {"held_out": 0.25}), ("without", {})):
        write_folds(make_folds(manifest(), task_of(**PROTOCOLS["speaker_groups"], **changes)), tmp_path / name)
    assert len(read_fold(tmp_path / "with", 0).of_split("held_out")) == 12  # of 2 speakers' 24
    assert read_fold(tmp_path / "without", 0).of_split("held_out").empty


# --- dev of training speakers --------------------------------------------------------------------------------


@pytest.mark.parametrize("genders", ["fm", "fmf"])
def test_dev_fraction_takes_dev_from_each_stratum_of_the_training_speakers(genders):
    task = task_of(protocol="leave_one_speaker_out", folds=len(genders), dev_fraction=0.25)
    folds = make_folds(manifest(genders), task)
    names = {f"s{number}" for number in range(len(genders))}
    for number, splits in speakers_of_splits(folds).items():
        assert splits["test"] == {f"s{number}"}
        assert splits["train"] == splits["dev"] == names - splits["test"]
        counts = folds[folds["fold"] == number].groupby(["speaker", "emotion", "split"]).size()
        assert set(counts.xs("dev", level="split")) == {3}  # a quarter of twelve
        assert set(counts.xs("train", level="split")) == {9}


def test_dev_utterances_are_drawn_independently_of_held_out_ones():
    plain = {"protocol": "leave_one_speaker_out", "folds": 3, "dev_fraction": 0.25}
    without, with_held_out = (
        make_folds(manifest("fmf"), task_of(**plain, **more)) for more in ({}, {"held_out": 0.25})
    )
    pd.testing.assert_frame_equal(
        without, with_held_out.assign(split=with_held_out["split"].replace("held_out", "train"))
    )
    by_seed = [make_folds(manifest("fmf"), task_of(**plain, seed=seed)) for seed in (0, 0, 1)]
    pd.testing.assert_frame_equal(by_seed[0], by_seed[1])
    assert not by_seed[0].equals(by_seed[2])
    groups = {"protocol": "speaker_groups", "folds": 3}
    alone = make_folds(manifest(), task_of(**groups, dev_fraction=0.25))
    held_out = make_folds(manifest(), task_of(**groups, dev_speakers=1, held_out=0.25))
    chosen = [
        set(folds.loc[(folds["split"] == split) & (folds["fold"] == 0), "utterance"])
        for folds, split in ((alone, "dev"), (held_out, "held_out"))
    ]
    assert not chosen[1] <= chosen[0]


# --- augmented copies ----------------------------------------------------------------------------------------


def splits_of_originals(folds):
    """Return (fold, original) -> the splits of the original and its copies."""
    return folds.groupby(["fold", "original"])["split"].agg(set)


@settings(max_examples=40)
@given(utterances=corpora(min_each=2), data=st.data())
def test_only_training_utterances_of_any_corpus_are_copied(utterances, data):
    task = data.draw(
        st.sampled_from(
            [
                {"protocol": "stratified_folds", "folds": 2, "strata": ["emotion"]},
                {"protocol": "speaker_groups", "folds": 3, "dev_speakers": 1},
                {"protocol": "speaker_groups", "folds": 3, "dev_speakers": 1, "held_out": 0.5},
            ]
        )
    ) | {"seed": data.draw(st.integers(0, 99))}
    kinds = data.draw(st.permutations(AUGMENTATION.copies))[: data.draw(st.integers(1, 3))]
    augmentation = AUGMENTATION.model_copy(update={"copies": tuple(kinds)})
    folds = make_folds(utterances, task_of(**task, **AUGMENTED), augmentation)
    is_copy = folds["utterance"] != folds["original"]
    assert set(folds.loc[is_copy, "split"]) == {"train"}
    assert set(splits_of_originals(folds).map(len)) == {1}
    originals = folds[~is_copy].reset_index(drop=True)
    pd.testing.assert_frame_equal(originals, make_folds(utterances, task_of(**task)))
    assert is_copy.sum() == len(kinds) * (originals["split"] == "train").sum()


def test_most_copies_before_the_split_have_another_copy_in_training():
    folds = make_folds(manifest(), task_of(**LEAKY), AUGMENTATION)
    splits = splits_of_originals(folds)
    leaked = splits.map(lambda found: {"train", "test"} <= found)
    # Four rows in train (0.7), dev (0.1) or test (0.2) cover train and test with p = 1 - .8^4 - .3^4 + .1^4.
    assert leaked.mean() > 0.4
    assert len(splits) == 5 * 144


def test_copies_before_the_split_are_test_once_and_balanced_in_class():
    folds = make_folds(manifest(), task_of(**LEAKY), AUGMENTATION)
    for _, fold in folds.groupby("fold"):
        assert len(fold) == fold["utterance"].nunique() == 4 * 144
        counts = pd.crosstab(fold["emotion"], fold["split"])
        for split, share in (("train", 0.7), ("dev", 0.1), ("test", 0.2)):
            assert (counts[split] - 4 * 72 * share).abs().max() <= 2
    tested = folds.loc[folds["split"] == "test", "utterance"]
    assert len(tested) == tested.nunique() == 4 * 144


@pytest.mark.parametrize("changes", [LEAKY, RANDOM, GROUPS], ids=["leaky", "random", "groups"])
def test_a_copy_has_the_name_speaker_and_class_of_its_original(changes):
    task = task_of(**changes)
    folds = make_folds(manifest(), task, AUGMENTATION)
    assert tuple(folds.columns) == FOLD_COLUMNS
    assert folds["utterance"].map(original_of).tolist() == folds["original"].tolist()
    kinds = {
        name.removeprefix(original) for name, original in zip(folds["utterance"], folds["original"], strict=True)
    }
    assert kinds == {"", *(copy_name("", kind) for kind in AUGMENTATION.copies)}
    of_original = manifest().set_index("utterance").loc[folds["original"]]
    assert folds["speaker"].tolist() == of_original["speaker"].tolist()
    assert folds["emotion"].tolist() == of_original["emotion"].tolist()


@pytest.mark.parametrize("changes", [LEAKY, RANDOM, GROUPS], ids=["leaky", "random", "groups"])
def test_folds_with_copies_are_ordered_by_fold_and_name(changes):
    task = task_of(**changes)
    folds = make_folds(manifest(), task, AUGMENTATION)
    pd.testing.assert_frame_equal(folds, folds.sort_values(["fold", "utterance"], ignore_index=True))
    shuffled = make_folds(manifest().sample(frac=1, random_state=1), task, AUGMENTATION)
    pd.testing.assert_frame_equal(folds, shuffled)


@pytest.mark.parametrize(("changes", "augmentation"), [(RANDOM, None), (PROTOCOLS["all_train"], AUGMENTATION)])
def test_the_augmentation_must_be_that_of_the_task(changes, augmentation):
    with pytest.raises(ValueError, match=r"augmentation is .*, expected that of the task"):
        make_folds(manifest(), task_of(**changes), augmentation)


# --- files ---------------------------------------------------------------------------------------------------


def test_folds_are_read_as_they_were_written(tmp_path):
    utterances = manifest().assign(speaker=lambda table: table["speaker"].str.replace("s", "0"))
    folds = make_folds(utterances, task_of(**PROTOCOLS["leave_one_speaker_out"]))
    write_folds(folds, tmp_path / "folds.csv")
    again = read_folds(tmp_path / "folds.csv")
    assert again["speaker"].iloc[0] == "00"
    pd.testing.assert_frame_equal(again, folds, check_dtype=False)
    assert (tmp_path / "folds.csv").read_bytes().startswith(b"utterance,original,speaker,emotion,fold,split\n")


def test_a_fold_returns_the_rows_of_a_split(tmp_path):
    write_folds(make_folds(manifest(), task_of(**PROTOCOLS["leave_one_speaker_out"])), tmp_path / "folds.csv")
    fold = read_fold(tmp_path / "folds.csv", 3)
    assert fold.number == 3
    assert set(fold.of_split("test")["speaker"]) == {"s3"}
    assert list(fold.of_split("train").columns) == ["utterance", "original", "speaker", "emotion", "split"]
    assert sum(len(fold.of_split(split)) for split in SPLITS) == len(fold.utterances) == len(manifest())
    with pytest.raises(ValueError, match="split is 'valid', expected one of train, dev, test, held_out"):
        fold.of_split("valid")


def test_a_missing_fold_is_an_error(tmp_path):
    write_folds(make_folds(manifest(), task_of(**PROTOCOLS["speaker_groups"])), tmp_path / "folds.csv")
    with pytest.raises(InputError, match=r"folds\.csv: has no fold 3, expected one of 0 to 2"):
        read_fold(tmp_path / "folds.csv", 3)


# --- errors --------------------------------------------------------------------------------------------------

LEAVE_ONE_OUT, GROUPED = ({"protocol": name} for name in ("leave_one_speaker_out", "speaker_groups"))
SESSIONS, HOLDOUT = ({"protocol": name} for name in ("leave_one_session_out", "holdout"))


@pytest.mark.parametrize(
    ("genders", "changes", "message"),
    [
        ("fmfmfm", LEAVE_ONE_OUT | {"folds": 7, "dev_speakers": 1}, "task: folds is 7, expected 6: "),
        (
            "fmfmfm",
            GROUPED | {"folds": 7, "dev_speakers": 1},
            "task: folds is 7, expected at most 6: the number of ",
        ),
        (
            "fmfmfm",
            LEAVE_ONE_OUT | {"folds": 6, "dev_speakers": 5},
            "task: dev_speakers is 5, expected at most 4: 1 of 6 speakers test, and at least one must train",
        ),
        (
            "fmfmfm",
            GROUPED | {"folds": 3, "dev_speakers": 4},
            "task: dev_speakers is 4, expected at most 3: 2 of 6 ",
        ),
        (
            "fmf",
            GROUPED | {"folds": 2, "dev_speakers": 1},
            "task: folds is 2, expected 3: with 2 of 3 speakers in ",
        ),
        (
            "f",
            PROTOCOLS["leave_one_speaker_out"],
            "corpus: has 1 speaker(s), expected at least 3: train, dev and ",
        ),
        ("fm", PROTOCOLS["speaker_groups"], "corpus: has 2 speaker(s), expected at least 3: train, dev and test "),
        (
            "f",
            LEAVE_ONE_OUT | {"folds": 2, "dev_fraction": 0.25},
            "corpus: has 1 speaker(s), expected at least 2: tr",
        ),
        ("fmfmfm", SESSIONS | {"folds": 4}, "task: folds is 4, expected 3: the number of sessions"),
        ("fmfm", SESSIONS | {"folds": 2}, "corpus: has 2 session(s), expected at least 3"),
        (
            "fmfmfm",
            HOLDOUT | {"column": "speaker", "dev": ["s1"], "test": ["s9"]},
            "task: test: no utterance has speaker 's9', expected one of s0, s1, s2, s3, s4, s5",
        ),
        (
            "fmfmfm",
            HOLDOUT | {"column": "gender", "dev": ["female"], "test": ["male"]},
            "task: dev and test hold every gender (female, male), expected one left to train",
        ),
        (
            "fmfmfm",
            HOLDOUT | {"column": "emotion", "dev": ["anger"], "test": ["male"]},
            "task: test: no utterance has emotion 'male', expected one of anger, sadness",
        ),
        (
            "fmfmfm",
            {"protocol": "all_train", "classes": ["anger", "sadness", "fear"]},
            "task: classes: no utterance of the corpus is 'fear' or merges into it, expected at least one",
        ),
    ],
)
def test_a_task_that_does_not_fit_its_corpus_is_one_line(genders, changes, message):
    (line,) = lines_of_error(manifest(genders), **changes)
    assert line.startswith(message)


def test_missing_sessions_are_one_line():
    utterances = manifest().assign(session=lambda table: table["session"].where(table["speaker"] != "s1", ""))
    (line,) = lines_of_error(utterances, **PROTOCOLS["leave_one_session_out"])
    assert line == "corpus: session is empty for 24 of 144 utterances, expected a session for each"


def test_all_speakers_in_two_sessions_are_listed():
    utterances = manifest()
    moved = utterances["utterance"].isin(["s1_anger_00", "s2_anger_00"])
    utterances.loc[moved, "session"] = "Ses02"
    folds, first, second = lines_of_error(utterances, protocol="leave_one_session_out", folds=4)
    assert folds.startswith("task: folds is 4, expected 3")
    assert first.startswith("corpus: speaker 's1' occurs in sessions Ses00, Ses02; expected one")
    assert second.startswith("corpus: speaker 's2' occurs in sessions Ses01, Ses02; expected one")


@pytest.mark.parametrize("name", ["stratified_random", "stratified_folds"])
def test_too_few_utterances_for_the_subsets_are_one_line(name):
    (line,) = lines_of_error(manifest(genders="fm", n_each=2), **PROTOCOLS[name])
    assert line == (
        f"corpus: has 8 utterance(s) of the task's classes, expected at least 10: one for each subset of {name}"
    )


def test_strata_that_leave_a_subset_empty_are_one_line():
    (line,) = lines_of_error(manifest(n_each=1), protocol="stratified_random", strata=["speaker", "emotion"])
    assert re.match(r"task: strata is \['speaker', 'emotion'\]: leaves \d of the 10 subsets", line)


def test_a_class_without_training_utterances_is_one_line_per_fold():
    utterances = manifest(emotions=("anger", "sadness", "fear"))
    classes = ["anger", "sadness", "fear"]
    only_s2 = utterances[(utterances["emotion"] != "fear") | (utterances["speaker"] == "s2")]
    lines = lines_of_error(only_s2, **PROTOCOLS["leave_one_speaker_out"], classes=classes)
    assert len(lines) == 3  # once as test, twice as dev
    assert "task: fold 2: class 'fear' has no training utterance (0 dev, 12 test), expected at least one" in lines
    one_fear = utterances[(utterances["emotion"] != "fear") | (utterances["utterance"] == "s2_fear_00")]
    lines = lines_of_error(one_fear, protocol="stratified_folds", folds=2, strata=["emotion"], classes=classes)
    assert 1 <= len(lines) <= 2  # as test, and as dev if its subset is the dev subset of the other fold
    assert all("class 'fear' has no training utterance" in line for line in lines)


def test_missing_classes_and_a_wrong_number_of_folds_are_listed_together():
    task = {"protocol": "leave_one_speaker_out", "folds": 9, "dev_speakers": 1}
    assert len(lines_of_error(manifest(), **task, classes=["anger", "calm", "disgust"])) == 3


# --- the tasks of EmoDB --------------------------------------------------------------------------------------


def load(folder, name):
    return yaml.safe_load((CONFIG / folder / f"{name}.yaml").read_text(encoding="utf-8"))


def folds_of_emodb(name):
    """Return a task and its folds of the real corpus."""
    task = TaskConfig(**load("tasks", name))
    root = Path(os.environ["EMOFACTORS_CORPORA"]) / "emodb"
    rows = read_corpus(root, corpus_config(load("corpora", "emodb")))
    return task, make_folds(rows, task, AUGMENTATION if task.augmentation else None)


needs_emodb = pytest.mark.skipif(
    not (Path(os.environ.get("EMOFACTORS_CORPORA", "")) / "emodb" / "wav").is_dir(),
    reason="EMOFACTORS_CORPORA names no folder with emodb/wav",
)


@needs_emodb
@pytest.mark.parametrize(
    "name",
    [
        "emodb7_speakers",
        "emodb7_speakers_held_out",
        "emodb7_groups3",
        "emodb7_groups3_augmented",
        "emodb7_groups5_augmented",
    ],
)
def test_every_fold_of_emodb_trains_every_class(name):
    task, folds = folds_of_emodb(name)
    assert folds.loc[folds["split"] == "test", "utterance"].nunique() == 535
    trained = folds[folds["split"] == "train"].groupby("fold")["emotion"].nunique()
    assert trained.tolist() == [7] * task.n_folds
    for speakers in speakers_of_splits(folds).values():
        assert len(speakers["dev"]) == task.dev_speakers
        assert not speakers["dev"] & speakers["train"]


@needs_emodb
def test_a_fifth_of_the_copies_of_emodb_has_the_size_of_the_published_test_set():
    # Kim & Lee 2024, confusion matrix of their best model: 427 of 428 right.
    _, folds = folds_of_emodb("emodb7_random5_leaky")
    assert folds[folds["split"] == "test"].groupby("fold").size().tolist() == [428] * 5
