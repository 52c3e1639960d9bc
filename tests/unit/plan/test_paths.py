import re
from pathlib import Path

import pytest

from emofactors.plan import paths
from emofactors.plan.paths import Evaluation, Run

RULES = "\n".join(
    file.read_text() for file in sorted((Path(__file__).parents[3] / "workflow" / "rules").glob("*.smk"))
)
#: Every literal path of the rules.
LITERALS = set(re.findall(r'"(results/[^"]+)"', RULES.replace("{{study}}", "{study}")))
RUN = Run("{task}", "{system}", "{variant}", "{fold}", "{seed}")


@pytest.mark.parametrize(
    "path",
    [
        paths.manifest("{corpus}"),
        paths.corpus_metadata("{corpus}"),
        paths.downloaded("{corpus}"),
        paths.synthesized_audio("{corpus}"),
        paths.true_factors("{corpus}"),
        paths.folds("{task}"),
        paths.audit("{task}"),
        paths.archive("{corpus}", "{augmentation}", "{features}"),
        paths.shard_archive("{corpus}", "{augmentation}", "{features}", "{shard}"),
        paths.run_file(RUN, "model.safetensors"),
        paths.run_file(RUN, "{test}/predictions.csv"),
        paths.reconstructed_speech(RUN, "{on_task}"),
        paths.evaluation_file(Evaluation("{task}", "{system}", "{variant}", "{task}"), "probes.csv"),
        paths.page("{study}"),
        *(paths.claims_file("{study}", ending) for ending in ("csv", "md", "tex", "html")),
        *(paths.table_file("{study}", "{table}", ending) for ending in ("csv", "md", "tex", "html", "json")),
        *(paths.figure_file("{study}", "{figure}", ending) for ending in ("png", "svg")),
        paths.corpus_overview("{study}", "{corpus}"),
        paths.audio_examples("{study}", "{task}", "{system}", "{variant}"),
    ],
)
def test_rules_state_the_same_path(path):
    assert path in LITERALS


@pytest.mark.parametrize("root", ["", "/home/a b/", "fold0/seed0/../"])
@pytest.mark.parametrize("file", ["run.json", "on_other/reconstructed_all/predictions.csv", ""])
def test_a_run_is_parsed_from_the_path_of_its_files(root, file):
    run = Run("iemocap4", "cnn_bigru", "lambda_0.3", 11, 2026)
    path = Path(root + paths.run_file(run, file))
    assert paths.parse_run(path) == run


@pytest.mark.parametrize("reconstructed", ["", "cycle_content"])
def test_an_evaluation_is_parsed_from_the_path_of_its_files(reconstructed):
    evaluation = Evaluation("nemo4", "factor_classifier", "raw", "emodb4", reconstructed)
    path = paths.evaluation_file(evaluation, "confusion.csv")
    assert paths.parse_evaluation(f"/tmp/{path}") == evaluation
    folder = paths.evaluation_folder("emodb4", reconstructed)
    assert f"/{folder}/" in path
    assert paths.parse_evaluation_folder(folder) == ("emodb4", reconstructed)


@pytest.mark.parametrize("parse", [paths.parse_run, paths.parse_evaluation])
def test_another_path_is_refused(parse):
    with pytest.raises(ValueError, match=r"results/report/index\.html: expected <task>/<system>/<variant>/"):
        parse("results/report/index.html")
