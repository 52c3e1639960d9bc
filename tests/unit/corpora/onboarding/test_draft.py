"""The first study of any corpus: what its speakers can serve, and why the rest is left out."""

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


def manifest(n_speakers, emotions=("anger", "sadness", "neutral"), n_each=6, duration_s=1.0, unspoken=()):
    """Speakers s00, s01 ... with utterances of each emotion, but for the pairs (speaker, emotion) unspoken."""
    names = [
        (f"s{speaker:02}", emotion, f"s{speaker:02}_{emotion}_{number}")
        for speaker in range(n_speakers)
        for emotion in emotions
        if (speaker, emotion) not in unspoken
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


def content(made, kind):
    (text,) = (text for path, text in made.files.items() if path.parts[0] == kind)
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
def test_from_three_speakers_on_every_system_runs_and_none_is_left_out(n_speakers, task, protocol):
    made = draft(manifest(n_speakers))
    assert made.task == task
    assert content(made, "tasks") == {"corpus": "own", "classes": ["anger", "sadness", "neutral"], **protocol}
    study = content(made, "studies")
    assert study["tables"] == ALL_TABLES
    assert Counter(made.systems) == Counter(
        ["cnn_bigru", "functionals_svm", "vit_transfer", "speaker_adversarial", "speechflow", "factor_classifier"]
    )
    assert set(study["systems"]) <= set(made.systems)
    assert (made.left_out, made.findings) == ((), ())


def test_of_two_speakers_what_tells_speakers_apart_is_left_out_with_the_reason():
    made = draft(manifest(2))
    assert content(made, "tasks")["dev_fraction"] == 0.2
    assert content(made, "studies")["tables"] == [
        t for t in ALL_TABLES if t not in ("adversarial", "speakers_left")
    ]
    assert "speaker_adversarial" not in content(made, "studies")["systems"]
    assert "adversarial_embedding" not in content(made, "studies")["figures"]
    assert made.left_out == (
        "table adversarial: tells training speakers apart, 2 at least, and a fold trains 1",
        "table speakers_left: tells training speakers apart, 2 at least, and a fold trains 1",
    )


def test_one_speaker_is_refused():
    with pytest.raises(
        InputError, match=r"no task can be made of 1 speaker\(s\): one speaker; expected at least 2"
    ):
        draft(manifest(1))


def test_a_class_too_few_speak_is_left_out_with_the_reason():
    utterances = manifest(4, unspoken={(0, "neutral"), (1, "neutral"), (2, "neutral")})
    made = draft(utterances)
    assert content(made, "tasks")["classes"] == ["anger", "sadness"]
    (line,) = made.left_out
    assert line.startswith("class neutral: of 4 speakers 1 speak it, too few to be tested unseen (task: fold ")


def test_a_class_that_a_test_speaker_does_not_speak_is_a_warning():
    made = draft(manifest(6, unspoken={(0, "neutral"), (1, "neutral")}))
    assert content(made, "tasks")["classes"] == ["anger", "sadness", "neutral"]
    assert [f.is_fault for f in made.findings] == [False] * len(made.findings)
    assert all("has no utterance of neutral" in f.words for f in made.findings) or not made.findings
    alone = draft(manifest(4, unspoken={(0, "neutral")}))
    assert "task own3_speakers: fold 0: test has no utterance of neutral" in [f.words for f in alone.findings]


@pytest.mark.parametrize(
    ("emotions", "said"),
    [(("anger",), "one class is left"), (("other", "no_agreement"), "no class is left")],
)
def test_fewer_than_two_classes_are_refused(emotions, said):
    with pytest.raises(InputError, match=rf"{said}; expected at least two emotions"):
        draft(manifest(4, emotions=emotions))


def test_of_few_utterances_a_larger_fraction_is_dev():
    assert content(draft(manifest(3, emotions=("anger", "sadness"), n_each=1 + 1)), "tasks")["dev_fraction"] == 0.2
    with pytest.raises(InputError, match=r"dev_fraction is 0\.5"):  # the last utterance of a class always trains
        draft(manifest(3, n_each=1))


def test_the_same_audio_in_two_splits_is_a_fault_as_the_audit_would_say_it():
    utterances = manifest(3)
    utterances["audio_sha256"] = "all the same"
    made = draft(utterances)
    assert made.findings[0].is_fault
    assert "have the same audio; expected them in one split" in made.findings[0].words


def test_long_utterances_are_heard_in_segments_of_the_published_length():
    systems = [content(draft(manifest(3, duration_s=d)), "studies")["systems"] for d in (1.0, 4.0)]
    assert [s["speechflow"].get("reconstructed_frames") for s in systems] == [96, None]
    assert [s["factor_classifier"].get("segment_frames") for s in systems] == [96, None]


def test_the_study_says_where_the_corpus_lies():
    assert content(draft(manifest(3), root="/where/it/lies"), "studies")["corpora_root"] == "/where/it/lies"


def test_nothing_is_written_to_the_config():
    before = sorted(CONFIG.rglob("*"))
    draft(manifest(3))
    assert sorted(CONFIG.rglob("*")) == before


@pytest.mark.parametrize("name", ["my corpus", "", "_mine", "a" * 60, "../mine"])
def test_a_name_that_is_none_is_refused(name):
    check_name("mine.v2_b")
    with pytest.raises(InputError, match=r"^name: is '.*', expected letters, digits"):
        check_name(name)


def test_the_least_duration_is_half_the_longest_window():
    assert min_duration_s(CONFIG) == 513 / 16_000
