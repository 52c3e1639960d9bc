import pytest
from pydantic import ValidationError

from emofactors.config.tables.protocols import ProtocolsTable

KEYS = {"kind": "protocols", "title": "t", "caption": "c", "rows": {"net/plain": "1"}}


def test_tasks_have_letters_in_their_order():
    assert ProtocolsTable(**KEYS).task_letters(["leaky", "random"]) == {"leaky": "A", "random": "B"}


@pytest.mark.parametrize("key", ["axis", "metrics", "differences"])
def test_keys_of_other_kinds_are_refused(key):
    with pytest.raises(ValidationError, match=f"{key}\n.*Extra inputs are not permitted"):
        ProtocolsTable(**KEYS | {key: ()})


def test_protocols_are_tasks_of_one_corpus_with_the_same_classes(tasks):
    table = ProtocolsTable(**KEYS)
    assert table.task_faults({"unseen": tasks["unseen"], "known": tasks["known"]}) == []
    for change in ({"corpus": "surrey"}, {"classes": ("anger", "fear")}):
        (fault,) = table.task_faults({"a": tasks["unseen"], "b": tasks["known"].model_copy(update=change)})
        assert fault.startswith("has tasks a, b; expected tasks of one corpus with the same classes")


#: WA of Kim & Lee 2024 in percent, teacher and student, as the names of the published weights give it (github.com/
#: kjy7567/speech_emotion_recognition_from_log_Mel_spectrogram_using_vertically_long_patch, commit 705fe6f).
PUBLISHED = {
    "emodb7_random5_leaky": (96.96, 98.83),
    "savee7_random5_leaky": (98.17, 98.95),
    "crema_d6_random5_leaky": (92.64, 94.07),
}


def test_config_repeats_the_published_wa_of_transfer(project_table):
    published = project_table("vit_protocols").published
    assert {p.task: (p.value("teacher", "wa"), p.value("student", "wa")) for p in published} == PUBLISHED
    assert {metric for p in published for values in p.values.values() for metric in values} == {"wa"}
