from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
import soundfile
import yaml

from emofactors.config.tasks import TaskConfig
from emofactors.corpora.build_manifest import build_manifest
from emofactors.corpora.readers import read_corpus
from emofactors.corpora.splits import make_folds
from emofactors.errors import InputError

#: Order of the scores: sentiment, happy, sad, anger, surprise, disgust, fear.
SCORES = {
    "-video1": [[1.0, 0.67, 0, 0, 0, 0, 0], [-2.0, 0, 0, 1.33, 0, 0.33, 0]],
    "video2": [[0.0, 0, 0, 0, 0, 0, 0]],
}
INTERVALS = {"-video1": [[0.2, 0.5], [0.5, 0.9]], "video2": [[0.0, 0.4]]}
COLUMNS = "video,start_s,end_s,sentiment,happy,sad,anger,surprise,disgust,fear"


def write_csd(file, scores, intervals):
    with h5py.File(file, "w") as sequence:
        root = sequence.create_group("All Labels")
        root.create_group("metadata")
        for video, scores_of_video in scores.items():
            root[f"data/{video}/features"] = np.array(scores_of_video, dtype=np.float32)
            root[f"data/{video}/intervals"] = np.array(intervals[video], dtype=np.float32)
    return file.parent


def write_csv(file, *lines):
    file.write_text("\n".join([COLUMNS, *lines]), encoding="utf-8")
    return file.parent


def lines_of_csv():
    return [
        ",".join(str(cell) for cell in (video, *interval, *scores))
        for video in SCORES
        for interval, scores in zip(INTERVALS[video], SCORES[video], strict=True)
    ]


@pytest.mark.parametrize("kind", ["csd", "csv"])
def test_segments_have_every_emotion_with_a_positive_score(tmp_path, load_corpus, kind):
    if kind == "csd":
        write_csd(tmp_path / "CMU_MOSEI_Labels.csd", SCORES, INTERVALS)
    else:
        write_csv(tmp_path / "labels.csv", *lines_of_csv())
    rows = read_corpus(tmp_path, load_corpus("mosei"))
    assert rows["utterance"].tolist() == ["-video1_000", "-video1_001", "video2_000"]
    assert rows["emotion"].tolist() == ["happiness", "anger+disgust", "neutral"]
    assert rows["speaker"].tolist() == ["-video1", "-video1", "video2"]
    assert rows["path"].tolist()[0] == "Audio/Full/WAV_16000/-video1.wav"
    assert rows["start_s"].tolist() == pytest.approx([0.2, 0.5, 0.0])
    assert rows["end_s"].tolist() == pytest.approx([0.5, 0.9, 0.4])
    assert set(rows["style"]) == {"spontaneous"}


def test_segments_are_cut_from_their_recordings(tmp_path, load_corpus):
    write_csd(tmp_path / "CMU_MOSEI_Labels.csd", SCORES, INTERVALS)
    folder = tmp_path / "Audio/Full/WAV_16000"
    folder.mkdir(parents=True)
    for video in SCORES:
        soundfile.write(folder / f"{video}.wav", np.random.default_rng(0).uniform(-0.5, 0.5, 16000), 16000)
    rows = read_corpus(tmp_path, load_corpus("mosei"))
    manifest = build_manifest(rows, tmp_path, load_corpus("mosei"))
    assert manifest.whole is None
    assert manifest.utterances["duration_s"].tolist() == pytest.approx([0.3, 0.4, 0.4])


def test_a_missing_recording_can_be_dropped(tmp_path, load_corpus):
    write_csd(tmp_path / "CMU_MOSEI_Labels.csd", SCORES, INTERVALS)
    (tmp_path / "Audio/Full/WAV_16000").mkdir(parents=True)
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 16000)
    soundfile.write(tmp_path / "Audio/Full/WAV_16000/video2.wav", noise, 16000)
    rows = read_corpus(tmp_path, load_corpus("mosei"))
    manifest = build_manifest(rows, tmp_path, load_corpus("mosei", on_bad_audio="drop"))
    assert pd.unique(manifest.utterances["speaker"]).tolist() == ["video2"]
    assert manifest.dropped == (("Audio/Full/WAV_16000/-video1.wav", "is missing"),)


def test_exactly_one_label_file_is_required(tmp_path, load_corpus):
    with pytest.raises(InputError, match=r"has label files \[\], expected one file of CMU-MOSEI"):
        read_corpus(tmp_path, load_corpus("mosei"))
    write_csv(tmp_path / "labels.csv", *lines_of_csv())
    write_csd(tmp_path / "CMU_MOSEI_Labels.csd", SCORES, INTERVALS)
    with pytest.raises(InputError, match=r"\['CMU_MOSEI_Labels.csd', 'labels.csv'\], expected one"):
        read_corpus(tmp_path, load_corpus("mosei"))


def test_a_sequence_with_other_shapes_or_values_is_an_error(tmp_path, load_corpus):
    scores = {"narrow": [[0.0] * 5], "broken": [[np.nan] * 7]}
    write_csd(tmp_path / "CMU_MOSEI_Labels.csd", scores, {video: [[0.0, 1.0]] for video in scores})
    with pytest.raises(InputError) as caught:
        read_corpus(tmp_path, load_corpus("mosei"))
    lines = str(caught.value).splitlines()
    assert len(lines) == 2
    assert "broken: segment 0 has numbers that are not finite" in lines[0]
    assert "narrow: features and intervals have shapes [(1, 5), (1, 2)], expected (n, 7) and (n, 2)" in lines[1]


def test_a_sequence_without_videos_and_a_file_that_is_not_hdf5_are_errors(tmp_path, load_corpus):
    file = tmp_path / "CMU_MOSEI_Labels.csd"
    with h5py.File(file, "w") as sequence:
        sequence.create_group("All Labels")
    with pytest.raises(InputError, match=r"has groups \['All Labels'\], expected one with videos under data/"):
        read_corpus(tmp_path, load_corpus("mosei"))
    file.write_bytes(b"<html>not found</html>")
    with pytest.raises(InputError, match="cannot be read, expected HDF5"):
        read_corpus(tmp_path, load_corpus("mosei"))


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("v,0,1,0,some,0,0,0,0,0", "line 2: happy is 'some', expected a number"),
        ("v,,1,0,0,0,0,0,0,0", "line 2: start_s is '', expected a number"),
        ("v,0,nan,0,0,0,0,0,0,0", "line 2: end_s is 'nan', expected a number"),
        (",0,1,0,0,0,0,0,0,0", "line 2: video is empty"),
        ("v,0,1,0,0,0,0,0,0", "line 2: has 9 cells, expected 10"),
    ],
)
def test_an_invalid_line_is_an_error_of_one_line(tmp_path, load_corpus, line, fault):
    assert fault in fault_of(write_csv(tmp_path / "labels.csv", line), load_corpus("mosei"))


# --- the publishers' partition

FOLDS = "standard_train_fold=['-video1', 'gone']\n\nstandard_test_fold = ['video2']\n# none\nstandard_valid_fold=['x']\n"


def with_labels(folder):
    return write_csv(folder / "labels.csv", *lines_of_csv())


def fault_of(root, config):
    with pytest.raises(InputError) as caught:
        read_corpus(root, config)
    (line,) = str(caught.value).splitlines()
    return line


def test_without_a_file_of_the_partition_it_is_empty(tmp_path, load_corpus):
    assert set(read_corpus(with_labels(tmp_path), load_corpus("mosei"))["partition"]) == {""}


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("cmu_mosei_std_folds.py", FOLDS),
        ("standard_folds.csv", "video,partition\n-video1,train\ngone,train\nvideo2,test\nx,valid\n"),
    ],
)
def test_every_segment_has_the_partition_of_its_video(tmp_path, load_corpus, file, content):
    (with_labels(tmp_path) / file).write_text(content, encoding="utf-8")
    rows = read_corpus(tmp_path, load_corpus("mosei"))
    assert rows["partition"].tolist() == ["train", "train", "test"]


def test_a_video_that_is_not_in_the_file_has_no_partition(tmp_path, load_corpus):
    (with_labels(tmp_path) / "cmu_mosei_std_folds.py").write_text(
        FOLDS.replace("'-video1', ", ""), encoding="utf-8"
    )
    assert read_corpus(tmp_path, load_corpus("mosei"))["partition"].tolist() == ["", "", "test"]


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (("['x']", "['video2']"), "line 5: video 'video2' is in test and valid; expected one partition"),
        (("['x']", "[]"), "has no videos of standard_valid_fold; expected standard_train_fold"),
        (("['x']", "[17]"), "line 5: standard_valid_fold is not a list of names"),
        (("['x']", "['']"), "line 5: standard_valid_fold is not a list of names"),
        (("['x']", "['a' + 'b']"), "line 5: standard_valid_fold is not a list of names"),
        (("['x']", "[*'ab']"), "line 5: standard_valid_fold is not a list of names"),
        (("['x']", "open('touched', 'w').name"), "line 5: is not one of the three partitions"),
        (("standard_valid_fold", "standard_dev_fold"), "line 5: is not one of the three partitions"),
        (("standard_valid_fold", "standard_test_fold"), "line 5: standard_test_fold is defined twice"),
        (("# none", "open('touched', 'w')"), "line 4: is not one of the three partitions"),
        (("# none", "import os"), "line 4: is not one of the three partitions"),
        (("['x']", "['x'"), "cannot be read as Python (SyntaxError)"),
        (("# none", "\0"), "cannot be read as Python ("),
    ],
)
def test_an_invalid_folds_file_is_an_error_and_is_never_executed(
    tmp_path, load_corpus, monkeypatch, change, fault
):
    monkeypatch.chdir(tmp_path)
    content = FOLDS.replace(*change)
    assert content != FOLDS
    (with_labels(tmp_path) / "cmu_mosei_std_folds.py").write_text(content, encoding="utf-8")
    line = fault_of(tmp_path, load_corpus("mosei"))
    assert line.startswith(f"{tmp_path / 'cmu_mosei_std_folds.py'}: {fault}")
    assert not (tmp_path / "touched").exists()


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("video2,dev", "line 3: partition is 'dev', expected one of train, valid, test"),
        ("video2,", "line 3: partition is '', expected one of train, valid, test"),
        (",valid", "line 3: video is empty"),
        ("-video1,valid", "line 3: video '-video1' is in train and valid; expected one partition"),
    ],
)
def test_an_invalid_row_of_the_partition_is_an_error(tmp_path, load_corpus, line: str, fault: str):
    (with_labels(tmp_path) / "standard_folds.csv").write_text(f"video,partition\n-video1,train\n{line}\n")
    assert fault_of(tmp_path, load_corpus("mosei")).startswith(f"{tmp_path / 'standard_folds.csv'}: {fault}")


def test_two_files_of_the_partition_are_an_error(tmp_path, load_corpus):
    (with_labels(tmp_path) / "cmu_mosei_std_folds.py").write_text(FOLDS)
    (tmp_path / "standard_folds.csv").write_text("video,partition\n-video1,train\n")
    assert fault_of(tmp_path, load_corpus("mosei")) == (
        f"{tmp_path}: has cmu_mosei_std_folds.py and standard_folds.csv, expected one of them: the partition"
    )


def test_the_standard_tasks_split_by_the_partition_and_leave_out_videos_without_one():
    emotions = ["happiness", "sadness", "anger", "surprise", "disgust", "fear"]
    rows = [
        {
            "utterance": f"{partition}{speaker}_{emotion}",
            "speaker": f"{partition}{speaker}",
            "partition": partition,
            "emotion": emotion,
        }
        for partition in ("train", "valid", "test", "")
        for speaker in range(2)
        for emotion in [*emotions, "neutral", "anger+disgust"]
    ]
    files = sorted((Path(__file__).parents[4] / "config" / "tasks").glob("mosei*_standard.yaml"))
    assert len(files) == 7
    splits = {"train": "train", "valid": "dev", "test": "test"}
    for file in files:
        task = TaskConfig(**yaml.safe_load(file.read_text(encoding="utf-8")))
        assert task.speaker_independent
        folds = make_folds(pd.DataFrame(rows), task)
        assert folds["split"].tolist() == [splits[name.rstrip("01")] for name in folds["speaker"]]
        if task.classes[1] == "absent":
            is_anger_or_disgust = task.classes[0] in ("anger", "disgust")
            assert folds["emotion"].value_counts().to_dict() == (
                {"absent": 36, task.classes[0]: 12} if is_anger_or_disgust else {"absent": 42, task.classes[0]: 6}
            )
        else:
            assert set(folds["emotion"]) == set(emotions)
            assert len(folds) == 36
