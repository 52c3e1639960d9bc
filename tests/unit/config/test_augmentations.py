import pytest

from emofactors.config.augmentations import AugmentationSettings

VALID = {"copies": ("noise",), "noise_snr_db": (10, 30), "shift": (-0.1, 0.1), "speed": (0.9, 1.1), "seed": 0}


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"copies": ("noise", "noise")}, "'copies' names a kind twice"),
        ({"copies": ()}, "at least 1 item"),
        ({"copies": ("echo",)}, "'noise', 'shift' or 'speed'"),
        ({"speed": (0.9, 3.0)}, "'speed' is [0.9, 3.0]: expected lowest and highest value between 0.5 and 2.0"),
        ({"noise_snr_db": (30, 10)}, "'noise_snr_db' is [30.0, 10.0]: expected lowest"),
        ({"shift": (-0.6, 0.1)}, "'shift' is [-0.6, 0.1]: expected lowest"),
    ],
)
def test_an_impossible_augmentation_is_refused(keys, message):
    assert AugmentationSettings(**VALID)
    with pytest.raises(ValueError, match="validation error") as refused:
        AugmentationSettings(**(VALID | keys))
    assert message in str(refused.value)
