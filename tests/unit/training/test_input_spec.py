import json

import pandas as pd
import pytest
from pydantic import ValidationError

from emofactors.config.features import FeatureSettings, FunctionalSettings
from emofactors.corpora.manifest import MANIFEST_COLUMNS, write_manifest
from emofactors.training.input_spec import InputSpec

IDENTITY = {"task": "t", "corpus": "c", "system": "s", "variant": "v", "fold": 1, "seed": 2, "method": "network"}
MEL = {"sample_rate_hz": 16_000, "window": "hann", "win_ms": 25, "hop_ms": 10, "n_fft": 512, "n_mels": 20}
MEL |= {"pad_mode": "reflect"}
FUNCTIONALS = {"f0_method": "pyin", "f0_min_hz": 75, "f0_max_hz": 500, "percentiles": [5, 95], "deltas": True}


@pytest.mark.parametrize(
    "features",
    [
        None,
        FeatureSettings(kind="log_mel", **MEL),
        FunctionalSettings(kind="functionals", **MEL, **FUNCTIONALS),
    ],
)
def test_a_specification_survives_json(features):
    spec = InputSpec(**IDENTITY, classes=("calm", "anger"), features=features, longest_s=2.000063)
    read = InputSpec(**json.loads(json.dumps(spec.model_dump(mode="json"))))
    assert read == spec
    assert type(read.features) is type(features)
    assert hash(read.features) == hash(features)


def test_images_are_padded_to_the_longest_utterance_of_the_manifest(tmp_path):
    rows = pd.DataFrame([dict.fromkeys(MANIFEST_COLUMNS, "")] * 2)
    rows = rows.assign(start_s="", end_s="", duration_s=[1.25, 3.5000625], sample_rate_hz=16_000)
    write_manifest(rows, tmp_path / "manifest.csv")
    content = IDENTITY | {"classes": ["calm", "anger"], "features": None}
    assert InputSpec.of_run(content, tmp_path / "manifest.csv").longest_s == pytest.approx(3.5000625, abs=1e-6)
    assert InputSpec.of_run(content).longest_s is None


def test_a_missing_field_is_an_error():
    with pytest.raises(ValidationError, match="classes"):
        InputSpec(**IDENTITY, features=None)
