"""Jobs import only what they use: an import of seconds is paid by every job of a study."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from emofactors.corpora.splits import write_folds
from emofactors.features.archive import ArchiveWriter

SCRIPTS = Path(__file__).parents[2] / "workflow" / "scripts"

#: Modules that take a tenth of a second or more to import.
HEAVY = frozenset(
    {"librosa", "matplotlib", "numba", "pandas", "requests", "scipy", "scipy.signal", "scipy.stats", "sklearn"}
    | {"sympy", "torch", "torch._dynamo", "torch._inductor", "torchaudio", "triton", "typer"}
)

#: scikit-learn imports them itself.
SKLEARN = frozenset({"scipy", "scipy.stats", "sklearn"})

#: Heavy modules of the scripts. What a kind of features, table or figure needs is imported when it is known.
USED = {
    frozenset({"requests"}): ["download_corpus"],
    frozenset({"pandas"}): [
        *("audit_task", "build_manifest", "gather_features", "make_folds", "make_table", "score_variant"),
        *("split_manifest", "synthesize_corpus"),
    ],
    frozenset({"pandas", "scipy"}): ["make_claims"],
    frozenset({"matplotlib"}): ["make_figure"],
    frozenset({"matplotlib", "pandas"}): ["make_page", "plot_corpus"],
    frozenset({"pandas"}) | SKLEARN: [
        *("estimate_code_information", "fit_svm", "probe_embeddings", "probe_true_factors"),
    ],
    frozenset({"pandas", "torch"}): [
        *("evaluate_cross_corpus", "extract_attention", "extract_features", "reconstruct_speech", "train"),
        "train_decomposer",
    ],
    frozenset({"pandas", "torch", "torchaudio"}): ["render_audio_examples"],
}

#: Run scripts' import statements, and print the heavy modules that are loaded after each.
IMPORT_STATEMENTS = """
import ast, json, sys
heavy, scripts = map(json.loads, sys.argv[1:])
for script in scripts:
    tree = ast.parse(open(script, encoding="utf-8").read())
    tree.body = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    exec(compile(tree, script, "exec"))
    print(json.dumps(sorted(set(heavy) & set(sys.modules))))
"""

#: Run a script as Snakemake does, and write the heavy modules that are loaded at its end.
JOB = """
import json, runpy, sys
class Named(dict):
    __getattr__ = dict.__getitem__
heavy, script, job = json.loads(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3], object_hook=Named)
runpy.run_path(script, {"snakemake": job})
with open("loaded", "w") as file:
    json.dump(sorted(set(heavy) & set(sys.modules)), file)
"""


def run_python(program, *arguments, **options):
    """Run a program in a process of its own, which has imported nothing; return its output."""
    command = [sys.executable, "-c", program, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_table_has_every_script_once():
    listed = [script for scripts in USED.values() for script in scripts]
    assert sorted(listed) == sorted(file.stem for file in SCRIPTS.glob("*.py"))
    assert frozenset().union(*USED) < HEAVY


@pytest.mark.parametrize("used", USED, ids=lambda used: "+".join(sorted(used)))
def test_scripts_import_the_heavy_modules_that_they_use_and_no_other(used):
    scripts = [str(SCRIPTS / f"{script}.py") for script in USED[used]]
    lines = run_python(IMPORT_STATEMENTS, json.dumps(sorted(HEAVY)), json.dumps(scripts)).splitlines()
    loaded = dict(zip(USED[used], map(json.loads, lines), strict=True))
    assert loaded == dict.fromkeys(USED[used], sorted(used))


def test_predicting_with_a_network_imports_no_scikit_learn():
    modules = ("features", "inference.audio_files", "inference.saved_model", "systems")
    program = "".join(f"import emofactors.{module}\n" for module in modules)
    program += f"import sys; print(*sorted({set(HEAVY)} & set(sys.modules)))"
    assert run_python(program).split() == ["pandas", "torch"]


def test_a_training_imports_neither_the_compiler_of_torch_nor_scipy(tmp_path):
    emotions = ["calm", "anger"] * 12
    names = [f"u{i:02d}" for i in range(len(emotions))]
    folds = pd.DataFrame({"utterance": names, "original": names, "speaker": "s", "emotion": emotions, "fold": 0})
    folds["split"] = np.repeat(["train", "dev", "test"], 8)
    write_folds(folds, tmp_path / "folds.csv")
    generator = np.random.default_rng(0)
    with ArchiveWriter(tmp_path / "features", n_bins=16) as archive:
        for name in names:
            archive.add(name, generator.normal(size=(30, 16)).astype(np.float32))
    identity = {"task": "t", "corpus": "c", "system": "cnn_bigru", "variant": "v", "fold": 0, "seed": 0}
    job = {
        "log": ["train.log"],
        "wildcards": {"system": "cnn_bigru", "fold": "0", "seed": "0"},
        "params": {
            "run": {"features": "f", "batch_size": 4, "pool_batches": 8, "learning_rate": 0.01, "max_steps": 4},
            "compute": {"device": "cpu", "threads": 1},
            "arguments": {
                **{"conv_channels": [4], "conv_kernel_sizes": [3], "conv_strides": [2], "conv_pools": [2]},
                **{"gru_units": 4, "embedding_dim": 4, "center_lambda": 0.3, "center_alpha": 0.5},
                **{"warm_up_steps": 1, "class_weight_offset": 0.5},
            },
            "classes": ["calm", "anger"],
            "code": "0",
            "input_spec": identity | {"method": "network", "classes": ["calm", "anger"], "features": None},
        },
        "resources": {"slots_per_gpu": 1, "stream": 0},
        "input": {"folds": "folds.csv", "features": ["features"]},
        "output": {name: name for name in ("model", "history", "predictions", "embeddings", "run")},
    }
    run_python(JOB, json.dumps(sorted(HEAVY)), str(SCRIPTS / "train.py"), json.dumps(job), cwd=tmp_path)
    assert json.loads((tmp_path / "run").read_text())["steps"] == 4
    assert json.loads((tmp_path / "loaded").read_text()) == ["pandas", "torch"]
