from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from emofactors.cli import app
from emofactors.cli.predict import _as_text, _print_summary
from emofactors.inference.audio_files import FilePrediction, as_table

CLASSES = ("calm", "anger")


def model(variant="mel", corpus="emodb", max_used_s=np.inf):
    spec = SimpleNamespace(task="t", system="net", variant=variant, corpus=corpus, classes=CLASSES)
    return SimpleNamespace(input_spec=spec, max_used_s=max_used_s)


PREDICTIONS = [
    FilePrediction(Path("a.wav"), 1.5, np.array([0.25, 0.75]), None),
    FilePrediction(Path("longer_name.wav"), None, None, "cannot be decoded"),
    FilePrediction(Path("c.wav"), 20.0, np.array([0.9, 0.1]), None),
]


def test_the_line_of_an_unusable_file_states_the_reason():
    assert _as_text(as_table(PREDICTIONS, [model()])).splitlines() == [
        "file             seconds    prediction    calm    anger",
        "---------------  ---------  ------------  ------  -------",
        "a.wav            1.50       anger         0.250   0.750",
        "longer_name.wav  cannot be decoded",
        "c.wav            20.00      calm          0.900   0.100",
    ]


def test_the_summary_has_models_corpora_and_the_number_of_files_that_are_cut(capsys):
    _print_summary(PREDICTIONS, [model("mel"), model("mel"), model("stft", "nemo", max_used_s=14.0)])
    first, second = capsys.readouterr().err.splitlines()
    assert first == "3 model(s): t/net/mel, t/net/stft; trained on emodb, nemo"
    assert second.startswith("1 file(s) are longer than 14 s")


def test_the_summary_without_cut_files_has_one_line(capsys):
    _print_summary(PREDICTIONS, [model()])
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.parametrize("output", [".", "missing/out.csv"])
def test_an_output_that_cannot_be_written_is_refused_before_any_model_is_loaded(tmp_path, monkeypatch, output):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["predict", "no_run", "a.wav", "--output", output])
    assert (result.exit_code, result.stdout) == (2, "")
    assert (
        result.stderr == f"emofactors: error: {output}: cannot be written, expected a file in an existing folder\n"
    )


def test_a_folder_without_a_run_is_refused(tmp_path):
    threads = torch.get_num_threads()
    result = CliRunner().invoke(app, ["predict", "--threads", "1", str(tmp_path), "a.wav"])
    torch.set_num_threads(threads)
    assert result.exit_code == 2
    assert result.stderr.startswith(
        f"emofactors: error: {tmp_path}: contains no run, expected the folder of a run"
    )
