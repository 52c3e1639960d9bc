import json
from importlib.metadata import version

import numpy as np

from emofactors.training.input_spec import InputSpec
from emofactors.training.metadata import run_metadata

SPEC = InputSpec(
    task="t",
    corpus="c",
    system="s",
    variant="v",
    fold=0,
    seed=0,
    method="network",
    classes=("calm", "anger"),
    features=None,
)


def test_metadata_of_a_classifier_have_settings_size_cost_and_provenance(trained, run, train):
    metadata = json.loads(
        run_metadata(trained, run, code="c0de", inference_utterances_per_s=12.34, input_spec=SPEC)
    )
    assert metadata["settings"] == run.settings.model_dump(mode="json")
    assert metadata["arguments"] == run.arguments
    assert metadata["steps"] == run.settings.max_steps
    assert metadata["best_step"] == trained.best_step
    assert metadata["parameters"] == sum(p.numel() for p in trained.system.parameters())
    assert metadata["flops"] > 0
    assert metadata["flops_frames"] == int(np.sort(train.n_frames)[len(train) // 2])
    assert metadata["training_utterances"] == 50
    assert metadata["inference_utterances_per_s"] == 12.3
    assert (metadata["precision"], metadata["threads"], metadata["code"]) == ("float32", 1, "c0de")
    assert metadata["device"].startswith("cpu (")
    assert metadata["versions"]["torch"] == version("torch")
    assert metadata["input_spec"]["classes"] == ["calm", "anger"]
    assert metadata["training_data"]["class_counts"] == [25, 25]
    assert "reconstruction" not in metadata


def test_metadata_of_a_decomposer_have_reconstruction_errors_and_no_input_spec(trained, run):
    errors = {"test": {"mel": 0.1, "mean_spectrogram": 0.5}}
    metadata = json.loads(run_metadata(trained, run, code="c0de", reconstruction=errors))
    assert metadata["reconstruction"] == errors
    assert metadata["inference_utterances_per_s"] is None
    assert {"input_spec", "training_data"}.isdisjoint(metadata)
