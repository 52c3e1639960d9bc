import os
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
from emofactors.config.corpora import CorpusConfig
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
#: The three protocols whose scores are set side by side: copies divided too; training copied; voices unseen.
A = PROTOCOLS["stratified_folds"] | BEFORE_SPLIT | {"shows_leak": True}
B = PROTOCOLS["stratified_folds"] | AUGMENTED
C = PROTOCOLS["speaker_groups"] | AUGMENTED


def task_of(**changes):
    return TaskConfig(**({"corpus": "acted", "classes": ["anger", "sadness"]} | changes))


def manifest(genders="fmfmfm", n_each=12, emotions=("anger", "sadness")):
    """Speakers s0, s1 ... of the genders, two a session, ``n_each`` utterances of each emotion by each."""
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
    """Fold -> split -> set of speakers."""
    return {
        number: {split: set(fold.loc[fold["split"] == split, "speaker"]) for split in THREE_SPLITS}
        for number, fold in folds.groupby("fold")
    }


@pytest.fixture(params=PROTOCOLS)
def task(request):
    return task_of(**PROTOCOLS[request.param])


@pytest.fixture(params=SPEAKER_INDEPENDENT)
def independent_task(request):
    return task_of(**PROTOCOLS[request.param])


# --- every protocol


def test_every_utterance_has_one_split_in_every_fold(task):
    utterances = manifest()
    folds = make_folds(utterances, task)
    assert tuple(folds.columns) == FOLD_COLUMNS
    assert sorted(folds["fold"].unique()) == list(range(task.n_folds))
    for _, fold in folds.groupby("fold"):
        assert fold["utterance"].tolist() == sorted(utterances["utterance"])
    assert folds["fold"].is_monotonic_increasing
    assert set(folds["split"]) == ({"train"} if task.protocol == "all_train" else set(THREE_SPLITS))


def test_row_order_of_the_manifest_changes_nothing(task):
    utterances = manifest()
    shuffled = utterances.sample(frac=1, random_state=1)
    pd.testing.assert_frame_equal(make_folds(utterances, task), make_folds(shuffled, task))


@pytest.mark.parametrize("name", ["stratified_random", "stratified_folds", "speaker_groups"])
def test_same_seed_same_folds_other_seed_other_folds(name):
    utterances = manifest(genders="fmfmfmfmfm")
    first, again, other = (make_folds(utterances, task_of(**PROTOCOLS[name], seed=seed)) for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(first, again)
    assert not first.equals(other)


def test_emotion_is_the_class_after_merging_and_others_are_left_out():
    utterances = manifest(emotions=("anger", "happiness", "excitement", "fear", "anger+fear"))
    task = task_of(classes=["happiness", "anger"], merge={"excitement": "happiness"}, protocol="all_train")
    folds = make_folds(utterances, task)
    assert folds["emotion"].value_counts().to_dict() == {"happiness": 144, "anger": 72}
    assert "s0_excitement_00" in set(folds["utterance"])


def test_a_class_that_is_absent_takes_in_every_utterance_whose_emotions_are_known():
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


# --- speaker-independent protocols


def test_no_speaker_in_two_splits(independent_task):
    splits = speakers_of_splits(make_folds(manifest(), independent_task))
    assert len(splits) == independent_task.n_folds
    for speakers in splits.values():
        for one, other in combinations(THREE_SPLITS, 2):
            assert not speakers[one] & speakers[other]


def test_dev_never_shares_a_speaker_with_train(independent_task):
    for speakers in speakers_of_splits(make_folds(manifest(), independent_task)).values():
        assert speakers["dev"]
        assert not speakers["dev"] & speakers["train"]


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


def test_dev_of_leave_one_speaker_out_is_of_both_genders_and_uses_all_speakers_evenly():
    splits = speakers_of_splits(make_folds(manifest(), task_of(**PROTOCOLS["leave_one_speaker_out"])))
    dev = [speaker for speakers in splits.values() for speaker in speakers["dev"]]
    assert len(dev) == 12
    assert {dev.count(f"s{i}") for i in range(6)} == {2}
    for speakers in splits.values():
        assert sorted(int(speaker[1:]) % 2 for speaker in speakers["dev"]) == [0, 1]  # even: female, odd: male


def test_dev_of_leave_one_speaker_out_is_even_where_genders_are_not():
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


def test_dev_of_speaker_groups_is_of_both_genders_and_new_in_every_fold():
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


def test_speakers_of_unknown_gender_are_divided_too():
    splits = speakers_of_splits(make_folds(manifest(genders="------"), task_of(**PROTOCOLS["speaker_groups"])))
    assert [len(speakers["test"]) for speakers in splits.values()] == [2, 2, 2]


def test_eight_speakers_make_two_groups():
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
def corpora(draw, least=1):
    """A small manifest of random genders and numbers of utterances, ``least`` of every class by every speaker."""
    counts = draw(st.lists(st.integers(least, 6), min_size=4, max_size=9))
    genders = draw(st.lists(st.sampled_from("fm-"), min_size=len(counts), max_size=len(counts)))
    utterances = manifest(genders=genders, n_each=6)
    take = utterances["utterance"].str[-2:].astype(int)
    speaker = utterances["speaker"].str[1:].astype(int)
    return utterances[take < speaker.map(dict(enumerate(counts)))]


@settings(max_examples=40, deadline=None)
@given(utterances=corpora(), data=st.data())
def test_any_corpus_is_divided_without_sharing_a_speaker(utterances, data):
    n_speakers = utterances["speaker"].nunique()
    protocol = data.draw(st.sampled_from(["leave_one_speaker_out", "speaker_groups"]))
    n_folds = n_speakers if protocol == "leave_one_speaker_out" else data.draw(st.integers(2, n_speakers))
    most_dev = n_speakers - int(np.ceil(n_speakers / n_folds)) - 1
    n_dev = data.draw(st.integers(1, most_dev))
    task = task_of(protocol=protocol, folds=n_folds, dev_speakers=n_dev, seed=data.draw(st.integers(0, 99)))
    folds = make_folds(utterances, task)
    splits = speakers_of_splits(folds)
    assert len(splits) == n_folds
    for speakers in splits.values():
        assert sum(len(speakers[split]) for split in THREE_SPLITS) == n_speakers  # disjoint, and nobody is lost
        assert len(speakers["dev"]) == n_dev
        assert speakers["train"]
    sizes = [len(speakers["test"]) for speakers in splits.values()]
    assert sum(sizes) == n_speakers
    assert max(sizes) - min(sizes) <= 1
    gender = utterances.drop_duplicates("speaker").set_index("speaker")["gender"]
    for noun in gender.unique():
        of_gender = [int((gender[sorted(speakers["test"])] == noun).sum()) for speakers in splits.values()]
        assert max(of_gender) - min(of_gender) <= 1


# --- stratified_random, stratified_folds, holdout, all_train


def test_stratified_random_tests_every_odd_subset_once_and_half_of_the_utterances():
    folds = make_folds(manifest(n_each=20), task_of(**PROTOCOLS["stratified_random"]))
    dev, test = (folds.loc[folds["split"] == split, "utterance"] for split in ("dev", "test"))
    assert not dev.duplicated().any()
    assert not test.duplicated().any()
    assert not set(dev) & set(test)
    assert set(dev) | set(test) == set(folds["utterance"])
    assert abs(len(test) - 120) <= 12  # each of 24 strata puts its odd one out to dev or to test


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


def subsets_written_plainly(utterances, strata, seed, n_subsets, random_start):
    """Utterance -> number of its subset: each stratum, in the order of its values, shuffled and dealt round."""
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


def test_stratified_random_tests_the_odd_subsets_from_the_last_on():
    task = task_of(**PROTOCOLS["stratified_random"], seed=3)
    subset = subsets_written_plainly(manifest(), task.strata, seed=3, n_subsets=10, random_start=True)
    folds = make_folds(manifest(), task)
    for number in range(5):
        for split, of_split in (("test", 9 - 2 * number), ("dev", 8 - 2 * number)):
            assert names_of_split(folds, number, split) == {name for name in subset if subset[name] == of_split}


@pytest.mark.parametrize("n_folds", [2, 3, 5])
def test_stratified_folds_test_two_subsets_and_dev_is_the_next(n_folds):
    task = task_of(protocol="stratified_folds", folds=n_folds, strata=["gender", "emotion"], seed=3)
    subset = subsets_written_plainly(manifest(), task.strata, seed=3, n_subsets=2 * n_folds, random_start=False)
    folds = make_folds(manifest(), task)
    for number in range(n_folds):
        for split, of_split in (
            ("test", {2 * number, 2 * number + 1}),
            ("dev", {(2 * number + 2) % (2 * n_folds)}),
        ):
            assert names_of_split(folds, number, split) == {name for name in subset if subset[name] in of_split}


@pytest.mark.parametrize(("n_folds", "sizes"), [(2, (36, 36, 72)), (3, (72, 24, 48)), (6, (108, 12, 24))])
def test_dev_of_stratified_folds_is_half_of_what_is_tested(n_folds, sizes):
    task = task_of(protocol="stratified_folds", folds=n_folds, strata=["emotion"])
    counts = make_folds(manifest(), task).groupby("fold")["split"].value_counts().unstack()[list(THREE_SPLITS)]
    assert len(counts) == n_folds
    for found in counts.to_numpy():
        assert tuple(found) == sizes  # each emotion has 72 utterances, of which every subset gets as many


@settings(max_examples=40, deadline=None)
@given(utterances=corpora(), n_folds=st.integers(2, 4), seed=st.integers(0, 99))
def test_stratified_folds_are_of_one_size_in_all_and_in_every_stratum(utterances, n_folds, seed):
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
    assert len(set((anger - np.arange(len(anger))) % 10)) > 1  # unshuffled, neighbours were one subset apart


def test_stratified_random_starts_each_stratum_at_random():
    utterances = manifest(n_each=11)
    task = task_of(protocol="stratified_random", strata=["speaker", "emotion"])
    folds = make_folds(utterances, task)
    sizes = folds[folds["split"] != "train"].groupby(["fold", "split"]).size()
    assert sizes.max() < 24  # were each dealt from the first subset on, that would get two of each of 12 strata


def test_holdout_gives_the_named_values_their_splits():
    splits = speakers_of_splits(make_folds(manifest(), task_of(**PROTOCOLS["holdout"])))
    assert splits == {0: {"train": {"s0", "s4", "s5"}, "dev": {"s1"}, "test": {"s2", "s3"}}}


def partitioned():
    """The manifest where the publishers name the first two speakers for training, one each to choose and test."""
    partition = {"s0": "train", "s1": "train", "s2": "valid", "s3": "test"}
    return manifest().assign(partition=lambda table: table["speaker"].map(partition).fillna(""))


PARTITION = {"protocol": "holdout", "column": "partition", "dev": ["valid"], "test": ["test"]}


def test_holdout_leaves_out_what_the_publishers_gave_no_partition():
    splits = speakers_of_splits(make_folds(partitioned(), task_of(**PARTITION)))
    assert splits == {0: {"train": {"s0", "s1"}, "dev": {"s2"}, "test": {"s3"}}}


def test_a_corpus_without_a_partition_is_said():
    with pytest.raises(InputError) as error:
        make_folds(manifest().assign(partition=""), task_of(**PARTITION))
    assert str(error.value) == (
        "task: no utterance has partition 'valid' or 'test': it is empty for all 144 utterances "
        "of the task's classes, expected a corpus that states it (docs/corpora.md)"
    )


def test_a_partition_that_lacks_a_part_is_said_with_those_there_are():
    utterances = partitioned().replace({"partition": {"valid": ""}})
    with pytest.raises(InputError) as error:
        make_folds(utterances, task_of(**PARTITION))
    assert str(error.value) == "task: dev: no utterance has partition 'valid', expected one of test, train"


def test_a_class_that_only_utterances_without_a_partition_have_is_not_trained():
    utterances = partitioned()
    utterances = utterances[(utterances["partition"] == "") | (utterances["emotion"] == "anger")]
    with pytest.raises(InputError, match="task: fold 0: class 'sadness' has no training utterance"):
        make_folds(utterances, task_of(**PARTITION))


# --- held-out utterances of training speakers


@settings(max_examples=100, deadline=None)
@given(
    sizes=st.dictionaries(
        st.tuples(st.sampled_from("vwxyz"), st.sampled_from(["anger", "fear", "sadness"])),
        st.integers(1, 40),
        min_size=1,
    ),
    fraction=st.sampled_from([0.07, 0.1, 0.25, 0.3, 0.5, 0.7, 0.9]),
    seed=st.integers(0, 99),
)
def test_numbers_of_seen_utterances_keep_the_fraction_within_one(sizes, fraction, seed):
    numbers = _numbers_held_out(sizes, fraction, np.random.default_rng(seed))
    exact = {stratum: Fraction(str(fraction)) * size for stratum, size in sizes.items()}
    assert numbers.keys() == sizes.keys()
    for stratum, number in numbers.items():
        assert floor(exact[stratum]) <= number <= ceil(exact[stratum])
        assert number < sizes[stratum], "a speaker's last utterance of a class is trained"
    if all(ceil(exact[stratum]) < sizes[stratum] for stratum in sizes):  # no stratum was spared
        assert abs(sum(numbers.values()) - sum(exact.values())) <= 1
        for speaker in {speaker for speaker, _ in sizes}:
            assert abs(sum(numbers[s] - exact[s] for s in sizes if s[0] == speaker)) <= 1


@settings(max_examples=20, deadline=None)
@given(utterances=corpora(least=2), data=st.data())
def test_seen_speakers_are_the_training_speakers_of_any_corpus(utterances, data):
    protocol = {
        "protocol": "speaker_groups",
        "folds": data.draw(st.integers(2, 3)),
        "dev_speakers": 1,
        "seed": data.draw(st.integers(0, 99)),
    }
    fraction = data.draw(st.sampled_from([0.5, 0.7, 0.9]))  # of two utterances at least one
    without = make_folds(utterances, task_of(**protocol))
    folds = make_folds(utterances, task_of(**protocol, held_out=fraction))
    # Nothing but training rows has another split, and what was dev and test still is.
    same = folds.assign(split=folds["split"].replace("held_out", "train"))
    pd.testing.assert_frame_equal(same, without)
    n_training = (without["split"] == "train").sum()
    assert n_training > (folds["split"] == "held_out").sum() > 0
    for _, fold in folds.groupby("fold"):
        speakers = fold.groupby("split")["speaker"].agg(set)
        assert speakers["held_out"] == speakers["train"]
        assert not speakers["held_out"] & (speakers["dev"] | speakers["test"])
        assert set(fold.loc[fold["split"] == "train", "emotion"]) == {"anger", "sadness"}


@settings(max_examples=12, deadline=None)
@given(utterances=corpora(least=2), kinds=st.integers(1, 3), seed=st.integers(0, 99))
def test_no_seen_utterance_has_a_copy_and_no_copy_is_seen(utterances, kinds, seed):
    augmentation = AUGMENTATION.model_copy(update={"copies": AUGMENTATION.copies[:kinds]})
    plain = {"protocol": "speaker_groups", "folds": 3, "dev_speakers": 1, "seed": seed, "held_out": 0.5}
    originals = make_folds(utterances, task_of(**plain))
    folds = make_folds(utterances, task_of(**plain, **AUGMENTED), augmentation)
    is_copy = folds["utterance"] != folds["original"]
    assert set(folds.loc[is_copy, "split"]) == {"train"}
    assert set(splits_of_originals(folds).map(len)) == {1}
    assert is_copy.sum() == kinds * (originals["split"] == "train").sum()
    pd.testing.assert_frame_equal(folds[~is_copy].reset_index(drop=True), originals)


def test_each_class_and_speaker_gives_its_share_where_no_stratum_comes_to_an_utterance():
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


def test_seen_utterances_are_others_in_every_fold_and_with_another_seed():
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


def test_a_fraction_that_leaves_a_speaker_unseen_is_said_in_one_line_a_fold():
    utterances = manifest(n_each=12)
    few = utterances[(utterances["speaker"] != "s3") | (utterances["utterance"].str[-2:] < "02")]
    task = task_of(
        protocol="holdout", column="speaker", dev=["s1"], test=["s2"], held_out=0.1, claims_unseen_speakers=True
    )
    with pytest.raises(InputError) as error:
        make_folds(few, task)
    assert str(error.value) == (
        "task: held_out is 0.1: fold 0: holds out no utterance of 1 of the 4 training speakers, 's3' with 4 is one; "
        "expected one of each speaker: a larger fraction"
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


def test_seen_utterances_of_copies_divided_like_utterances_are_refused():
    with pytest.raises(InputError) as error:
        make_folds(manifest(), task_of(**A, held_out=0.1, claims_unseen_speakers=True), AUGMENTATION)
    assert str(error.value) == (
        "task: held_out does not go with augmented: before_split, which divides copies like utterances"
    )


def test_a_fold_gives_the_rows_of_the_split_seen_and_none_without_it(tmp_path):
    for name, changes in (("with", {"held_out": 0.25}), ("without", {})):
        write_folds(make_folds(manifest(), task_of(**PROTOCOLS["speaker_groups"], **changes)), tmp_path / name)
    assert len(read_fold(tmp_path / "with", 0).of_split("held_out")) == 12  # of 2 speakers' 24
    assert read_fold(tmp_path / "without", 0).of_split("held_out").empty


# --- dev of training speakers


@pytest.mark.parametrize("genders", ["fm", "fmf"])
def test_few_speakers_have_dev_utterances_instead_of_dev_speakers(genders):
    task = task_of(protocol="leave_one_speaker_out", folds=len(genders), dev_fraction=0.25)
    folds = make_folds(manifest(genders), task)
    names = {f"s{number}" for number in range(len(genders))}
    for number, splits in speakers_of_splits(folds).items():
        assert splits["test"] == {f"s{number}"}
        assert splits["train"] == splits["dev"] == names - splits["test"]
        counts = folds[folds["fold"] == number].groupby(["speaker", "emotion", "split"]).size()
        assert set(counts.xs("dev", level="split")) == {3}  # a quarter of twelve
        assert set(counts.xs("train", level="split")) == {9}


def test_dev_utterances_are_not_drawn_like_seen_ones():
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


def test_a_fraction_that_leaves_a_speaker_without_dev_is_said():
    task = task_of(protocol="leave_one_speaker_out", folds=3, dev_fraction=0.1)
    with pytest.raises(InputError) as error:
        make_folds(manifest("fmf", n_each=1), task)
    assert str(error.value).splitlines()[0] == (
        "task: dev_fraction is 0.1: fold 0: holds out no utterance of 2 of the 2 training speakers, 's1' with 2 is "
        "one; expected one of each speaker: a larger fraction"
    )


def test_one_speaker_is_too_few_without_dev_speakers_too():
    with pytest.raises(InputError, match=r"has 1 speaker\(s\), expected at least 2: train and test share none"):
        make_folds(manifest("f"), task_of(protocol="leave_one_speaker_out", folds=2, dev_fraction=0.25))


# --- copies


def splits_of_originals(folds):
    """(Fold, original) -> the splits its own row and its copies have."""
    return folds.groupby(["fold", "original"])["split"].agg(set)


@pytest.mark.parametrize("changes", [B, C], ids=["B", "C"])
def test_no_copy_of_a_test_or_dev_utterance_is_in_training(changes):
    task = task_of(**changes)
    folds = make_folds(manifest(), task, AUGMENTATION)
    assert sorted(folds["fold"].unique()) == list(range(task.n_folds))
    for _, fold in folds.groupby("fold"):
        trained = fold[fold["split"] == "train"]
        held_out = fold[fold["split"] != "train"]
        assert len(trained) == 4 * trained["original"].nunique()
        assert not set(trained["original"]) & set(held_out["original"])
        assert held_out["utterance"].tolist() == held_out["original"].tolist()


@settings(max_examples=40, deadline=None)
@given(utterances=corpora(), data=st.data())
def test_no_copy_of_a_held_out_utterance_of_any_corpus_is_in_training(utterances, data):
    independent = data.draw(st.booleans())
    protocol = {"protocol": "speaker_groups", "folds": 3, "dev_speakers": 1} if independent else {}
    protocol = protocol or {"protocol": "stratified_folds", "folds": 2, "strata": ["emotion"]}
    kinds = data.draw(st.permutations(AUGMENTATION.copies))[: data.draw(st.integers(1, 3))]
    augmentation = AUGMENTATION.model_copy(update={"copies": tuple(kinds)})
    task = task_of(**protocol, **AUGMENTED, seed=data.draw(st.integers(0, 99)))
    folds = make_folds(utterances, task, augmentation)
    assert set(splits_of_originals(folds).map(len)) == {1}
    is_copy = folds["utterance"] != folds["original"]
    assert set(folds.loc[is_copy, "split"]) == {"train"}
    assert is_copy.sum() == len(kinds) * (~is_copy & (folds["split"] == "train")).sum()


def test_of_copies_divided_like_utterances_most_have_another_in_training():
    folds = make_folds(manifest(), task_of(**A), AUGMENTATION)
    splits = splits_of_originals(folds)
    leaked = splits.map(lambda found: {"train", "test"} <= found)
    assert (
        leaked.mean() > 0.4
    )  # of four rows, 7 in 10 train and 2 in 10 test: both happen to 1 - .8^4 - .3^4 + .1^4
    assert len(splits) == 5 * 144


def test_copies_divided_like_utterances_are_test_once_each_and_balanced_in_class():
    folds = make_folds(manifest(), task_of(**A), AUGMENTATION)
    for _, fold in folds.groupby("fold"):
        assert len(fold) == fold["utterance"].nunique() == 4 * 144
        counts = pd.crosstab(fold["emotion"], fold["split"])
        for split, share in (("train", 0.7), ("dev", 0.1), ("test", 0.2)):
            assert (counts[split] - 4 * 72 * share).abs().max() <= 2
    tested = folds.loc[folds["split"] == "test", "utterance"]
    assert len(tested) == tested.nunique() == 4 * 144


@pytest.mark.parametrize("changes", [A, B, C], ids=["A", "B", "C"])
def test_a_copy_is_named_for_its_original_and_has_its_speaker_and_class(changes):
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


@pytest.mark.parametrize("changes", [A, B, C], ids=["A", "B", "C"])
def test_folds_with_copies_are_ordered_by_fold_and_name_whatever_the_order_of_the_manifest(changes):
    task = task_of(**changes)
    folds = make_folds(manifest(), task, AUGMENTATION)
    pd.testing.assert_frame_equal(folds, folds.sort_values(["fold", "utterance"], ignore_index=True))
    shuffled = make_folds(manifest().sample(frac=1, random_state=1), task, AUGMENTATION)
    pd.testing.assert_frame_equal(folds, shuffled)


@pytest.mark.parametrize("changes", [B, C], ids=["B", "C"])
def test_copying_training_changes_no_split_of_an_original(changes):
    plain = {key: value for key, value in changes.items() if key not in AUGMENTED}
    folds = make_folds(manifest(), task_of(**changes), AUGMENTATION)
    originals = folds[folds["utterance"] == folds["original"]].reset_index(drop=True)
    pd.testing.assert_frame_equal(originals, make_folds(manifest(), task_of(**plain)))


@pytest.mark.parametrize(("changes", "augmentation"), [(B, None), (PROTOCOLS["all_train"], AUGMENTATION)])
def test_an_augmentation_that_is_not_the_task_s_is_refused(changes, augmentation):
    with pytest.raises(ValueError, match=r"augmentation is .*, expected that of the task"):
        make_folds(manifest(), task_of(**changes), augmentation)


# --- files


def test_folds_are_read_as_they_were_written(tmp_path):
    utterances = manifest().assign(speaker=lambda table: table["speaker"].str.replace("s", "0"))
    folds = make_folds(utterances, task_of(**PROTOCOLS["leave_one_speaker_out"]))
    write_folds(folds, tmp_path / "folds.csv")
    again = read_folds(tmp_path / "folds.csv")
    assert again["speaker"].iloc[0] == "00"
    pd.testing.assert_frame_equal(again, folds, check_dtype=False)
    assert (tmp_path / "folds.csv").read_bytes().startswith(b"utterance,original,speaker,emotion,fold,split\n")


def test_a_fold_gives_the_rows_of_a_split(tmp_path):
    write_folds(make_folds(manifest(), task_of(**PROTOCOLS["leave_one_speaker_out"])), tmp_path / "folds.csv")
    fold = read_fold(tmp_path / "folds.csv", 3)
    assert fold.number == 3
    assert set(fold.of_split("test")["speaker"]) == {"s3"}
    assert list(fold.of_split("train").columns) == ["utterance", "original", "speaker", "emotion", "split"]
    assert sum(len(fold.of_split(split)) for split in SPLITS) == len(fold.utterances) == len(manifest())
    with pytest.raises(ValueError, match="split is 'valid', expected one of train, dev, test, held_out"):
        fold.of_split("valid")


def test_a_fold_that_is_not_there_is_said(tmp_path):
    write_folds(make_folds(manifest(), task_of(**PROTOCOLS["speaker_groups"])), tmp_path / "folds.csv")
    with pytest.raises(InputError, match=r"folds\.csv: has no fold 3, expected one of 0 to 2"):
        read_fold(tmp_path / "folds.csv", 3)


# --- what can be wrong


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"protocol": "leave_one_speaker_out", "folds": 7, "dev_speakers": 1}, "task: folds is 7, expected 6: "),
        (
            {"protocol": "speaker_groups", "folds": 7, "dev_speakers": 1},
            "task: folds is 7, expected at most 6: the number of speakers",
        ),
        (
            {"protocol": "leave_one_speaker_out", "folds": 6, "dev_speakers": 5},
            "task: dev_speakers is 5, expected at most 4: 1 of 6 speakers test, and none would be left to train",
        ),
        (
            {"protocol": "speaker_groups", "folds": 3, "dev_speakers": 4},
            "task: dev_speakers is 4, expected at most 3: 2 of 6 speakers test",
        ),
        (
            {"protocol": "leave_one_session_out", "folds": 4},
            "task: folds is 4, expected 3: the number of sessions",
        ),
        (
            {"protocol": "holdout", "column": "speaker", "dev": ["s1"], "test": ["s9"]},
            "task: test: no utterance has speaker 's9', expected one of s0, s1, s2, s3, s4, s5",
        ),
        (
            {"protocol": "holdout", "column": "gender", "dev": ["female"], "test": ["male"]},
            "task: dev and test hold every gender (female, male), expected one left to train",
        ),
        (
            {"protocol": "holdout", "column": "emotion", "dev": ["anger"], "test": ["male"]},
            "task: test: no utterance has emotion 'male', expected one of anger, sadness",
        ),
        (
            {"protocol": "all_train", "classes": ["anger", "sadness", "fear"]},
            "task: classes: no utterance of the corpus is 'fear' or merges into it, expected at least one",
        ),
    ],
)
def test_a_task_that_does_not_fit_its_corpus_is_said_in_one_line(changes, message):
    with pytest.raises(InputError) as error:
        make_folds(manifest(), task_of(**changes))
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("genders", ["f", "fm"])
@pytest.mark.parametrize("name", ["leave_one_speaker_out", "speaker_groups"])
def test_too_few_speakers_are_said(genders, name):
    with pytest.raises(InputError, match=rf"corpus: has {len(genders)} speaker\(s\), expected at least 3"):
        make_folds(manifest(genders=genders), task_of(**PROTOCOLS[name]))


def test_three_speakers_make_no_two_groups():
    task = task_of(protocol="speaker_groups", folds=2, dev_speakers=1)
    with pytest.raises(InputError, match="task: folds is 2, expected 3: with 2 of 3 speakers in test"):
        make_folds(manifest(genders="fmf"), task)


def test_missing_sessions_are_said():
    utterances = manifest().assign(session=lambda table: table["session"].where(table["speaker"] != "s1", ""))
    with pytest.raises(InputError, match="corpus: session is empty for 24 of 144 utterances"):
        make_folds(utterances, task_of(**PROTOCOLS["leave_one_session_out"]))


def test_too_few_sessions_are_said():
    with pytest.raises(InputError, match=r"corpus: has 2 session\(s\), expected at least 3"):
        make_folds(manifest(genders="fmfm"), task_of(protocol="leave_one_session_out", folds=2))


def test_every_speaker_of_two_sessions_is_named_at_once():
    utterances = manifest()
    moved = utterances["utterance"].isin(["s1_anger_00", "s2_anger_00"])
    utterances.loc[moved, "session"] = "Ses02"
    with pytest.raises(InputError) as error:
        make_folds(utterances, task_of(protocol="leave_one_session_out", folds=4))
    lines = str(error.value).splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("task: folds is 4, expected 3")
    assert lines[1].startswith("corpus: speaker 's1' occurs in sessions Ses00, Ses02; expected one")
    assert lines[2].startswith("corpus: speaker 's2' occurs in sessions Ses01, Ses02; expected one")


def test_too_few_utterances_for_ten_subsets_are_said():
    with pytest.raises(InputError, match=r"corpus: has 8 utterance\(s\) .* expected at least 10"):
        make_folds(manifest(genders="fm", n_each=2), task_of(**PROTOCOLS["stratified_random"]))


def test_too_few_utterances_for_two_subsets_a_fold_are_said():
    task = task_of(protocol="stratified_folds", folds=5, strata=["emotion"])
    message = r"corpus: has 8 utterance\(s\) .* expected at least 10: one for each subset of stratified_folds"
    with pytest.raises(InputError, match=message):
        make_folds(manifest(genders="fm", n_each=2), task)


def test_strata_that_leave_a_subset_empty_are_said():
    utterances = manifest(genders="fmfmfm", n_each=1)
    with pytest.raises(InputError, match=r"task: strata is \['speaker', 'emotion'\]: leaves \d of the 10 subsets"):
        make_folds(utterances, task_of(protocol="stratified_random", strata=["speaker", "emotion"]))


def test_a_class_without_training_utterance_is_named_with_its_fold():
    utterances = manifest(emotions=("anger", "sadness", "fear"))
    only_s2 = utterances[(utterances["emotion"] != "fear") | (utterances["speaker"] == "s2")]
    task = task_of(**PROTOCOLS["leave_one_speaker_out"], classes=["anger", "sadness", "fear"])
    with pytest.raises(InputError) as error:
        make_folds(only_s2, task)
    lines = str(error.value).splitlines()
    assert len(lines) == 3  # once as test, twice as dev
    assert "task: fold 2: class 'fear' has no training utterance (0 dev, 12 test), expected at least one" in lines


def test_a_class_of_one_utterance_cannot_be_tested_and_trained():
    utterances = manifest(emotions=("anger", "sadness", "fear"))
    one_fear = utterances[(utterances["emotion"] != "fear") | (utterances["utterance"] == "s2_fear_00")]
    task = task_of(protocol="stratified_folds", folds=2, strata=["emotion"], classes=["anger", "sadness", "fear"])
    with pytest.raises(InputError) as error:
        make_folds(one_fear, task)
    lines = str(error.value).splitlines()
    assert 1 <= len(lines) <= 2  # once as test, and as dev where its subset is the next of a fold
    assert all("class 'fear' has no training utterance" in line for line in lines)


def test_missing_classes_and_a_wrong_number_of_folds_are_said_at_once():
    task = task_of(protocol="leave_one_speaker_out", folds=9, dev_speakers=1, classes=["anger", "calm", "disgust"])
    with pytest.raises(InputError) as error:
        make_folds(manifest(), task)
    assert len(str(error.value).splitlines()) == 3


# --- the tasks of EmoDB


def load(folder, name):
    return yaml.safe_load((CONFIG / folder / f"{name}.yaml").read_text(encoding="utf-8"))


def folds_of_emodb(name):
    """The task and its folds, from the corpus itself."""
    task = TaskConfig(**load("tasks", name))
    rows = read_corpus(Path(os.environ["EMOFACTORS_CORPORA"]) / "emodb", CorpusConfig(**load("corpora", "emodb")))
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
def test_every_class_of_emodb_is_trained_in_every_fold(name):
    task, folds = folds_of_emodb(name)
    assert folds.loc[folds["split"] == "test", "utterance"].nunique() == 535
    trained = folds[folds["split"] == "train"].groupby("fold")["emotion"].nunique()
    assert trained.tolist() == [7] * task.n_folds
    for speakers in speakers_of_splits(folds).values():
        assert len(speakers["dev"]) == task.dev_speakers
        assert not speakers["dev"] & speakers["train"]


@needs_emodb
def test_a_fifth_of_the_copies_of_emodb_is_the_published_test_set():
    # Kim & Lee 2024, confusion matrix of their best model: 427 of 428 right.
    _, folds = folds_of_emodb("emodb7_random5_leaky")
    assert folds[folds["split"] == "test"].groupby("fold").size().tolist() == [428] * 5
