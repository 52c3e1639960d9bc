"""Tests of the audformat reader, in separate processes: the package is in no lock file and changes pandas."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from emofactors.config.checks import check_corpora
from emofactors.config.corpora import AudformatCorpus
from emofactors.config.load import load_study
from emofactors.corpora.readers import read_corpus
from emofactors.errors import InputError

REPOSITORY = Path(__file__).parents[4]
PACKAGES = REPOSITORY / ".audformat"


def python(program, *arguments, packages=True):
    """Run a program with or without audformat installed; return its output."""
    if packages and not (PACKAGES / "audformat").is_dir():
        pytest.skip("audformat is not installed: run tests/audformat/install.sh")
    folders = [REPOSITORY / "src", *([PACKAGES] if packages else [])]
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(map(str, folders))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


BUILD = """
import pickle, sys
from pathlib import Path
import audformat
import pandas as pd

def table(database, name, index, split=None, **columns):
    database[name] = audformat.Table(index, split_id=split)
    for column, (scheme, values) in columns.items():
        database[name][column] = audformat.Column(scheme_id=scheme)
        database[name][column].set(values)

def build(root, storage, speakers_of="labels"):
    database = audformat.Database("mini", languages=["deu"])
    database.schemes["emotion"] = audformat.Scheme(labels=["Wut", "Freude", "neutral", "?"])
    database.schemes["text"] = audformat.Scheme("str")
    if speakers_of == "labels":
        labels = {3: {"gender": "male", "age": 31}, 8: {"gender": "female"}}
    else:
        database["people"] = audformat.MiscTable(pd.Index([3, 8], name="who", dtype="Int64"))
        database.schemes["gender"] = audformat.Scheme(labels=["male", "female"])
        database["people"]["gender"] = audformat.Column(scheme_id="gender")
        database["people"]["gender"].set(["male", "female"])
        labels = "people"
    database.schemes["speaker"] = audformat.Scheme("int", labels=labels)
    database.splits["train"] = audformat.Split("train")
    database.splits["test"] = audformat.Split("test")
    files = [f"wav/{name}.wav" for name in ("03a", "03b", "08a", "08b")]
    whole = audformat.filewise_index(files)
    table(database, "files", whole, speaker=("speaker", [3, 3, 8, 8]), transcript=("text", ["=1", "zwei", "drei", None]))
    words = ["Wut", "Freude", "neutral", "Wut"]
    table(database, "emotion", whole, emotion=("emotion", words), speaker=("speaker", [3, 3, 8, 8]))
    table(database, "emotion.train", whole[:2], "train", emotion=("emotion", words[:2]))
    table(database, "emotion.test", whole[2:], "test", emotion=("emotion", words[2:]))
    table(database, "gaps", whole, emotion=("emotion", ["Wut", None, "?", "Wut"]), speaker=("speaker", [3, 3, 8, None]))
    parts = audformat.segmented_index(
        [files[0], files[0], files[2], files[3]], ["0s", "1.5s", "250ms", "0s"], ["1.5s", "2s", pd.NaT, pd.NaT]
    )
    table(database, "parts", parts, emotion=("emotion", words), speaker=("speaker", [3, 3, 8, 8]))
    table(database, "speakers", parts, speaker=("speaker", [3, 3, 8, 8]))
    away = audformat.filewise_index(["../out.wav", "/etc/out.wav"])
    table(database, "away", away, emotion=("emotion", ["neutral"] * 2), speaker=("speaker", [3, 3]))
    database.save(root, storage_format=storage)

class Harm:
    def __reduce__(self):
        return (open, ("harmed", "w"))

top = Path(sys.argv[1])
build(top / "parquet", "parquet")
build(top / "csv", "csv")
build(top / "misc", "csv", speakers_of="table")
build(top / "pickles", "parquet")
for file in (top / "pickles").glob("*.parquet"):
    file.with_suffix(".pkl").write_bytes(pickle.dumps(Harm()))
build(top / "pickles_alone", "csv")
for file in (top / "pickles_alone").glob("*.csv"):
    file.unlink()
    file.with_suffix(".pkl").write_bytes(pickle.dumps(Harm()))
build(top / "objects", "csv")
header = top / "objects" / "db.yaml"
header.write_text(header.read_text() + "meta: !!python/object/apply:builtins.open ['harmed', 'w']\\n")
build(top / "dated", "csv")
header = top / "dated" / "db.yaml"
header.write_text(header.read_text() + "expires: 2031-01-01\\n")
build(top / "damaged", "parquet")
file = top / "damaged" / "db.emotion.parquet"
file.write_bytes(file.read_bytes()[:-100])
for name, text in (("list", "- 1"), ("other", "a: 1"), ("none", "\\0")):
    (top / name).mkdir()
    (top / name / "db.yaml").write_text(text)
"""

READ = """
import json, os, sys
from pathlib import Path
from emofactors.config.corpora import AudformatCorpus
from emofactors.corpora.readers import read_corpus
from emofactors.errors import InputError

top = Path(sys.argv[1])
os.chdir(top)
outcomes = {}
for name, (folder, settings) in json.loads(sys.argv[2]).items():
    corpus = AudformatCorpus(reader="audformat", folder="db", title="Mini", language="de", audformat=settings)
    try:
        rows = read_corpus(top / folder, corpus)
        outcomes[name] = [{k: v for k, v in row.items() if v == v and v != ""} for row in rows.to_dict("records")]
    except InputError as error:
        outcomes[name] = str(error)
print(json.dumps([outcomes, (top / "harmed").exists()]))
"""

LABELS = {"Wut": "anger", "Freude": "happiness"}


def of(folder, *tables, **settings):
    return folder, {"tables": tables, "labels": LABELS} | settings


CASES = {
    **{folder: of(folder, "emotion") for folder in ("parquet", "csv", "misc", "pickles", "dated")},
    "parts": of("csv", "parts"),
    "parts_by_file": of(
        "csv", "parts", speaker="files/speaker", text="files/transcript", gender="files/transcript"
    ),
    "parts_by_part": of("parquet", "parts", speaker="speakers/speaker"),
    "splits": of("csv", "emotion.train", "emotion.test", speaker="files/speaker"),
    "without_labels": of("csv", "emotion", labels={}),
    "gaps": of("csv", "gaps"),
    "gaps_named": of("csv", "gaps", labels=LABELS | {"": "no_agreement", "?": "other"}, speaker="files/speaker"),
    "away": of("csv", "away"),
    "no_table": of("csv", "elsewhere"),
    "no_column": of("csv", "emotion", emotion="feeling"),
    "no_other_column": of("csv", "emotion", speaker="files/name"),
    "no_row": of("csv", "emotion", speaker="speakers/speaker"),
    "misc_is_no_table": of("misc", "people", speaker="files/speaker", emotion="gender"),
    **{f: of(f, "emotion") for f in ("pickles_alone", "objects", "damaged", "list", "other", "none", "nowhere")},
}


@pytest.fixture(scope="module")
def databases(tmp_path_factory):
    top = tmp_path_factory.mktemp("databases")
    python(BUILD, top)
    return top


@pytest.fixture(scope="module")
def outcomes(databases):
    found, is_harmed = json.loads(python(READ, databases, json.dumps(CASES)))
    assert not is_harmed, "a file of the database was executed"
    return found


def utterance(name, speaker, emotion, **more):
    gender = {"3": "male", "8": "female"}[speaker]
    path = f"wav/{name.split('_')[1]}.wav"
    defaults = {"path": path, "speaker": speaker, "gender": gender, "language": "de"}
    return defaults | {"utterance": name, "emotion": emotion} | more


WHOLE = [
    utterance("wav_03a", "3", "anger"),
    utterance("wav_03b", "3", "happiness"),
    utterance("wav_08a", "8", "neutral"),
    utterance("wav_08b", "8", "anger"),
]
PARTS = [
    utterance("wav_03a_0000000", "3", "anger", start_s=0.0, end_s=1.5),
    utterance("wav_03a_0001500", "3", "happiness", start_s=1.5, end_s=2.0),
    utterance("wav_08a_0000250", "8", "neutral", start_s=0.25),
    utterance("wav_08b", "8", "anger"),
]


@pytest.mark.parametrize("folder", ["parquet", "csv", "misc", "pickles", "dated"])
def test_a_filewise_table_is_read_with_the_gender_of_the_speaker_scheme(outcomes, folder):
    assert outcomes[folder] == WHOLE


def test_segments_have_times_and_whole_files_have_none(outcomes):
    assert outcomes["parts"] == outcomes["parts_by_part"] == PARTS


def test_columns_of_another_table_are_found_by_file(outcomes):
    texts = [{"text": word, "gender": word} for word in ("=1", "=1", "drei")]
    without_text = {key: value for key, value in PARTS[3].items() if key != "gender"}
    assert outcomes["parts_by_file"] == [*(p | w for p, w in zip(PARTS[:3], texts, strict=True)), without_text]


def test_a_split_is_the_partition_of_its_tables(outcomes):
    partitions = ["train", "train", "test", "test"]
    assert outcomes["splits"] == [row | {"partition": p} for row, p in zip(WHOLE, partitions, strict=True)]


def test_unknown_emotions_are_one_line_each(outcomes):
    lines = outcomes["without_labels"].splitlines()
    assert [line.partition("db.yaml: ")[2].partition(", expected")[0] for line in lines] == [
        "emotion: wav/03a.wav: emotion is 'Wut'",
        "emotion: wav/03b.wav: emotion is 'Freude'",
        "emotion: wav/08b.wav: emotion is 'Wut'",
    ]
    assert all(line.endswith("or an entry of 'labels' for it") for line in lines)


def test_rows_without_speaker_or_emotion_are_one_line_each(outcomes):
    lines = outcomes["gaps"].splitlines()
    assert [line.partition("db.yaml: gaps: ")[2].partition(", expected")[0] for line in lines] == [
        "wav/03b.wav: emotion is ''",
        "wav/08a.wav: emotion is '?'",
        "wav/08b.wav: speaker (speaker) is empty",
    ]


def test_labels_may_map_missing_values(outcomes):
    assert [row["emotion"] for row in outcomes["gaps_named"]] == ["anger", "no_agreement", "other", "anger"]


@pytest.mark.parametrize(
    ("case", "message"),
    [
        ("away", "away: ../out.wav: expected a path within the corpus folder"),
        ("away", "away: /etc/out.wav: expected a path within the corpus folder"),
        ("no_table", "db.yaml: has no table 'elsewhere'; expected one of away, emotion, emotion.test"),
        ("no_column", "db.yaml: table 'emotion' has no column 'feeling'; expected one of emotion, speaker"),
        ("no_other_column", "db.yaml: table 'files' has no column 'name'; expected one of speaker, transcript"),
        ("no_row", "wav/03b.wav: speaker (speakers/speaker) is empty, expected a value"),
        ("misc_is_no_table", "db.yaml: has no table 'people'; expected one of away"),
        ("pickles_alone", "db.emotion: is missing; expected the table as .parquet or .csv"),
        ("objects", "db.yaml: is not YAML"),
        ("damaged", "db.emotion.parquet: is not a table of the database"),
        ("list", "db.yaml: is list, expected keys and values"),
        ("other", "db.yaml: is not a header of an audformat database"),
        ("none", "db.yaml: is not YAML"),
        ("nowhere", "db.yaml: cannot be read (No such file or directory)"),
    ],
)
def test_an_invalid_database_is_an_error_with_its_fault(outcomes, case, message):
    assert isinstance(outcomes[case], str), outcomes[case]
    assert any(message in line for line in outcomes[case].splitlines()), outcomes[case]


DAMAGE = """
import sys
from pathlib import Path
import numpy as np
from emofactors.config.corpora import AudformatCorpus
from emofactors.corpora.readers import read_corpus
from emofactors.errors import InputError

root = Path(sys.argv[1])
corpus = AudformatCorpus(reader="audformat", folder="db", title="Mini", audformat={"tables": ["parts"], "labels": {"Wut": "anger"}})
rng = np.random.default_rng(0)
rejected = 0
for name in ("db.yaml", "db.parts.csv", "db.people.csv"):
    sound = (root / name).read_bytes()
    for _ in range(150):
        damaged = bytearray(sound)
        for place in rng.integers(len(damaged), size=rng.integers(1, 5)):
            damaged[place] = rng.choice([rng.integers(256), *b"\\n:-[]{}*&! 09azNT,"])
        (root / name).write_bytes(damaged[: rng.integers(len(damaged)) if rng.random() < 0.2 else None])
        try:
            read_corpus(root, corpus)
        except InputError as error:
            rejected += 1
    (root / name).write_bytes(sound)
print(rejected)
"""


def test_a_damaged_database_raises_no_other_error(databases):
    assert int(python(DAMAGE, databases / "misc")) > 100


# --- pandas with pyarrow ----------------------------------------------------------------------------------------

MANIFEST = """
import sys
from pathlib import Path
import pandas as pd
from emofactors.config.corpora import TableCorpus
from emofactors.corpora.readers import read_corpus
from emofactors.corpora.build_manifest import build_manifest
from emofactors.corpora.manifest import read_manifest, write_manifest
from emofactors.errors import InputError

root, out, file = map(Path, sys.argv[1:])
corpus = TableCorpus(reader="table", folder="own", title="Own", file=str(file), on_bad_audio="drop", size="any")
try:
    manifest = build_manifest(read_corpus(root, corpus), root, corpus)
    write_manifest(manifest.utterances, out)
    write_manifest(read_manifest(out), out.with_suffix(".again"))
    print(pd.Series(["a"]).dtype.storage, manifest.corpus_metadata(corpus))
except InputError as error:
    print(pd.Series(["a"]).dtype.storage, error)
"""


def test_a_manifest_has_the_same_bytes_with_other_text_storage_of_pandas(write_wavs, tmp_path):
    names = ["b", "a", "Ä", "z é", "日本", "NA", "03", "1e5"]
    root = write_wavs(f"wav/{name}.wav" for name in names)
    lines = ["path,speaker,emotion,text,session,start_s,end_s"]
    lines += [f'wav/{n}.wav,0{i % 3},anger,"=1, ""{n}""",,,' for i, n in enumerate(names)]
    lines += ["wav/a.wav,NA,sadness,nan,-1,0.01,0.0333333", "wav/missing.wav,x,neutral,,,,"]
    (root / "own.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (root / "broken.csv").write_text(lines[0] + "\nwav/a.wav,a\u202eb,anger,,,,\n", encoding="utf-8")
    printed = {}
    for storage in ("pyarrow", "python"):
        for file in ("own", "broken"):
            out = tmp_path / f"{storage}_{file}.csv"
            words = python(MANIFEST, root, out, f"{file}.csv", packages=storage == "pyarrow")
            assert words.startswith(storage)
            printed[storage, file] = words.removeprefix(storage)
    for file in ("own", "broken"):
        assert printed["pyarrow", file] == printed["python", file]
    assert "expected no control characters" in printed["python", "broken"]
    for ending in ("csv", "again"):
        first, second = (tmp_path / f"{storage}_own.{ending}" for storage in ("pyarrow", "python"))
        assert first.read_bytes() == second.read_bytes()
    assert len((tmp_path / "python_own.csv").read_text(encoding="utf-8").splitlines()) == 10


HALF = """
import pandas as pd
from pathlib import Path
from emofactors.config.corpora import LayoutCorpus
from emofactors.corpora.build_manifest import build_manifest
from emofactors.corpora.manifest import utterance_table
from emofactors.errors import InputError

rows = utterance_table([{"utterance": "a\\ud800", "path": "a.wav", "speaker": "s", "emotion": "anger"}])
try:
    build_manifest(rows, Path(), LayoutCorpus(reader="emodb", folder="x", title="X"))
except InputError as error:
    print(pd.Series(["a"]).dtype.storage, error)
"""


def test_a_name_that_is_not_utf8_is_one_line_with_either_storage():
    words = python(HALF)
    assert words.startswith("pyarrow utterance 'a\\ud800': utterance is 'a\\ud800', expected no control"), words
    assert words.removeprefix("pyarrow") == python(HALF, packages=False).removeprefix("python")


# --- without the package ----------------------------------------------------------------------------


def test_without_the_package_an_error_names_the_extra(tmp_path):
    corpus = AudformatCorpus(reader="audformat", folder="db", title="Mini", audformat={"tables": ["emotion"]})
    message = r"the reader needs the package audformat; expected pip install -e '\.\[audformat\]' before"
    with pytest.raises(InputError, match=message):
        read_corpus(tmp_path, corpus)
    config = {"study": "s", "title": "S", "tasks": ["emodb7_groups3"], "seeds": [0], "tables": ["center_loss"]}
    study = load_study(config, REPOSITORY / "config")
    study = study.model_copy(update={"corpora": {"mine": corpus}, "corpora_root": str(tmp_path)})
    (tmp_path / "db").mkdir()
    with pytest.raises(InputError, match=f"corpus mine: {message}"):
        check_corpora(study)
