import json

import numpy as np
import pandas as pd
import pytest

from emofactors.config.augmentations import AugmentationSettings
from emofactors.config.tasks import TaskConfig
from emofactors.corpora.audit import audit_task
from emofactors.corpora.augmentations import copy_name, original_of
from emofactors.corpora.splits import make_folds
from emofactors.errors import InputError

WHOLE = {"title": "Acted", "licence": "CC0-1.0", "utterances": 48, "whole": True, "dropped": []}


AUGMENTATION = AugmentationSettings(
    copies=("noise", "speed"), noise_snr_db=(10, 30), shift=(-0.1, 0.1), speed=(0.9, 1.1), seed=0
)
AUGMENTED = {"augmentation": "noise_speed", "augmented": "training"}
STRATIFIED = {"protocol": "stratified_folds", "folds": 3, "strata": ["emotion"]}
#: The three compared protocols: copies are split; training utterances are copied; test speakers are unseen.
LEAKY = STRATIFIED | {"augmentation": "noise_speed", "augmented": "before_split", "shows_leak": True}
RANDOM = STRATIFIED | AUGMENTED
GROUPED = {"protocol": "speaker_groups", "folds": 3, "dev_speakers": 1}
GROUPS = GROUPED | AUGMENTED


def task_of(**changes):
    return TaskConfig(**({"corpus": "acted", "classes": ["anger", "sadness"]} | changes))


def manifest():
    """Return six speakers, two per session, with four texts in two emotions; all recordings differ."""
    rows = [
        {
            "utterance": f"s{speaker}_{emotion}_{take}",
            "path": f"s{speaker}_{emotion}_{take}.wav",
            "start_s": np.nan,
            "end_s": np.nan,
            "speaker": f"s{speaker}",
            "gender": ("female", "male")[speaker % 2],
            "session": f"Ses0{speaker // 2}",
            "text": f"t{take}",
            "emotion": emotion,
            "audio_sha256": f"digest of s{speaker}_{emotion}_{take}",
        }
        for speaker in range(6)
        for emotion in ("anger", "sadness")
        for take in range(4)
    ]
    return pd.DataFrame(rows, index=[row["utterance"] for row in rows])


def folds_of(splits):
    """Return one fold from utterance -> split."""
    table = pd.DataFrame({"utterance": list(splits), "split": list(splits.values())})
    parts = table["utterance"].str.split("_", expand=True)
    original = table["utterance"].map(original_of)
    return table.assign(original=original, speaker=parts[0], emotion=parts[1], fold=0)


def all_of(speakers, split):
    """Return both emotions of some speakers in one split."""
    return {f"{speaker}_{emotion}_0": split for speaker in speakers for emotion in ("anger", "sadness")}


CLEAN = all_of(["s0", "s1"], "train") | all_of(["s2"], "dev") | all_of(["s3"], "test")
HOLDOUT = {
    "protocol": "holdout",
    "column": "speaker",
    "dev": ["s2"],
    "test": ["s3"],
    "claims_unseen_speakers": True,
}


def audit_of(changes, folds=None, utterances=None, metadata=WHOLE, **options):
    """Return the audit of a task, for its own folds unless others are given."""
    task = task_of(**changes)
    utterances = manifest() if utterances is None else utterances
    if folds is None:
        folds = make_folds(utterances, task, AUGMENTATION if task.augmentation else None)
    return audit_task(folds, utterances, task, metadata, **options)


def same_audio(first, second):
    """Return the manifest in which two utterances have the same audio."""
    utterances = manifest()
    utterances.loc[first, "audio_sha256"] = utterances.loc[second, "audio_sha256"]
    return utterances


@pytest.mark.parametrize(
    "changes",
    [
        {"protocol": "leave_one_speaker_out", "folds": 6, "dev_speakers": 2},
        {"protocol": "speaker_groups", "folds": 3, "dev_speakers": 2},
        {"protocol": "leave_one_session_out", "folds": 3},
        {"protocol": "stratified_random", "strata": ["emotion"]},
        STRATIFIED,
        HOLDOUT,
        {"protocol": "all_train"},
    ],
    ids=lambda changes: changes["protocol"],
)
def test_folds_of_every_protocol_pass(changes):
    audit = audit_of(changes)
    assert audit.failures == ()
    assert audit.verdict == "pass"
    assert audit.n_folds == task_of(**changes).n_folds == len(audit.folds)
    assert (audit.n_utterances, audit.n_originals, audit.n_speakers) == (48, 48, 6)
    assert not audit.copy_in_training_fraction
    audit.stop_if_failed()


def test_statistics_are_those_of_the_folds():
    audit = audit_of(HOLDOUT, folds_of(CLEAN))
    assert (audit.n_utterances, audit.n_test_utterances, audit.n_speakers, audit.n_folds) == (8, 2, 4, 1)
    assert audit.class_counts == {"anger": 4, "sadness": 4}
    fold = audit.folds[0]
    assert list(fold.splits) == ["train", "dev", "test"]
    assert fold.splits["train"].speakers == ("s0", "s1")
    assert fold.splits["train"].class_counts == {"anger": 2, "sadness": 2}
    assert list(fold.shared) == ["train/dev", "train/test", "dev/test"]
    assert fold.shared["train/test"].speakers == ()
    assert fold.shared["train/test"].n_texts == 1


def test_an_utterance_in_two_splits_fails_with_its_name():
    folds = pd.concat([folds_of(CLEAN), folds_of({"s0_anger_0": "test"})])
    audit = audit_of(HOLDOUT | {"claims_unseen_speakers": False}, folds)
    assert audit.verdict == "fail"
    assert audit.failures == ("fold 0: utterance s0_anger_0 is in train and test; expected one split, once",)
    assert audit.folds[0].shared["train/test"].n_utterances == 1
    assert audit.copy_in_training_fraction == pytest.approx(1 / 3)


# --- augmented copies ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("changes", [RANDOM, GROUPS], ids=["random", "groups"])
def test_copies_of_training_utterances_pass(changes):
    audit = audit_of(changes)
    assert audit.failures == ()
    assert not any("LEAKS" in line for line in audit.warnings)
    assert audit.copy_in_training_fraction == 0.0
    assert (audit.n_utterances, audit.n_originals, audit.n_test_utterances) == (3 * 48, 48, 48)
    assert audit.class_counts == {"anger": 72, "sadness": 72}
    for fold in audit.folds:
        assert [shared.n_copies for shared in fold.shared.values()] == [0, 0, 0]
        assert fold.splits["train"].n_utterances % 3 == 0


def test_copies_before_the_split_fail():
    folds = make_folds(manifest(), task_of(**LEAKY), AUGMENTATION)
    audit = audit_of(LEAKY | {"shows_leak": False}, folds)
    n_apart = sum(len(rows) > 1 for rows in folds.groupby(["fold", "original"])["split"].unique())
    assert n_apart > 20
    assert len(audit.failures) == 21
    assert audit.failures[-1] == f"and {n_apart - 20} more: copies in two splits"
    assert all(line.startswith("fold 0: copies of s") for line in audit.failures[:20])


def test_copies_before_the_split_pass_with_shows_leak_and_are_counted_in_a_warning():
    folds = make_folds(manifest(), task_of(**LEAKY), AUGMENTATION)
    trained = set(folds.loc[folds["split"] == "train", ["fold", "original"]].itertuples(index=False, name=None))
    tested = list(folds.loc[folds["split"] == "test", ["fold", "original"]].itertuples(index=False, name=None))
    n_leaked = sum(row in trained for row in tested)
    assert 48 < n_leaked < len(tested) == 144
    audit = audit_of(LEAKY)
    assert audit.verdict == "pass"
    assert audit.warnings[0] == (
        f"LEAKS, as the task demonstrates: training includes copies of {n_leaked} of 144 test utterances"
    )
    assert audit.copy_in_training_fraction == round(n_leaked / 144, 6)
    assert sum(fold.shared["train/test"].n_copies for fold in audit.folds) == n_leaked


def test_copies_in_two_splits_are_listed_with_one_name_per_split():
    copies = {"s0_anger_0~noise": "train", "s0_anger_0~speed": "test", "s1_anger_0~noise": "train"}
    folds = folds_of(CLEAN | copies)
    audit = audit_of(LEAKY | {"shows_leak": False}, folds)
    assert audit.failures == (
        "fold 0: copies of s0_anger_0 are in train (s0_anger_0) and test (s0_anger_0~speed); expected one split",
    )
    assert audit.folds[0].shared["train/test"].n_copies == 1
    assert audit.folds[0].shared["train/dev"].n_copies == 0
    assert audit.copy_in_training_fraction == pytest.approx(1 / 3)


@pytest.mark.parametrize("split", ["dev", "test"])
@pytest.mark.parametrize("changes", [RANDOM, GROUPS], ids=["random", "groups"])
def test_a_copy_of_a_held_out_utterance_put_into_training_fails(changes, split):
    folds = make_folds(manifest(), task_of(**changes), AUGMENTATION)
    held_out = folds[(folds["fold"] == 1) & (folds["split"] == split)].head(1)
    (name,) = held_out["utterance"]
    leaked = held_out.assign(utterance=copy_name(name, "noise"), split="train")
    audit = audit_of(changes, pd.concat([folds, leaked]))
    assert audit.failures[0] == (
        f"fold 1: copies of {name} are in train ({name}~noise) and {split} ({name}); expected one split"
    )


def test_copies_in_dev_or_test_of_a_task_that_augments_training_fail():
    copies = {"s0_anger_0~noise": "train", "s2_anger_0~noise": "dev", "s3_anger_0~speed": "test"}
    audit = audit_of(GROUPS, folds_of(CLEAN | copies))
    assert audit.failures == (
        "fold 0: copy s2_anger_0~noise is in dev; expected copies in train only",
        "fold 0: copy s3_anger_0~speed is in test; expected copies in train only",
    )


def test_copies_in_a_task_without_augmentation_fail():
    audit = audit_of(HOLDOUT, folds_of(CLEAN | {"s0_anger_0~noise": "train"}))
    assert audit.failures == (
        "fold 0: copy s0_anger_0~noise is in train; expected no copies in a task without augmentation",
    )


def test_a_task_with_shows_leak_may_share_nothing_but_copies():
    utterances = same_audio("s3_anger_0", "s1_anger_0")
    copies = {"s2_anger_0~noise": "train", "s1_anger_0~noise": "test"}
    twice = folds_of({"s0_anger_0": "test"})
    folds = pd.concat([folds_of(CLEAN | copies), twice])
    audit = audit_of(LEAKY | {"claims_unseen_speakers": True}, folds, utterances)
    assert [line.partition("; ")[0] for line in audit.failures] == [
        "fold 0: utterance s0_anger_0 is in train and test",
        "fold 0: s1_anger_0 (train) and s3_anger_0 (test) have the same audio",
        "fold 0: speaker s2 is in train (s2_anger_0~noise) and dev (s2_anger_0)",
        "fold 0: speaker s0 is in train (s0_anger_0) and test (s0_anger_0)",
        "fold 0: speaker s1 is in train (s1_anger_0) and test (s1_anger_0~noise)",
    ]


def test_the_same_audio_of_copied_utterances_is_one_pair_of_two_splits():
    utterances = same_audio("s3_anger_0", "s1_anger_0")
    copies = {
        copy_name(name, kind): "train" for name in ("s0_anger_0", "s1_anger_0") for kind in ("noise", "speed")
    }
    folds = folds_of({name: split for name, split in CLEAN.items() if name != "s1_anger_0"} | copies)
    audit = audit_of(HOLDOUT | AUGMENTED, folds, utterances)
    assert audit.failures == (
        "fold 0: s1_anger_0~noise (train) and s3_anger_0 (test) have the same audio; expected them in one split",
    )
    assert audit.folds[0].shared["train/test"].n_audio_pairs == 1


def test_the_same_audio_twice_in_training_is_one_warning_whatever_its_copies():
    utterances = same_audio("s1_anger_0", "s0_anger_0")
    copies = {
        copy_name(name, kind): "train" for name in ("s0_anger_0", "s1_anger_0") for kind in ("noise", "speed")
    }
    audit = audit_of(HOLDOUT | AUGMENTED, folds_of(CLEAN | copies), utterances)
    assert audit.failures == ()
    assert audit.warnings == (
        "s0_anger_0 and s1_anger_0 have the same audio, and the same split in 1 of 1 fold(s)",
    )


def test_a_pair_whose_copies_are_in_every_split_is_counted_once():
    utterances = same_audio("s3_anger_0", "s1_anger_0")
    copies = {"s1_anger_0~noise": "test", "s3_anger_0~noise": "train"}
    audit = audit_of(LEAKY, folds_of(CLEAN | copies), utterances)
    assert audit.failures == (
        "fold 0: s1_anger_0~noise (test) and s3_anger_0~noise (train) have the same audio; expected them in one split",
        "fold 0: s1_anger_0 (train) and s3_anger_0 (test) have the same audio; expected them in one split",
    )
    assert audit.folds[0].shared["train/test"].n_audio_pairs == 1
    within = [line for line in audit.warnings if "the same audio" in line]
    assert within == ["s1_anger_0 and s3_anger_0 have the same audio, and the same split in 1 of 1 fold(s)"]


@pytest.mark.parametrize(
    ("name", "original"), [("s3_anger_0~noise", "s0_anger_0"), ("s3_anger_0", "s0_anger_0"), ("s3", "s0_anger_0")]
)
def test_an_original_that_does_not_match_the_name_is_an_error(name, original):
    folds = pd.concat([folds_of(CLEAN), folds_of({"s0_anger_0~noise": "train"})])
    folds.loc[folds["utterance"] == "s0_anger_0~noise", ["utterance", "original"]] = name, original
    with pytest.raises(InputError) as error:
        audit_of(RANDOM, folds)
    assert str(error.value) == (
        f"folds: original of {name!r} is 's0_anger_0', expected {name.removesuffix('~noise')!r}"
    )


@pytest.mark.parametrize("name", ["s0_anger_0", "s0_anger_0~noise"])
@pytest.mark.parametrize(("column", "value"), [("speaker", "s5"), ("emotion", "sadness")])
def test_a_speaker_or_class_that_differs_from_the_manifest_fails(name, column, value):
    folds = folds_of(CLEAN | {"s0_anger_0~noise": "train"})
    true = folds.loc[folds["utterance"] == name, column].item()
    folds.loc[folds["utterance"] == name, column] = value
    assert audit_of(GROUPS, folds).failures == (
        f"{column} of {name} is {value}, {true} in the manifest; expected the same",
    )


def test_an_utterance_of_no_class_of_the_task_fails():
    utterances = manifest()
    utterances.loc["s0_anger_0", "emotion"] = "fear"
    audit = audit_of(HOLDOUT, folds_of(CLEAN), utterances)
    assert audit.failures == (
        "emotion of s0_anger_0 is anger, no class of the task in the manifest; expected the same",
    )
    assert audit.class_counts == {"anger": 3, "sadness": 4}


# --- audio, speakers and texts -------------------------------------------------------------------------------


@pytest.mark.parametrize("claims_unseen_speakers", [True, False])
def test_the_same_audio_in_two_splits_fails_with_both_names(claims_unseen_speakers):
    utterances = same_audio("s3_anger_0", "s1_anger_0")
    task = HOLDOUT | {"claims_unseen_speakers": claims_unseen_speakers}
    audit = audit_of(task, folds_of(CLEAN), utterances)
    assert audit.failures == (
        "fold 0: s1_anger_0 (train) and s3_anger_0 (test) have the same audio; expected them in one split",
    )
    assert audit.folds[0].shared["train/test"].n_audio_pairs == 1
    assert audit.folds[0].shared["train/dev"].n_audio_pairs == 0
    with pytest.raises(InputError, match="s1_anger_0"):
        audit.stop_if_failed()


@pytest.mark.parametrize(("trained", "tested"), [("s0_anger_0", "s3_anger_0"), ("s4_anger_0", "s3_anger_0")])
def test_pairs_of_same_audio_are_counted_in_either_order_of_names(trained, tested):
    utterances = manifest()
    utterances.loc[tested, "audio_sha256"] = utterances.loc[trained, "audio_sha256"]
    audit = audit_of(HOLDOUT, folds_of(CLEAN | {trained: "train"}), utterances)
    assert len(audit.failures) == 1
    assert audit.folds[0].shared["train/test"].n_audio_pairs == 1


def test_one_recording_listed_as_two_utterances_is_one_pair():
    utterances = segments(s1_anger_0=(np.nan, np.nan), s3_anger_0=(np.nan, np.nan))
    utterances.loc[["s1_anger_0", "s3_anger_0"], "audio_sha256"] = "digest of long"
    audit = audit_of(HOLDOUT, folds_of(CLEAN), utterances)
    assert len(audit.failures) == 1
    assert "the same audio" in audit.failures[0]


def test_the_same_audio_within_a_split_is_a_warning_with_both_names():
    utterances = same_audio("s1_anger_0", "s0_anger_0")
    audit = audit_of(HOLDOUT, folds_of(CLEAN), utterances)
    assert audit.verdict == "pass"
    assert audit.warnings == (
        "s0_anger_0 and s1_anger_0 have the same audio, and the same split in 1 of 1 fold(s)",
    )


def segments(**spans):
    """Return the manifest in which some utterances are segments of one long recording."""
    utterances = manifest()
    for utterance, (start_s, end_s) in spans.items():
        utterances.loc[utterance, ["path", "start_s", "end_s"]] = ["long.wav", start_s, end_s]
    return utterances


def test_overlapping_segments_of_a_recording_in_two_splits_fail():
    utterances = segments(
        s1_anger_0=(0.0, 9.0), s0_anger_0=(1.0, 2.0), s0_sadness_0=(3.0, 4.0), s3_anger_0=(8.0, 12.0)
    )
    audit = audit_of(HOLDOUT, folds_of(CLEAN), utterances)
    assert audit.failures == (
        "fold 0: s1_anger_0 (train) and s3_anger_0 (test) have overlapping audio of long.wav; "
        "expected them in one split",
    )


def test_adjacent_segments_share_no_audio():
    utterances = segments(s1_anger_0=(0.0, 8.0), s3_anger_0=(8.0, 12.0))
    audit = audit_of(HOLDOUT, folds_of(CLEAN), utterances)
    assert (audit.failures, audit.warnings) == ((), ())


def test_a_whole_recording_overlaps_every_segment_of_it():
    utterances = segments(s1_anger_0=(np.nan, np.nan), s3_anger_0=(8.0, 12.0))
    audit = audit_of(HOLDOUT, folds_of(CLEAN), utterances)
    assert len(audit.failures) == 1
    assert "s1_anger_0 (train) and s3_anger_0 (test) have overlapping audio" in audit.failures[0]


@pytest.mark.parametrize(
    ("split", "other"), [("train", "dev"), ("train", "test"), ("dev", "test")], ids=lambda split: split
)
def test_a_shared_speaker_fails_a_task_that_claims_unseen_speakers(split, other):
    home = {"train": "s0", "dev": "s2"}[split]
    folds = folds_of(CLEAN | {f"{home}_anger_1": other})
    audit = audit_of(HOLDOUT, folds)
    assert audit.failures == (
        f"fold 0: speaker {home} is in {split} ({home}_anger_0) and {other} ({home}_anger_1); "
        "expected one split, as the task claims unseen speakers",
    )
    assert audit.folds[0].shared[f"{split}/{other}"].speakers == (home,)


@pytest.mark.parametrize("n_speakers", [2, 3])
def test_training_speakers_may_be_dev_with_dev_fraction_but_not_test(n_speakers):
    utterances = manifest()[lambda rows: rows["speaker"] < f"s{n_speakers}"]
    task = {"protocol": "leave_one_speaker_out", "folds": n_speakers, "dev_fraction": 0.25}
    audit = audit_of(task, utterances=utterances)
    assert (audit.failures, audit.speaker_in_training_fraction) == ((), 0.0)
    assert audit.folds[0].splits["dev"].speakers == audit.folds[0].splits["train"].speakers

    folds = make_folds(utterances, task_of(**task))
    first = folds[(folds["fold"] == 0) & (folds["split"] == "train")].index[0]
    leak = folds.assign(split=folds["split"].mask(folds.index == first, "test"))
    failures = audit_of(task, leak, utterances).failures
    assert len(failures) == 2
    assert all("expected one split, as the task claims unseen speakers" in line for line in failures)

    untrained = folds[(folds["fold"] != 0) | (folds["split"] != "train") | (folds["speaker"] != "s1")]
    failures = audit_of(task, untrained, utterances).failures
    assert failures[0].startswith("fold 0: speaker s1 is in dev (s1_")
    assert failures[0].endswith("and not in train; expected a training speaker")


def test_speakers_are_taken_from_the_manifest():
    utterances = manifest()
    utterances.loc["s3_anger_0", "speaker"] = "s0"
    audit = audit_of(HOLDOUT, folds_of(CLEAN), utterances)
    assert audit.failures[0].startswith("fold 0: speaker s0 is in train (s0_anger_0) and test (s3_anger_0)")


def test_a_shared_speaker_is_a_warning_of_a_speaker_dependent_task():
    audit = audit_of({"protocol": "stratified_random", "strata": ["emotion"]})
    n_test = sum(fold.splits["test"].n_utterances for fold in audit.folds)
    assert audit.verdict == "pass"
    assert not audit.speaker_independent
    assert audit.warnings[0] == (
        f"the task is speaker-dependent: training includes the speakers of {n_test} of {n_test} test utterances"
    )
    assert audit.speaker_in_training_fraction == 1.0


def test_texts_in_training_are_counted_over_known_texts():
    utterances = manifest()
    utterances.loc["s3_anger_0", "text"] = "a unique text"
    audit = audit_of(HOLDOUT, folds_of(CLEAN), utterances)
    assert audit.text_in_training_fraction == audit.folds[0].shared["train/test"].text_fraction == 0.5
    utterances.loc["s3_anger_0", "text"] = ""
    audit = audit_of(HOLDOUT, folds_of(CLEAN), utterances)
    assert audit.text_in_training_fraction == 1.0
    audit = audit_of(HOLDOUT, folds_of(CLEAN), utterances.assign(text=""))
    assert audit.text_in_training_fraction is None
    assert audit.folds[0].shared["train/test"].n_texts == 0


def test_a_class_missing_from_dev_or_test_warns_and_from_train_fails():
    without = {name: split for name, split in CLEAN.items() if name not in ("s2_anger_0", "s3_sadness_0")}
    audit = audit_of(HOLDOUT, folds_of(without))
    assert audit.verdict == "pass"
    assert audit.warnings == (
        "fold 0: dev has no utterance of anger",
        "fold 0: test has no utterance of sadness",
    )
    without = {name: split for name, split in CLEAN.items() if (split, name[3:-2]) != ("train", "anger")}
    audit = audit_of(HOLDOUT, folds_of(without))
    assert audit.failures == ("fold 0: train has no utterance of anger",)


def test_a_subset_and_dropped_audio_are_warnings():
    metadata = WHOLE | {"whole": False, "dropped": [["s0.wav", "is silent"]]}
    audit = audit_of(HOLDOUT, folds_of(CLEAN), metadata=metadata)
    assert audit.verdict == "pass"
    assert audit.warnings[0].startswith("Acted is a subset here, 48 utterances")
    assert audit.warnings[1].startswith("1 utterance(s) were dropped")
    assert audit.corpus == metadata


def test_findings_of_a_kind_beyond_the_limit_are_counted():
    audit = audit_of({"protocol": "stratified_random", "strata": ["emotion"], "claims_unseen_speakers": True})
    n_shared = sum(len(shared.speakers) for fold in audit.folds for shared in fold.shared.values())
    assert n_shared > 20
    assert len(audit.failures) == 21
    assert audit.failures[-1] == f"and {n_shared - 20} more: speakers in two splits"


def test_folds_of_another_manifest_are_an_error():
    folds = pd.concat([folds_of(CLEAN), folds_of({"s9_anger_0": "test"})])
    with pytest.raises(InputError, match=r"folds: 1 utterance\(s\) are not in the manifest, such as 's9_anger_0'"):
        audit_of(HOLDOUT, folds)


def test_row_order_has_no_effect_on_the_audit():
    folds = make_folds(manifest(), task_of(**GROUPED))
    shuffled = audit_of(GROUPED, folds.sample(frac=1, random_state=1), manifest().sample(frac=1, random_state=2))
    assert audit_of(GROUPED, folds).to_json() == shuffled.to_json()


def test_the_json_starts_with_the_verdict_and_contains_all_statistics():
    text = audit_of(GROUPED).to_json()
    content = json.loads(text)
    assert text.startswith('{\n  "verdict": "pass",\n  "failures": [],\n')
    assert content["protocol"] == "speaker-independent, 3 speaker groups, 1 dev speaker(s)"
    assert content["folds"][1]["splits"]["test"]["n_utterances"] == 16
    assert content["speaker_in_training_fraction"] == 0.0


# --- held-out utterances of training speakers ----------------------------------------------------------------

HELD_OUT_TASK = HOLDOUT | {"held_out": 0.25}
HELD_OUT = CLEAN | {
    "s0_anger_1": "held_out",
    "s0_sadness_1": "held_out",
    "s1_anger_1": "held_out",
    "s1_sadness_1": "held_out",
}


@pytest.mark.parametrize("augmented", [{}, AUGMENTED], ids=["originals", "copies"])
def test_folds_with_held_out_utterances_pass(augmented):
    audit = audit_of(GROUPED | {"held_out": 0.25} | augmented, min_training_speakers=2)
    assert (audit.failures, audit.warnings) == ((), ())
    assert audit.speaker_in_training_fraction == 0.0, "the fraction is of test utterances"
    for fold in audit.folds:
        assert list(fold.splits) == ["train", "dev", "test", "held_out"]
        assert fold.splits["held_out"].speakers == fold.splits["train"].speakers
        assert fold.splits["held_out"].class_counts == {"anger": 3, "sadness": 3}  # a quarter of 3 speakers' 4
        assert list(fold.shared) == [
            "train/dev",
            "train/test",
            "train/held_out",
            "dev/test",
            "dev/held_out",
            "test/held_out",
        ]
        assert fold.shared["train/held_out"].speakers == fold.splits["train"].speakers
        assert fold.shared["train/held_out"].n_copies == 0
        assert fold.shared["test/held_out"].speakers == fold.shared["dev/held_out"].speakers == ()
    assert audit.protocol.endswith("25 % of the training speakers' utterances held out")


def test_a_held_out_utterance_that_also_trains_fails():
    folds = pd.concat([folds_of(HELD_OUT), folds_of({"s0_anger_1": "train"})])
    assert audit_of(HELD_OUT_TASK, folds).failures == (
        "fold 0: utterance s0_anger_1 is in train and held_out; expected one split, once",
    )


def test_a_copy_of_a_held_out_utterance_fails_in_any_split():
    trained = audit_of(HELD_OUT_TASK | AUGMENTED, folds_of(HELD_OUT | {"s0_anger_1~noise": "train"}))
    assert trained.failures == (
        "fold 0: copies of s0_anger_1 are in train (s0_anger_1~noise) and held_out (s0_anger_1); expected one split",
    )
    assert trained.folds[0].shared["train/held_out"].n_copies == 1
    held_out = audit_of(HELD_OUT_TASK | AUGMENTED, folds_of(HELD_OUT | {"s0_anger_1~noise": "held_out"}))
    assert held_out.failures == ("fold 0: copy s0_anger_1~noise is in held_out; expected copies in train only",)


def test_the_same_audio_in_train_and_held_out_fails():
    utterances = same_audio("s0_anger_1", "s1_anger_0")
    audit = audit_of(HELD_OUT_TASK, folds_of(HELD_OUT), utterances)
    assert audit.failures == (
        "fold 0: s0_anger_1 (held_out) and s1_anger_0 (train) have the same audio; expected them in one split",
    )
    assert audit.folds[0].shared["train/held_out"].n_audio_pairs == 1


@pytest.mark.parametrize(("split", "speaker"), [("dev", "s2"), ("test", "s3")])
def test_a_held_out_speaker_of_dev_or_test_fails(split, speaker):
    audit = audit_of(HELD_OUT_TASK, folds_of(HELD_OUT | {f"{speaker}_anger_1": "held_out"}))
    assert audit.failures == (
        f"fold 0: speaker {speaker} is in {split} ({speaker}_anger_0) and held_out ({speaker}_anger_1); "
        "expected one split, as the task claims unseen speakers",
        f"fold 0: speaker {speaker} is in held_out ({speaker}_anger_1) and not in train; expected a training speaker",
    )


def test_a_class_without_held_out_utterances_is_a_warning():
    audit = audit_of(HELD_OUT_TASK, folds_of(CLEAN | {"s0_anger_1": "held_out", "s1_anger_1": "held_out"}))
    assert audit.failures == ()
    assert audit.warnings == ("fold 0: held_out has no utterance of sadness",)


# --- minimum number of training speakers ---------------------------------------------------------------------


def test_too_few_training_speakers_fail_with_their_number():
    one = folds_of({name: split for name, split in CLEAN.items() if not name.startswith("s1")})
    failures = [audit_of(HOLDOUT, one, min_training_speakers=minimum).failures for minimum in (1, 2, 3)]
    assert failures == [
        (),
        ("fold 0: training has 1 speaker; expected at least 2, to classify speakers",),
        ("fold 0: training has 1 speaker; expected at least 3, to classify speakers",),
    ]
    two = audit_of(HOLDOUT, folds_of(CLEAN), min_training_speakers=3)
    assert two.failures == ("fold 0: training has 2 speakers; expected at least 3, to classify speakers",)


TOO_FEW = "corpus: has 1 speaker(s), expected at least 3: train, dev and test share none"
ALONE = "fold 0: training has 1 speaker; expected at least 2, to classify speakers"
DAYS = {"protocol": "holdout", "column": "session", "dev": ["Ses00"], "test": ["Ses01"]}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"protocol": "leave_one_speaker_out", "folds": 2, "dev_speakers": 1}, TOO_FEW),
        ({"protocol": "speaker_groups", "folds": 2, "dev_speakers": 1}, TOO_FEW),
        (
            {"protocol": "leave_one_session_out", "folds": 3},
            "corpus: speaker 'anna' occurs in sessions Ses00, Ses01",
        ),
        ({"protocol": "stratified_random", "strata": ["emotion"]}, ALONE),
        (STRATIFIED, ALONE),
        (RANDOM, ALONE),
        (DAYS, ALONE),
        (DAYS | {"claims_unseen_speakers": True}, ALONE),
        ({"protocol": "all_train"}, ALONE),
    ],
)
def test_a_corpus_of_one_speaker_is_an_error_if_speakers_are_classified(changes, reason):
    utterances = manifest().assign(speaker="anna", gender="female")
    with pytest.raises(InputError) as error:
        audit_of(changes, utterances=utterances, min_training_speakers=2).stop_if_failed()
    assert any(line.startswith(reason) for line in str(error.value).splitlines())


# --- holdouts ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("column", ["session", "partition"])
def test_a_test_speaker_in_training_fails_a_holdout_that_claims_unseen_speakers(column):
    values = {"Ses00": "train", "Ses01": "valid", "Ses02": "test"}
    utterances = manifest().assign(**{column: lambda table: table["session"].map(values)})
    utterances.loc["s4_anger_2", column] = "train"
    task = {"protocol": "holdout", "column": column, "dev": ["valid"], "test": ["test"]}
    audit = audit_of(task | {"claims_unseen_speakers": True}, utterances=utterances)
    assert audit.failures == (
        "fold 0: speaker s4 is in train (s4_anger_2) and test (s4_anger_0); "
        "expected one split, as the task claims unseen speakers",
    )
    audit = audit_of(task, utterances=utterances)
    assert audit.failures == ()
    assert audit.warnings == (
        "the task is speaker-dependent: training includes the speakers of 7 of 15 test utterances",
    )


def test_utterances_that_a_holdout_leaves_out_are_counted():
    values = {"Ses00": "train", "Ses01": "valid", "Ses02": "test"}
    utterances = manifest().assign(partition=lambda table: table["session"].map(values))
    utterances.loc[["s0_anger_0", "s4_sadness_0"], "partition"] = ""
    task = {"protocol": "holdout", "column": "partition", "dev": ["valid"], "test": ["test"]}
    audit = audit_of(task | {"claims_unseen_speakers": True}, utterances=utterances)
    assert audit.failures == ()
    assert audit.warnings == (
        "partition is empty for 2 of 48 utterances of the task's classes: these are left out",
    )
    assert audit.n_originals == 46


def test_the_class_absent_contains_all_other_known_emotions():
    utterances = manifest()
    utterances.loc[["s0_anger_0", "s0_anger_1", "s0_anger_2"], "emotion"] = ["anger+sadness", "neutral", "other"]
    audit = audit_of(GROUPED | {"classes": ["anger", "absent"]}, utterances=utterances)
    assert audit.failures == ()
    assert audit.class_counts == {"anger": 22, "absent": 25}
