import numpy as np
import pandas as pd
import pytest

from emofactors.config.evaluation import ProbeSettings
from emofactors.errors import InputError
from emofactors.evaluation.code_information import Codes
from emofactors.evaluation.true_factors import FACTOR_COLUMNS, probe_true_factors, read_factors, summarise_codes

SETTINGS = ProbeSettings(folds=4, clusters=5, permutations=50)
VOICES = ("ann", "bob", "eve")
SENTENCES = ("bread", "bus", "tea", "train")


@pytest.fixture(scope="module")
def corpus():
    """Codes of one factor each for 3 voices x 4 sentences x 6; the spectrogram is noise."""
    rng = np.random.default_rng(0)
    factors = pd.DataFrame(
        [(v, s, i) for v in VOICES for s in SENTENCES for i in range(6)], columns=["voice", "sentence", "i"]
    )
    factors["utterance"] = factors["voice"] + "_" + factors["sentence"] + "_" + factors["i"].astype(str)
    n = len(factors)
    factors["rate_wpm"], factors["pitch_shift"] = rng.normal(170, 20, n), rng.normal(0, 10, n)
    lengths = rng.integers(5, 12, n)
    utterance = np.repeat(np.arange(n), lengths)
    of_sentence = np.eye(4)[pd.factorize(factors["sentence"])[0]] * 5
    codes = Codes(
        spectrogram=rng.normal(size=(len(utterance), 20)),
        content=of_sentence[utterance] + rng.normal(size=(len(utterance), 4)) * 0.5,
        rhythm=(factors["rate_wpm"].to_numpy() / 20)[utterance][:, None]
        + rng.normal(size=(len(utterance), 2)) * 0.1,
        pitch=(factors["pitch_shift"].to_numpy() / 10)[utterance][:, None]
        + rng.normal(size=(len(utterance), 3)) * 0.1,
        utterance=utterance,
        utterances=factors["utterance"].to_numpy(dtype=str),
        speakers=factors["voice"].to_numpy(dtype=str),
        splits=np.full(n, "test"),
    )
    return codes, factors


@pytest.fixture(scope="module")
def probed(corpus, tmp_path_factory):
    codes, factors = corpus
    path = tmp_path_factory.mktemp("factors") / "factors.csv"
    factors.to_csv(path, index=False)
    found = probe_true_factors({(0, 0): codes}, read_factors(path), SETTINGS).factors
    return found.set_index(["code", "factor", "metric", "speaker"])["value"]


def test_a_factor_is_found_in_its_code(probed):
    assert probed["content", "sentence", "skill", ""] == 1.0
    assert probed["rhythm", "rate", "r2", ""] > 0.95
    assert probed["pitch", "pitch", "r2", ""] > 0.95
    assert probed["content", "sentence", "information", ""] > 1.0


def test_other_codes_are_at_chance(probed):
    others = [("content", "rate"), ("rhythm", "pitch"), ("pitch", "rate"), ("spectrogram", "pitch")]
    for code, factor in others:
        assert probed[code, factor, "r2", ""] < 0.15
        assert abs(probed[code, factor, "information", ""]) < 0.12
    for code, factor in [("rhythm", "sentence"), ("spectrogram", "voice"), ("pitch", "voice")]:
        assert abs(probed[code, factor, "skill", ""]) < 0.3


def test_every_measure_is_estimated_without_each_speaker(probed):
    assert len(probed) == 4 * 4 * 2 * (1 + len(VOICES))
    assert not probed.index.duplicated().any()
    for voice in VOICES:
        assert probed["content", "sentence", "skill", voice] == 1.0
        assert probed["rhythm", "rate", "r2", voice] > 0.9


def test_skill_is_the_mean_recall_scaled_from_chance(corpus):
    codes, factors = corpus
    # The codes distinguish two pairs of sentences, so the mean recall is 1/2.
    merged = np.where(codes.content[:, :1] + codes.content[:, 1:2] > 2.5, 5.0, 0.0)
    blurred = Codes(**(vars(codes) | {"content": merged}))
    table = pd.DataFrame(
        {"sentence": factors["sentence"], "voice": factors["voice"], "rate": 0.0, "pitch": 0.0}
    ).set_index(factors["utterance"])
    found = probe_true_factors({(0, 0): blurred}, table, SETTINGS).factors
    value = found.query("code == 'content' and factor == 'sentence' and metric == 'skill' and speaker == ''")[
        "value"
    ]
    assert value.item() == pytest.approx((0.5 - 0.25) / 0.75, abs=0.15)
    assert set(found["factor"]) == {"sentence", "voice"}  # constant numbers are not probed


def test_summaries_do_not_depend_on_the_number_of_codes():
    codes = np.array([[1.0, 0.0], [3.0, 0.0], [5.0, 2.0]])
    np.testing.assert_allclose(summarise_codes(codes, np.array([0, 0, 1])), [[2, 0, 1, 0], [5, 2, 0, 0]])
    twice = summarise_codes(np.repeat(codes, 2, axis=0), np.repeat([0, 0, 1], 2))
    np.testing.assert_allclose(twice, summarise_codes(codes, np.array([0, 0, 1])))


def test_the_table_is_written(corpus, tmp_path):
    codes, factors = corpus
    factors.to_csv(tmp_path / "factors.csv", index=False)
    found = probe_true_factors({(1, 2): codes}, read_factors(tmp_path / "factors.csv"), SETTINGS)
    found.write(tmp_path / "true.csv")
    assert (tmp_path / "true.csv").read_text().splitlines()[0] == ",".join(FACTOR_COLUMNS)
    assert set(found.factors["fold"]) == {1}
    assert set(found.factors["n"]) == {len(factors)}


def test_missing_factors_and_columns_are_refused(corpus, tmp_path):
    codes, factors = corpus
    factors.iloc[1:].to_csv(tmp_path / "factors.csv", index=False)
    with pytest.raises(ValueError, match="'ann_bread_0' has no true factors"):
        probe_true_factors({(0, 0): codes}, read_factors(tmp_path / "factors.csv"), SETTINGS)
    with pytest.raises(ValueError, match="at least one run"):
        probe_true_factors({}, factors, SETTINGS)
    factors.drop(columns="rate_wpm").to_csv(tmp_path / "lacking.csv", index=False)
    with pytest.raises(InputError, match="has no column rate_wpm"):
        read_factors(tmp_path / "lacking.csv")
