import pytest

from emofactors.config.corpora import corpus_config
from emofactors.config.tasks import TaskConfig
from emofactors.io.yaml import read_yaml

GROUPS = {"protocol": "speaker_groups", "folds": 3, "dev_speakers": 1}
LEAKY = {"protocol": "stratified_folds", "folds": 5, "strata": ("emotion",)} | {
    "augmentation": "a",
    "augmented": "before_split",
    "shows_leak": True,
}


def task_of(**keys):
    return TaskConfig(**({"corpus": "c", "classes": ("anger", "sadness")} | keys))


@pytest.fixture(scope="module")
def contents(config_dir):
    """Name -> content of all task files of the project."""
    return {file.stem: read_yaml(file) for file in (config_dir / "tasks").glob("*.yaml")}


# --- the keys of a task --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"protocol": "speaker_groups", "dev_speakers": 1}, "'folds' is required with protocol 'speaker_groups'"),
        ({"protocol": "stratified_folds", "strata": ("emotion",)}, "'folds' is required with protocol"),
        ({"protocol": "all_train", "folds": 3}, "'folds' is not allowed with protocol 'all_train'"),
        (
            {"protocol": "speaker_groups", "folds": 3},
            "protocol 'speaker_groups' requires 'dev_speakers' or 'dev_fraction': expected one of them, not none",
        ),
        (GROUPS | {"dev_fraction": 0.2}, "expected one of them, not both"),
        (
            {"protocol": "leave_one_session_out", "folds": 3, "dev_fraction": 0.2},
            "'dev_fraction' is not allowed with protocol 'leave_one_session_out'",
        ),
        ({"protocol": "holdout", "column": "session", "dev": ["1"], "test": ["1"]}, "share ['1']"),
        (GROUPS | {"augmentation": "a"}, "expected both or none"),
        (GROUPS | {"augmentation": "a", "augmented": "before_split"}, "requires protocol 'stratified_folds'"),
        (GROUPS | {"shows_leak": True}, "'shows_leak' requires 'augmented: before_split'"),
        (LEAKY | {"held_out": 0.1}, "'held_out' requires test speakers absent from training"),
        (GROUPS | {"classes": ("anger", "anger")}, "expected each class once"),
        (GROUPS | {"classes": ("anger", "rage")}, "'rage' is not an emotion; expected one of anger"),
        (GROUPS | {"classes": ("absent", "anger")}, "expected one emotion, then 'absent'"),
        (GROUPS | {"merge": {"excitement": "boredom"}}, "expected a non-class -> a class"),
    ],
)
def test_impossible_keys_are_an_error(keys, message):
    with pytest.raises(ValueError, match="validation error") as error:
        task_of(**keys)
    assert message in str(error.value)


def test_the_class_of_an_emotion_is_merged_or_absent():
    task = task_of(**GROUPS, classes=("anger", "happiness"), merge={"excitement": "happiness"})
    emotions = ("anger", "excitement", "fear", "anger+fear")
    assert [task.class_of(emotion) for emotion in emotions] == ["anger", "happiness", None, None]
    binary = task_of(**GROUPS, classes=("anger", "absent"))
    emotions = ("anger+other", "neutral", "fear+disgust", "fear+other", "no_agreement")
    assert [binary.class_of(emotion) for emotion in emotions] == ["anger", "absent", "absent", None, None]


@pytest.mark.parametrize(
    ("keys", "n_folds"),
    [({"protocol": "stratified_random", "strata": ("gender",)}, 5), ({"protocol": "all_train"}, 1), (GROUPS, 3)],
)
def test_the_number_of_folds_follows_from_the_protocol(keys, n_folds):
    assert task_of(**keys).n_folds == n_folds


def test_speaker_independence_follows_from_the_protocol_or_the_claim():
    task = task_of(protocol="stratified_random", strata=("gender",))
    assert not task.speaker_independent
    assert task.model_copy(update={"claims_unseen_speakers": True}).speaker_independent
    assert task_of(**GROUPS).speaker_independent


def test_the_label_of_a_protocol_states_independence_copies_held_out_utterances_and_leaks():
    assert task_of(**LEAKY).protocol_label == (
        "LEAKS, copies of test utterances are in training: speaker-dependent, 5 stratified random folds "
        "(dev: half a fold), augmented before the split"
    )
    augmented = GROUPS | {"augmentation": "a", "augmented": "training", "held_out": 0.1}
    assert task_of(**augmented).protocol_label == (
        "speaker-independent, 3 speaker groups, 1 dev speaker(s), training utterances augmented, "
        "10 % of the training speakers' utterances held out"
    )


# --- the files of the project --------------------------------------------------------------------------------


def test_every_task_fits_its_corpus(config_dir, contents):
    augmentations = {file.stem for file in (config_dir / "augmentations").glob("*.yaml")}
    assert len(contents) >= 10
    for name, content in contents.items():
        task = TaskConfig(**content)
        corpus = corpus_config(read_yaml(config_dir / "corpora" / f"{task.corpus}.yaml"))
        assert task.augmentation is None or task.augmentation in augmentations, name
        if corpus.expected is not None:
            assert {*task.classes, *task.merge} <= set(corpus.expected.emotions or task.classes), name
            if task.protocol == "leave_one_speaker_out":
                assert task.folds == corpus.expected.speakers, name


def test_a_leaky_task_differs_from_the_augmented_one_in_the_leak_only(contents):
    leaky = [name for name in contents if name.endswith("_leaky")]
    assert len(leaky) >= 5
    for name in leaky:
        augmented = contents[name.replace("_leaky", "_augmented")]
        assert augmented["augmented"] == "training"
        assert contents[name] == augmented | {"augmented": "before_split", "shows_leak": True}


@pytest.mark.parametrize("corpus", ["emodb", "savee", "crema_d", "nemo", "synthetic"])
def test_a_corpus_has_tasks_for_the_comparison_of_three_protocols(contents, corpus):
    tasks = {name: TaskConfig(**content) for name, content in contents.items()}
    of_corpus = {name: task for name, task in tasks.items() if task.corpus == corpus and task.augmentation}
    kinds = {(task.shows_leak, task.speaker_independent) for task in of_corpus.values()}
    assert kinds == {(True, False), (False, False), (False, True)}
    assert len({task.classes for task in of_corpus.values()}) == 1
    for name, task in of_corpus.items():
        assert name.endswith("_leaky" if task.shows_leak else "_augmented")


def test_a_held_out_task_differs_from_the_one_without_in_the_key_only(config_dir, contents):
    held_out = {name: content for name, content in contents.items() if name.endswith("_held_out")}
    corpora = {file.stem for file in (config_dir / "corpora").glob("*.yaml")} - {"mosei", "vctk"}
    assert {content["corpus"] for content in held_out.values()} == corpora
    for name, content in held_out.items():
        assert content == contents[name.removesuffix("_held_out")] | {"held_out": 0.1}


def test_the_standard_tasks_of_mosei_hold_out_the_published_partition(contents):
    tasks = {name: content for name, content in contents.items() if name.endswith("_standard")}
    emotions = tasks["mosei6_standard"]["classes"]
    assert len(emotions) == 6
    partition = {key: value for key, value in tasks["mosei6_standard"].items() if key != "classes"}
    assert partition == {
        "corpus": "mosei",
        "protocol": "holdout",
        "column": "partition",
        "dev": ["valid"],
        "test": ["test"],
        "claims_unseen_speakers": True,
    }
    binary = {f"mosei_{emotion}_standard": partition | {"classes": [emotion, "absent"]} for emotion in emotions}
    assert tasks == {"mosei6_standard": tasks["mosei6_standard"]} | binary
