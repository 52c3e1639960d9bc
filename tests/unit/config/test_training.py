import pytest

from emofactors.config.training import ComputeSettings, RunSettings

RUN = {"features": "f", "batch_size": 8, "pool_batches": 1, "learning_rate": 0.1}


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({}, "'max_steps' is None, 'max_epochs' None: expected one of the two"),
        ({"max_steps": 8, "max_epochs": 2}, "'max_steps' is 8, 'max_epochs' 2: expected one of the two"),
        ({"max_steps": 8, "select_after_step": 8}, "'select_after_step' is 8: expected below max_steps (8)"),
        ({"max_epochs": 2, "select": "last", "patience": 3}, "'patience' requires 'select: dev_ua'"),
        ({"max_epochs": 2, "max_frames": 3, "segment_frames": 4}, "'max_frames' is 3: expected none together"),
        ({"max_epochs": 2, "weight_decay": -1}, "weight_decay"),
        (
            {"max_epochs": 2, "standardise": False, "standardise_by_speaker": True},
            "'standardise_by_speaker' requires 'standardise'",
        ),
    ],
)
def test_settings_without_an_end_or_a_selection_are_refused(keys, message):
    with pytest.raises(ValueError, match="validation error") as refused:
        RunSettings(**RUN, **keys)
    assert message in str(refused.value)


def test_updates_are_steps_or_batches_of_all_epochs():
    assert RunSettings(**RUN, max_steps=5).n_updates(100) == 5
    assert RunSettings(**RUN, max_epochs=3).n_updates(17) == 3 * 3


def test_results_depend_on_neither_slots_nor_streaming():
    assert ComputeSettings(slots_per_gpu=3, stream=True).of_results == ComputeSettings().of_results
    assert ComputeSettings(threads=2).of_results != ComputeSettings().of_results
