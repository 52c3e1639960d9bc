"""Tests of the first study of a corpus: what its speakers support, and why the rest is left out."""

from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from emofactors.corpora.manifest import MANIFEST_COLUMNS
from emofactors.corpora.onboarding.draft import check_name, draft_study, min_duration_s
from emofactors.errors import InputError

CONFIG = Path(__file__).parents[4] / "config"
OWN = {"reader": "table", "folder": "own", "file": "own.csv", "title": "My own"}
ALL_TABLES = [
    "center_loss",
    "vit_transfer",
    "adversarial",
    "speakers_left",
    "code_information_small",
    "factor_ablation_small",
]


def manifest(n_speakers, emotions=("anger", "sadness", "neutral"), n_each=6, duration_s=1.0, absent=()):
    """Return speakers s00, s01, ... with utterances of each emotion, except the absent pairs (speaker, emotion)."""
    names = [
        (f"s{speaker:02}", emotion, f"s{speaker:02}_{emotion}_{number}")
        for speaker in range(n_speakers)
        for emotion in emotions
        if (speaker, emotion) not in absent
        for number in range(n_each)
    ]
    rows = [
        {"utterance": name, "path": f"{name}.wav", "speaker": speaker, "emotion": emotion, "audio_sha256": name}
        for speaker, emotion, name in names
    ]
    times = {"start_s": np.nan, "end_s": np.nan, "duration_s": duration_s, "sample_rate_hz": 16_000}
    words = dict.fromkeys(("gender", "session", "partition", "style", "language", "text"), "")
    return pd.DataFrame(rows).assign(**times, **words)[list(MANIFEST_COLUMNS)]


def draft(utterances, root="data"):
    return draft_study("own", OWN, utterances, CONFIG, root)


def content(drafted, kind):
    (text,) = (text for path, text in drafted.files.items() if path.parts[0] == kind)
    return yaml.safe_load(text)


@pytest.mark.parametrize(
    ("n_speakers", "task", "protocol"),
    [
        (3, "own3_speakers", {"protocol": "leave_one_speaker_out", "folds": 3, "dev_fraction": 0.2}),
        (4, "own3_speakers", {"protocol": "leave_one_speaker_out", "folds": 4, "dev_speakers": 1}),
        (5, "own3_speakers", {"protocol": "leave_one_speaker_out", "folds": 5, "dev_speakers": 1}),
        (6, "own3_groups3", {"protocol": "speaker_groups", "folds": 3, "dev_speakers": 1}),
        (24, "own3_groups3", {"protocol": "speaker_groups", "folds": 3, "dev_speakers": 3}),
    ],
)
def test_three_or_more_speakers_support_every_system(n_speakers, task, protocol):
    drafted = draft(manifest(n_speakers))
    assert drafted.task == task
    assert content(drafted, "tasks") == {"corpus": "own", "classes": ["anger", "sadness", "neutral"], **protocol}
    study = content(drafted, "studies")
    assert study["tables"] == ALL_TABLES
    assert Counter(drafted.systems) == Counter(
        ["cnn_bigru", "functionals_svm", "vit_transfer", "speaker_adversarial", "speechflow", "factor_classifier"]
    )
    assert set(study["systems"]) <= set(drafted.systems)
    assert (drafted.left_out, drafted.findings) == ((), ())


def test_two_speakers_do_not_support_tables_that_classify_speakers():
    drafted = draft(manifest(2))
    assert content(drafted, "tasks")["dev_fraction"] == 0.2
    assert content(drafted, "studies")["tables"] == [
        t for t in ALL_TABLES if t not in ("adversarial", "speakers_left")
    ]
    assert "speaker_adversarial" not in content(drafted, "studies")["systems"]
    assert "adversarial_embedding" not in content(drafted, "studies")["figures"]
    assert drafted.left_out == (
        "table adversarial: needs at least 2 training speakers in each fold, has 1",
        "table speakers_left: needs at least 2 training speakers in each fold, has 1",
    )


def test_one_speaker_is_an_error():
    with pytest.raises(InputError, match=r"no task is possible with 1 speaker\(s\): expected at least 2"):
        draft(manifest(1))


def test_a_class_of_too_few_speakers_is_left_out_with_the_reason():
    utterances = manifest(4, absent={(0, "neutral"), (1, "neutral"), (2, "neutral")})
    drafted = draft(utterances)
    assert content(drafted, "tasks")["classes"] == ["anger", "sadness"]
    (line,) = drafted.left_out
    assert line.startswith("class neutral: only 1 of 4 speakers have it (task: fold ")


def test_a_class_missing_from_a_test_speaker_is_a_warning():
    drafted = draft(manifest(6, absent={(0, "neutral"), (1, "neutral")}))
    assert content(drafted, "tasks")["classes"] == ["anger", "sadness", "neutral"]
    assert [f.is_fault for f in drafted.findings] == [False] * len(drafted.findings)
    assert all("has no utterance of neutral" in f.message for f in drafted.findings) or not drafted.findings
    alone = draft(manifest(4, absent={(0, "neutral")}))
    assert "task own3_speakers: fold 0: test has no utterance of neutral" in [f.message for f in alone.findings]


@pytest.mark.parametrize(
    ("emotions", "message"),
    [(("anger",), "one class is left"), (("other", "no_agreement"), "no class is left")],
)
def test_fewer_than_two_classes_are_an_error(emotions, message):
    with pytest.raises(InputError, match=rf"{message}; expected at least two emotions"):
        draft(manifest(4, emotions=emotions))


def test_few_utterances_have_a_larger_dev_fraction():
    assert content(draft(manifest(3, emotions=("anger", "sadness"), n_each=2)), "tasks")["dev_fraction"] == 0.2
    with pytest.raises(InputError, match=r"dev_fraction is 0\.5"):  # the last utterance of a class always trains
        draft(manifest(3, n_each=1))


def test_the_same_audio_in_two_splits_is_a_fault():
    utterances = manifest(3)
    utterances["audio_sha256"] = "all the same"
    drafted = draft(utterances)
    assert drafted.findings[0].is_fault
    assert "have the same audio; expected them in one split" in drafted.findings[0].message


def test_long_utterances_use_segments_of_the_published_length():
    systems = [content(draft(manifest(3, duration_s=d)), "studies")["systems"] for d in (1.0, 4.0)]
    assert [s["speechflow"].get("reconstructed_frames") for s in systems] == [96, None]
    assert [s["factor_classifier"].get("segment_frames") for s in systems] == [96, None]


def test_the_study_has_the_corpora_root():
    assert content(draft(manifest(3), root="/path/to/corpora"), "studies")["corpora_root"] == "/path/to/corpora"


def test_nothing_is_written_to_the_config():
    before = sorted(CONFIG.rglob("*"))
    draft(manifest(3))
    assert sorted(CONFIG.rglob("*")) == before


@pytest.mark.parametrize("name", ["my corpus", "", "_mine", "a" * 60, "../mine"])
def test_an_invalid_name_is_an_error(name):
    check_name("mine.v2_b")
    with pytest.raises(InputError, match=r"^name: is '.*', expected letters, digits"):
        check_name(name)


def test_the_minimum_duration_is_half_the_longest_window():
    assert min_duration_s(CONFIG) == 513 / 16_000
