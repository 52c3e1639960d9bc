from pathlib import Path

import pytest
import yaml

from emofactors.config.tasks import TaskConfig
from emofactors.corpora.build_manifest import build_manifest
from emofactors.corpora.readers import read_corpus
from emofactors.corpora.splits import make_folds
from emofactors.errors import InputError

TASK = Path(__file__).parents[4] / "config" / "tasks" / "vctk_external.yaml"
SPEAKERS_092 = (
    "ID  AGE  GENDER  ACCENTS  REGION COMMENTS \n"
    "p225  23  F    English    Southern  England\n"
    "p226  22  M    English    Surrey\n"
    "p280  25  F    Unknown    France (mic2 files unavailable)\n"
)
SPEAKERS_080 = (
    "ID  AGE  GENDER  ACCENTS  REGION\n225  23  F    English    Southern  England\n226  22  M    English\n"
)


def of_092(*names, mic="mic1"):
    return [f"wav48_silence_trimmed/{name[:-4]}/{name}_{mic}.flac" for name in names]


def of_080(*names):
    return [f"wav48/{name[:-4]}/{name}.wav" for name in names]


def write_text(root, path, text):
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text, encoding="utf-8")


@pytest.mark.parametrize(("layout", "info"), [(of_092, SPEAKERS_092), (of_080, SPEAKERS_080)])
def test_both_layouts_give_the_same_row(write_wavs, load_corpus, layout, info):
    (path,) = layout("p226_003")
    root = write_wavs([path])
    write_text(root, "speaker-info.txt", info)
    write_text(root, "txt/p226/p226_003.txt", "Six spoons of fresh\nsnow peas. \n")
    (row,) = read_corpus(root, load_corpus("vctk")).to_dict("records")
    assert (row["utterance"], row["path"], row["speaker"], row["gender"]) == ("p226_003", path, "p226", "male")
    assert (row["emotion"], row["style"], row["session"], row["language"]) == ("neutral", "read", "", "en")
    assert row["text"] == "Six spoons of fresh snow peas."


def test_only_the_first_microphone_is_used(write_wavs, load_corpus):
    root = write_wavs(of_092("p225_001", "p280_001", "s5_001") + of_092("p225_001", "p225_002", mic="mic2"))
    rows = read_corpus(root, load_corpus("vctk"))
    assert rows["utterance"].tolist() == ["p225_001", "p280_001", "s5_001"]
    assert all(rows["path"].str.endswith("_mic1.flac"))


def test_audio_without_texts_and_genders_is_read(write_wavs, load_corpus):
    root = write_wavs(of_080("p225_001", "p315_001"))
    manifest = build_manifest(read_corpus(root, load_corpus("vctk")), root, load_corpus("vctk"))
    assert manifest.utterances[["gender", "text"]].to_numpy().tolist() == [["", ""]] * 2
    assert manifest.whole is None


def test_texts_and_genders_missing_in_the_release_are_empty(write_wavs, load_corpus):
    root = write_wavs(of_080("p225_001", "p280_001", "p315_001", "p376_001"))
    (root / "wav48/p376/p376_295.raw").write_bytes(b"\0" * 100)  # 0.80 has one recording without a header
    write_text(root, "speaker-info.txt", SPEAKERS_080)
    write_text(root, "txt/p225/p225_001.txt", "Please call Stella.")
    rows = read_corpus(root, load_corpus("vctk")).set_index("utterance")
    assert rows["gender"].to_dict() == {"p225_001": "female", "p280_001": "", "p315_001": "", "p376_001": ""}
    assert rows.loc["p315_001", "text"] == ""


def test_every_third_number_is_dev_or_test(write_wavs, load_corpus):
    root = write_wavs(
        of_092(*[f"{speaker}_{number:03d}" for speaker in ("p225", "p226") for number in range(1, 13)])
    )
    config = load_corpus("vctk")
    utterances = build_manifest(read_corpus(root, config), root, config).utterances
    folds = make_folds(utterances, TaskConfig(**yaml.safe_load(TASK.read_text(encoding="utf-8"))))
    utterances_of = folds.groupby("split")["utterance"].agg(list).to_dict()
    assert utterances_of["dev"] == ["p225_006", "p225_012", "p226_006", "p226_012"]
    assert utterances_of["test"] == ["p225_003", "p225_009", "p226_003", "p226_009"]
    assert len(utterances_of["train"]) == 16


def test_speakers_may_be_links_to_folders(write_wavs, load_corpus):
    root = write_wavs(f"whole/{path}" for path in of_092("p225_001", "p226_001", "p227_001"))
    first = root / "first"
    (first / "wav48_silence_trimmed").mkdir(parents=True)
    for speaker in ("p225", "p226"):
        link = first / "wav48_silence_trimmed" / speaker
        link.symlink_to(root / "whole/wav48_silence_trimmed" / speaker, target_is_directory=True)
    assert read_corpus(first, load_corpus("vctk"))["speaker"].tolist() == ["p225", "p226"]


@pytest.mark.parametrize("path", [*of_092("p225_1"), "wav48_silence_trimmed/p226/p225_001_mic1.flac"])
def test_an_invalid_name_is_an_error(write_wavs, load_corpus, path):
    root = write_wavs([*of_092("p225_001"), path])
    with pytest.raises(InputError, match=f"{path}: expected speaker and number, like p225/p225_001.flac"):
        read_corpus(root, load_corpus("vctk"))


@pytest.mark.parametrize(
    ("paths", "found"),
    [
        (of_092("p225_001") + of_080("p225_001"), "0.92 and 0.80"),
        (["p225_001.wav"], "no version"),
    ],
)
def test_audio_of_exactly_one_version_is_required(write_wavs, load_corpus, paths, found):
    root = write_wavs(paths)
    with pytest.raises(InputError, match=f"has audio of {found} of VCTK, expected wav48_silence_trimmed/"):
        read_corpus(root, load_corpus("vctk"))


def test_a_table_without_speakers_is_an_error(write_wavs, load_corpus):
    root = write_wavs(of_092("p225_001"))
    write_text(root, "speaker-info.txt", SPEAKERS_092.splitlines()[0])
    with pytest.raises(InputError, match=r"speaker-info.txt: lists no speaker, expected lines of ID, AGE, GENDER"):
        read_corpus(root, load_corpus("vctk"))
