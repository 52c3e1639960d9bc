"""The docs describe protocols, corpora, statistics and shapes as config and code implement them."""

import re
from itertools import product
from pathlib import Path
from typing import get_args

import numpy as np
import pandas as pd
import pytest
import torch
import yaml

from emofactors.config.tasks import Protocol, TaskConfig
from emofactors.config.training import RunSettings
from emofactors.corpora.manifest import MANIFEST_COLUMNS
from emofactors.corpora.splits import make_folds
from emofactors.evaluation.statistics.estimates import speaker_mean_estimate
from emofactors.evaluation.statistics.holm import holm
from emofactors.evaluation.statistics.metrics import macro_f1, unweighted_accuracy, weighted_accuracy
from emofactors.evaluation.statistics.mutual_information import information_with_shift_null, plug_in_information
from emofactors.io.yaml import read_yaml
from emofactors.systems import build_system
from emofactors.systems.base import Batch, TrainingData

REPOSITORY = Path(__file__).parents[2]
DOCS = REPOSITORY / "docs"
CONFIG = REPOSITORY / "config"
PROTOCOLS = (DOCS / "protocols.md").read_text(encoding="utf-8")
NAMES = [name for of in get_args(Protocol) for name in (get_args(of) or [of])]


# --- protocols ------------------------------------------------------------------------------------------------


def section(name):
    """Return the text of a protocol's section."""
    (found,) = re.findall(rf"^### {name}\n(.*?)(?=^##)", PROTOCOLS, flags=re.DOTALL | re.MULTILINE)
    return found


def example(name):
    """Return the task of a protocol's example."""
    (block,) = re.findall(r"^```yaml\n(.*?)^```$", section(name), flags=re.DOTALL | re.MULTILINE)
    return TaskConfig.model_validate(yaml.safe_load(block))


def manifest_for(task):
    """Return a manifest of 20 speakers (or one per fold) in five sessions, with three utterances per class and style."""
    n_speakers = task.folds if task.protocol == "leave_one_speaker_out" else 20
    rows = []
    for speaker, emotion, style, take in product(
        range(n_speakers), task.classes, ("script", "improvised"), range(3)
    ):
        partition = "test" if speaker < 4 else "valid" if speaker < 8 else "train"
        rows.append(
            dict.fromkeys(MANIFEST_COLUMNS, "")
            | {
                "utterance": f"{speaker:02}_{emotion}_{style}_{take}",
                "speaker": f"{speaker:02}",
                "emotion": emotion,
            }
            | {"style": style, "gender": ("female", "male")[speaker % 2], "partition": partition}
            | {"session": f"{speaker * 5 // n_speakers}"}
        )
    return pd.DataFrame(rows)


def test_every_protocol_has_its_row_and_its_section():
    assert len(NAMES) == 7
    missing = [f"{name}: row" for name in NAMES if f"\n| `{name}` | " not in PROTOCOLS]
    missing += [
        f"{name}: {part}"
        for name in NAMES
        for part in (r"\*\*Asks\*\*", r"[Hh]olds apart\*\*", r"[Ll]eaks?\*\*")
        if not re.search(part, section(name))
    ]
    assert missing == [], "\n".join(missing)


@pytest.mark.parametrize("name", NAMES)
def test_the_example_of_a_protocol_splits_as_its_section_claims(name):
    task = example(name)
    assert task.protocol == name
    assert (CONFIG / "corpora" / f"{task.corpus}.yaml").is_file()
    folds = make_folds(manifest_for(task), task)
    assert folds["fold"].nunique() == task.n_folds
    shared = []
    for _, fold in folds.groupby("fold"):
        speakers = fold.groupby("split")["speaker"].agg(set)
        shared.append(bool(speakers["train"] & speakers.get("test", set())))
    if name == "all_train":
        assert set(folds["split"]) == {"train"}
    else:
        assert set(shared) == {not task.speaker_independent}
    (claims,) = re.findall(rf"^\| `{name}` \|.*\| ([^|]+) \|$", PROTOCOLS, flags=re.MULTILINE)
    assert ("unseen speakers" in claims) == (
        TaskConfig(**task.model_dump() | {"claims_unseen_speakers": None}).speaker_independent
    )


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("holdout", "all_train")])
def test_every_utterance_is_tested_as_often_as_documented(name):
    task = example(name)
    manifest = manifest_for(task)
    folds = make_folds(manifest, task)
    times = (
        folds[folds["split"] == "test"]["utterance"].value_counts().reindex(manifest["utterance"], fill_value=0)
    )
    (documented,) = re.findall(rf"^\| `{name}` \|[^|]*\|[^|]*\| ([^|]+) \|", PROTOCOLS, flags=re.MULTILINE)
    if documented == "every utterance once":
        assert set(times) == {1}
    else:
        assert documented == "half of the utterances, once"
        assert set(times) == {0, 1}
        assert times.mean() == pytest.approx(0.5, abs=0.02)


# --- corpora --------------------------------------------------------------------------------------------------


CORPORA = {
    cells[1].strip("` "): cells
    for line in (DOCS / "corpora.md").read_text(encoding="utf-8").splitlines()
    if line.startswith("| ") and len(cells := [cell.strip() for cell in line.strip("|").split("|")]) == 7
}


@pytest.mark.parametrize("corpus", sorted(file.stem for file in (CONFIG / "corpora").glob("*.yaml")))
def test_the_table_of_corpora_has_the_published_size(corpus):
    config = read_yaml(CONFIG / "corpora" / f"{corpus}.yaml")
    if config["reader"] in ("synthetic", "table"):
        return  # synthesized, or the reader's own corpus
    _, folder, _, speakers, utterances, emotions, licence = CORPORA[config["folder"]]
    assert folder == f"`{config['folder']}`"
    if config["licence"].startswith(("CC", "ODbL")):
        assert licence.replace(",", "").split()[:2] == config["licence"].split()[:2]
    expected = config.get("expected")
    if expected is None:
        assert "about" in utterances
        return
    numbers = [int(number.replace(",", "")) for number in re.findall(r"\d[\d,]*", utterances)]
    assert expected["utterances"] in numbers
    assert int(re.match(r"\d+", speakers)[0]) == expected["speakers"]
    if "emotions" in expected:
        named = set(expected["emotions"]) - {"other", "no_agreement"}
        assert int(re.match(r"\d+", emotions)[0]) == len(named)


# --- statistics -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def counts():
    return np.random.default_rng(0).integers(1, 20, size=(4, 4))


def test_the_equations_of_scores_are_those_of_the_code(counts):
    n_k, n = counts.sum(axis=1), counts.sum()
    assert unweighted_accuracy(counts) == pytest.approx(sum(counts[k, k] / n_k[k] for k in range(4)) / 4)
    assert weighted_accuracy(counts) == pytest.approx(sum(counts[k, k] for k in range(4)) / n)
    f1 = sum(2 * counts[k, k] / (n_k[k] + sum(counts[m, k] for m in range(4))) for k in range(4)) / 4
    assert macro_f1(counts) == pytest.approx(f1)


def test_the_equation_of_holm_is_that_of_the_code():
    p = np.array([0.04, 0.01, 0.4, 0.03, 0.6])
    ordered = sorted(p)
    expected = [min(1, max((len(p) - j) * ordered[j] for j in range(i + 1))) for i in range(len(p))]
    assert sorted(holm(p)) == pytest.approx(expected)


def test_the_equation_of_mutual_information_is_that_of_the_code(counts):
    one, other = np.nonzero(counts)
    one, other = np.repeat(one, counts.ravel()), np.repeat(other, counts.ravel())
    n, n_k, n_l = counts.sum(), counts.sum(axis=1), counts.sum(axis=0)
    expected = sum(
        counts[k, m] / n * np.log(n * counts[k, m] / (n_k[k] * n_l[m])) for k, m in product(range(4), repeat=2)
    )
    assert plug_in_information(one, other) == pytest.approx(expected)


def test_the_equation_of_the_shifted_null_is_that_of_the_code():
    rng = np.random.default_rng(0)
    a, b = rng.integers(3, size=40), rng.integers(3, size=40)
    for min_shift, possible in ((7, range(7, 34)), (25, range(10, 31))):  # 25 is limited to a quarter of 40
        null = information_with_shift_null(a, b, min_shift=min_shift, shifts=100, seed=0)
        expected = np.mean([plug_in_information(a, b[(np.arange(40) + shift) % 40]) for shift in possible])
        assert null.null_mean == pytest.approx(expected)


def test_the_equations_of_the_interval_are_those_of_the_code():
    """Two folds of two speakers with three seeds, whose means differ from seed to seed."""
    n_seeds, n_speakers, n_folds = 3, 4, 2
    of_speaker = np.array([[1.0, 2.0, 3.0, 6.0], [1.5, 2.0, 3.5, 5.0], [0.5, 2.5, 4.0, 7.0]])  # (K, S)
    in_fold = np.array([[1, 1, 0, 0], [0, 0, 1, 1]])
    found = speaker_mean_estimate(of_speaker[:, None] * in_fold, in_fold, tuple("abcd")).interval()
    mean = of_speaker.mean(axis=0)
    without = (mean.sum() - mean) / (n_speakers - 1)
    of_speakers = (n_speakers - 1) / n_speakers * ((without - without.mean()) ** 2).sum()
    contributions = np.stack([of_speaker[:, :2].sum(axis=1), of_speaker[:, 2:].sum(axis=1)], axis=1)
    contributions = contributions / (n_speakers * n_seeds)  # u_jf, (K, F)
    share = (n_speakers - n_folds) / (n_speakers - 1)
    distances = contributions - contributions.mean(axis=0)
    of_trainings = share * n_seeds / (n_seeds - 1) * (distances**2).sum()
    assert [found.se_speakers**2, found.se_trainings**2] == pytest.approx([of_speakers, of_trainings])
    t_of_parts = [3.182446, 2.776445]  # of 3 and of 2 * (3 - 1) degrees of freedom
    t = np.average(t_of_parts, weights=[of_speakers, of_trainings])
    assert found.high == pytest.approx(found.value + t * (of_speakers + of_trainings) ** 0.5)


# --- shapes of the systems ------------------------------------------------------------------------------------


#: System, variant, frames of two utterances, and the symbol of the page for the frames after each part.
SHAPES = {
    "cnn_bigru": ("mel_center", 300, {147: "T₁", 72: "T₂", 35: "T₃", 16: "T₄"}),
    "factor_classifier": ("raw", 192, {}),
    "speaker_adversarial": ("both", 100, {100: "T"}),
    "speechflow": ("cycle", 192, {192: "T", 24: "T/8"}),
    "vit_transfer": ("teacher", 128, {}),
}
BINS = {
    "cnn_bigru": 128,
    "factor_classifier": 80,
    "speaker_adversarial": 40,
    "speechflow": 81,
    "vit_transfer": 128,
}
#: Parts whose output shape is in a table of the page.
PARTS = {
    "cnn_bigru": [*(f"convolutions.layers.{layer}" for layer in range(4)), "bigru", "activation"],
    "factor_classifier": ["channel_norm", "convolutions", "linear", "bilstm", "attention", "embed"],
    "speaker_adversarial": ["time_delay", "bilstm", "embed"],
    "speechflow": [
        *(f"encoder.{factor}_lstm" for factor in ("content", "rhythm", "pitch")),
        *("decoder", "pitch_decoder"),
    ],
    "vit_transfer": ["stem", "embed", "transformer"],
}


@pytest.mark.parametrize("system", SHAPES)
def test_the_shapes_of_a_page_are_those_of_the_network(system):
    variant, n_frames, symbols = SHAPES[system]
    content = read_yaml(CONFIG / "systems" / f"{system}.yaml")
    settings = {key: value for of in ("published", "assumed") for key, (value, _) in content[of].items()}
    settings |= {key: value for key, value in content["variants"][variant].items() if key != "needs"}
    arguments = {key: value for key, value in settings.items() if key not in RunSettings.model_fields}
    data = TrainingData(BINS[system], class_counts=(3, 2), n_frames=n_frames, n_speakers=2, n_updates=10)
    network = build_system(system, arguments, data).eval()
    shapes = {}
    for name, part in network.named_modules():
        part.register_forward_hook(lambda _, __, out, name=name: shapes.update({name: out}))
    batch = Batch(torch.rand(2, n_frames, BINS[system]), torch.full((2,), n_frames), torch.tensor([0, 1]))
    with torch.no_grad():
        if system == "speechflow":
            codes = network.encode(batch.features)
            network.decode(codes, network.speaker_embedding(torch.tensor([0, 1])))
            network.decode_pitch(codes)
        else:
            network(batch)
    page = (DOCS / "systems" / f"{system}.md").read_text(encoding="utf-8")
    for part in PARTS[system]:
        out = shapes[part][0] if isinstance(shapes[part], tuple) else shapes[part]
        shape = ", ".join(["B", *(str(symbols.get(size, size)) for size in out.shape[1:])])
        assert f"({shape})" in page, f"{part}: ({shape}) is not on the page"
