"""The smoke study, from wav to page: what a user may rely on when the whole workflow runs."""

import json
import re
import shutil
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
import soundfile

from emofactors.corpora.shards import shard_of

STUDY = ("--configfile", "config/studies/smoke.yaml")
OF_DAYS = ("--configfile", "config/studies/smoke_days.yaml")
VIT_TASKS = ("tones2_random2_leaky", "tones2_groups2_augmented")
#: Trainings by task, system and variant; the leaking task has no figure of the teacher's cost.
CNN = [("tones2_groups2", "cnn_bigru", v) for v in ("mel_softmax", "mel_center")]
VIT = [(task, "vit_transfer", v) for task in VIT_TASKS for v in ("teacher", "matched", "student")]
ADVERSARIAL = [("tones2_groups2_held_out", "speaker_adversarial", v) for v in ("none", "both")]
JUDGES = [("tones2_groups2", "factor_classifier", v) for v in ("raw", "cycle_small_all", "cycle_small_none")]
DECOMPOSERS = [("tones2_groups2", "speechflow", v) for v in ("original_small", "cycle_small")]
#: Tests of classifiers beside that of their own task: on the other corpus, and of the one of real speech on reconstructed speech.
TESTS = [(classifier, "on_tones_again2_groups2") for classifier in JUDGES]
TESTS += [
    (JUDGES[0], f"on_{task}/reconstructed_cycle_small_all") for task in ("tones2_groups2", "tones_again2_groups2")
]
FLOOR = ("tones2_groups2_held_out", "functionals_svm", "functionals")
RUNS = [
    f"{'/'.join(training)}/fold{fold}/seed0" for training in CNN + VIT + ADVERSARIAL + JUDGES for fold in (0, 1)
]
FITTED = [f"{'/'.join(FLOOR)}/fold{fold}/seed0" for fold in (0, 1)]
DECOMPOSED = [f"{'/'.join(training)}/fold{fold}/seed0" for training in DECOMPOSERS for fold in (0, 1)]
#: What tables and figures show; `matched` never learns to tell emotions apart and is not scored.
SCORED = [*CNN, VIT[2], VIT[3], VIT[5], *ADVERSARIAL, *JUDGES, FLOOR]
PROBED = [*ADVERSARIAL, FLOOR]
INSPECTED = "tones2_groups2_augmented/vit_transfer/student/fold0/seed0"
TABLES = (
    *("smoke_factors", "smoke_information", "smoke_kept", "smoke_lambda"),
    *("smoke_protocols", "smoke_speakers", "smoke_weight"),
)
FIGURES = (
    *("adversarial_embedding", "embedding_pca", "smoke_attention", "smoke_confusion", "smoke_cost"),
    *("smoke_information", "smoke_lambda", "smoke_matching", "smoke_trade_off"),
)
SOUNDS = "report/sounds/tones2_groups2/speechflow/cycle_small"

#: Everything a number or a picture of the study stands in.
COMPARED = (
    "corpora/**/*.csv",
    "evaluation/**/*.csv",
    "report/corpora/*/[!.]*",
    "report/tables/*",
    "report/figures/*",
    "training/**/history.csv",
    "training/**/model.safetensors",
    "training/**/predictions.csv",
    "training/**/embeddings.npz",
    "training/**/attention.npz",
    "training/**/column_shuffle.json",
    "training/**/codes.npz",
    f"{SOUNDS}/*",
)


def results(project):
    """Content of the compared files, by path."""
    root = project.folder / "results"
    return {str(file.relative_to(root)): file.read_bytes() for part in COMPARED for file in root.glob(part)}


def ours_of_sounds(found):
    """Those of the compared files that are listened to."""
    return [name for name in found if name.startswith(SOUNDS)]


def assert_same_results(project, other):
    ours, theirs = results(project), results(other)
    # Manifests, those of shards, and folds; scores and confusions; probes and information; tables in four forms; figures in two;
    # what a network and what a support vector machine leaves; what was inspected.
    evaluated = 3 * (len(SCORED) + len(TESTS)) + 2 * len(PROBED) + 2 * len(DECOMPOSERS)
    glanced_at = 2 * (2 + 2)  # of each corpus its counts, its durations, and a spectrogram an emotion
    shown = 4 * len(TABLES) + 2 * len(FIGURES) + len(ours_of_sounds(ours)) + glanced_at
    trained = 4 * len(RUNS) + 3 * len(FITTED) + 3 * len(DECOMPOSED) + 2 * len(TESTS)
    assert len(ours_of_sounds(ours)) > 2
    assert len(ours) == 2 + 2 + 5 + evaluated + shown + trained + 2
    assert ours.keys() == theirs.keys()
    assert [name for name in ours if ours[name] != theirs[name]] == []


def files(project, *but_in):
    """Files below results, except in some of its folders."""
    root = project.folder / "results"
    names = [file.relative_to(root) for file in root.rglob("*") if file.is_file()]
    return {name.as_posix() for name in names if name.parts[0] not in but_in}


# --- from wav to table ---------------------------------------------------------------------------------------


def test_every_file_is_made_and_nothing_else(finished):
    report = {"report/index.html", "report/costs.csv", "report/rule_costs.csv"}
    report |= {f"report/tables/{table}.{kind}" for table in TABLES for kind in ("csv", "md", "tex", "html")}
    report |= {f"report/figures/{figure}.{kind}" for figure in FIGURES for kind in ("png", "svg")}
    of_a_run = ("model.safetensors", "history.csv", "predictions.csv", "embeddings.npz", "run.json")
    report |= {
        f"report/corpora/{corpus}/{name}"
        for corpus in ("tones", "tones_again")
        for name in (
            ".snakemake_timestamp",
            "overview.json",
            "durations.svg",
            "spectrogram_anger.png",
            "spectrogram_sadness.png",
        )
    }
    training = {f"training/{run}/{name}" for run in RUNS for name in of_a_run}
    training |= {
        f"training/{run}/{name}"
        for run in FITTED
        for name in ("model.safetensors", "predictions.csv", "embeddings.npz", "run.json")
    }
    training |= {
        f"training/{run}/{name}"
        for run in DECOMPOSED
        for name in ("model.safetensors", "history.csv", "codes.npz", "run.json")
    }
    training |= {
        f"training/{'/'.join(classifier)}/fold{fold}/seed0/{test}/predictions.csv"
        for classifier, test in TESTS
        for fold in (0, 1)
    }
    training |= {f"training/{INSPECTED}/{name}" for name in ("attention.npz", "column_shuffle.json")}
    evaluation = {
        f"evaluation/{task}/{system}/{variant}/on_{task}/{name}.csv"
        for task, system, variant in SCORED
        for name in ("scores", "confusion", "held_out_confusion")
    }
    evaluation |= {
        f"evaluation/{'/'.join(classifier)}/{test}/{name}.csv"
        for classifier, test in TESTS
        for name in ("scores", "confusion", "held_out_confusion")
    }
    evaluation |= {
        f"evaluation/{task}/{system}/{variant}/on_{task}/{name}.csv"
        for task, system, variant in DECOMPOSERS
        for name in ("code_information", "code_information_leave_one_out")
    }
    evaluation |= {
        f"evaluation/{task}/{system}/{variant}/on_{task}/{name}.csv"
        for task, system, variant in PROBED
        for name in ("probes", "mutual_information")
    }
    corpora = {f"corpora/manifests/{name}.{kind}" for name in ("tones", "tones_again") for kind in ("csv", "json")}
    corpora |= {f"corpora/shards/tones_again/{name}" for name in ("0.csv", "1.csv", ".snakemake_timestamp")}
    corpora |= {"corpora/longest/tones_again.txt"}
    corpora |= {
        f"corpora/{of_task}"
        for task in ("tones2_groups2", "tones2_groups2_held_out", "tones_again2_groups2", *VIT_TASKS)
        for of_task in (f"folds/{task}.csv", f"audits/{task}.json")
    }
    made = files(finished, "logs", "benchmarks", "features")
    listened = {name for name in made if name.startswith(SOUNDS)}
    assert {f"{SOUNDS}/index.json", f"{SOUNDS}/mels.npz"} < listened
    assert made - listened == report | training | evaluation | corpora


def test_features_are_made_once_for_originals_and_copies(finished):
    made = {
        file.parent.relative_to(finished.folder / "results" / "features").as_posix(): pd.read_csv(file)
        for file in finished.folder.glob("results/features/tones*/**/index.csv")
    }
    assert {name: len(index) for name, index in made.items()} == {
        "tones/original/functionals": 48,
        "tones/original/f0": 48,
        "tones/original/log_mel_40": 48,
        "tones/original/log_mel_80": 48,
        "tones_again/original/f0": 48,
        "tones_again/original/log_mel_80": 48,
        "tones/original/log_mel_128": 48,
        "tones/original/log_mel_128x128": 48,
        "tones/noise_shift_speed/log_mel_128x128": 3 * 48,
    }
    assert (made["tones/noise_shift_speed/log_mel_128x128"]["n_frames"] == 128).all()


def test_a_gathered_archive_is_that_of_its_shards_and_takes_no_space(finished):
    features = finished.folder / "results" / "features"
    shards = [features / "shards" / "tones_again" / "original" / "log_mel_80" / str(shard) for shard in (0, 1)]
    gathered = features / "tones_again" / "original" / "log_mel_80"
    names = ["shard000.npy", "shard001.npy"]
    assert sorted(file.name for file in gathered.glob("*.npy")) == names
    for shard, name in zip(shards, names, strict=True):
        assert (gathered / name).samefile(shard / "shard000.npy")
    indices = [pd.read_csv(shard / "index.csv") for shard in shards]
    assert pd.read_csv(gathered / "index.csv")["utterance"].tolist() == [
        utterance for index in indices for utterance in index["utterance"]
    ]


def test_no_copy_of_a_test_utterance_is_trained_but_where_the_task_says_so(finished):
    for task, leaks in (("tones2_random2_leaky", True), ("tones2_groups2_augmented", False)):
        labels = [
            np.load(file, allow_pickle=False)
            for file in sorted(
                (finished.folder / "results" / "training" / task / "vit_transfer" / "student").rglob(
                    "embeddings.npz"
                )
            )
        ]
        assert len(labels) == 2
        for run in labels:
            heard = {
                split: {u.split("~")[0] for u in run["utterance"][run["split"] == split]}
                for split in ("train", "test")
            }
            assert (run["split"] == "train").sum() > len(heard["train"]), "copies are trained"
            assert bool(heard["train"] & heard["test"]) == leaks
        audit = json.loads((finished.folder / "results" / "corpora" / "audits" / f"{task}.json").read_text())
        assert audit["verdict"] == "pass"
        assert any("LEAKS" in warning for warning in audit["warnings"]) == leaks
    table = (finished.folder / "results" / "report" / "tables" / "smoke_protocols.md").read_text(encoding="utf-8")
    assert "leak" in table.lower()


def test_the_student_starts_from_the_matched_and_hears_no_order(finished):
    training = finished.folder / "results" / "training" / "tones2_groups2_augmented" / "vit_transfer"
    history = {v: pd.read_csv(training / v / "fold0" / "seed0" / "history.csv") for v in ("matched", "student")}
    assert list(history["matched"].columns) == ["epoch", "step", "feature_matching"]
    matching = pd.concat([history["matched"], history["student"]])["feature_matching"]
    assert (matching.iloc[1:] < matching.iloc[0]).all(), "the student goes on from where the matched ended"
    shuffle = json.loads(
        (finished.folder / "results" / "training" / INSPECTED / "column_shuffle.json").read_text()
    )
    assert shuffle["n_utterances"] == 24
    assert shuffle["largest_logit_change"] < 1e-4 * max(1, shuffle["largest_logit"])
    assert shuffle["changed_predictions"] == 0


def test_every_recording_is_heard_whatever_its_format(finished):
    manifest = pd.read_csv(finished.folder / "results" / "corpora" / "manifests" / "tones.csv")
    assert len(manifest) == 48
    assert sorted(manifest["sample_rate_hz"].unique()) == [16_000, 44_100]
    assert manifest["path"].str.endswith(".flac").sum() == 1
    assert (manifest["duration_s"] == 0.5).all()


def test_what_can_be_learned_is_learned(finished):
    table = pd.read_csv(finished.folder / "results" / "report" / "tables" / "smoke_lambda.csv")
    ua = table[table["metric"] == "ua"]
    assert set(ua["row"]) == {"0", "0.3"}
    assert (ua["n_utterances"] == 48).all()
    assert (ua["n_speakers"] == 6).all()
    assert (ua["value"] > 75).all(), "chance is 50"


def test_a_table_of_speakers_has_every_metric_of_every_row(finished):
    table = pd.read_csv(finished.folder / "results" / "report" / "tables" / "smoke_speakers.csv")
    rows = table[table["minus"].isna() & ~table["metric"].str.endswith("_fold_mean")]
    found = rows.pivot(index="variant", columns="metric", values="value")
    assert set(found.index) == {"none", "both", "functionals_svm/functionals"}
    assert len(found.columns) == 10
    assert found.notna().all(axis=None)
    assert (found[["ua", "held_out_ua", "emotion_linear"]] > 75).all(axis=None), "chance is 50"
    # A voice is its pitch, which functionals hold.
    assert found.loc["functionals_svm/functionals", "speaker_linear"] > 75
    seen = table[(table["metric"] == "held_out_ua") & (table["variant"] == "both") & table["minus"].isna()]
    assert seen["n_utterances"].item() == 2 * 2 * 2 * 1  # folds, training speakers, emotions, one of four


def test_who_hears_nothing_scores_chance_in_and_cross_corpus(finished):
    table = pd.read_csv(finished.folder / "results" / "report" / "tables" / "smoke_factors.csv")
    rows = table[table["minus"].isna()].set_index(["variant", "metric"])["value"]
    assert rows["cycle_small_none"].to_dict() == {"speaker_ua": 50.0, "cross_ua": 50.0}
    assert (rows["raw"] > 75).all(), "tones as they are can be told apart"
    kept = pd.read_csv(finished.folder / "results" / "report" / "tables" / "smoke_kept.csv")
    assert kept[kept["variant"] == "raw"]["value"].tolist() == rows["raw"].tolist()


def test_rebuilt_speech_is_gone_once_all_have_heard_it(finished):
    reconstructed = finished.folder / "results" / "training" / "tones2_groups2" / "speechflow"
    assert not [path for path in reconstructed.rglob("*") if path.name == "reconstructed"]


def test_tables_figures_and_page_can_be_read(finished):
    report = finished.folder / "results" / "report"
    for kind in ("md", "tex", "html"):
        assert (report / "tables" / f"smoke_protocols.{kind}").is_file()
        assert "lambda 0.3 minus 0" in (report / "tables" / f"smoke_lambda.{kind}").read_text(encoding="utf-8")
    for figure in FIGURES:
        assert ElementTree.parse(report / "figures" / f"{figure}.svg").getroot().tag.endswith("svg")
        assert (report / "figures" / f"{figure}.png").read_bytes().startswith(b"\x89PNG")
    page = (report / "index.html").read_text(encoding="utf-8")
    assert "Six systems on tones" in page
    assert page.count("<audio") == len(list((finished.folder / "results" / SOUNDS).glob("*.mp3")))
    assert page.rstrip().endswith("</html>")


def test_every_job_but_the_pages_own_is_measured(finished):
    spent = pd.read_csv(finished.folder / "results" / "report" / "rule_costs.csv").set_index("rule")
    jobs = finished.jobs(*STUDY, "--forceall")
    assert jobs.pop("all") == jobs.pop("make_page") == 1
    assert spent["n_jobs"].to_dict() == jobs
    assert (spent["n_measured"] == spent["n_jobs"]).all()
    assert (spent["wall_s"] >= spent["longest_wall_s"]).all()
    assert spent.loc["train", "threads"] == 1
    assert spent.loc["train", "device"].startswith("cpu (")
    assert spent.loc["test_run", "device"] == "processor"
    assert spent.loc["train", "peak_memory_mib"] > 100, "torch alone takes more"
    assert "rule by rule" in (finished.folder / "results" / "report" / "index.html").read_text(encoding="utf-8")


# --- again ---------------------------------------------------------------------------------------------------


def test_a_second_run_has_nothing_to_do(finished):
    run = finished.snakemake(*STUDY)
    assert run.returncode == 0, run.stdout
    assert "Nothing to be done" in run.stdout


def test_changed_words_change_nothing_and_changed_code_what_stands_on_it(finished, copy_of):
    project = copy_of(finished)
    module = project.folder / "src" / "emofactors" / "nn" / "center_loss.py"
    words = module.read_text(encoding="utf-8").replace('"""', '"""In other words: ', 1) + "# The end.\n"

    module.write_text(words, encoding="utf-8")
    assert project.jobs(*STUDY) == {}

    module.write_text(words + "CHANGED = True\n", encoding="utf-8")
    jobs = project.jobs(*STUDY)
    assert jobs["train"] == 2 * len(CNN), "the other system is left alone"
    # What follows is made again too, but nothing before.
    assert jobs.keys() == {"train", "score_variant", "make_table", "make_figure", "make_page", "all"}


def test_a_changed_teacher_remakes_its_pupils_and_nothing_else(finished, copy_of):
    project = copy_of(finished)
    file = project.folder / "config" / "systems" / "vit_transfer.yaml"
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    (teacher,) = [line for line in lines if line.startswith("  teacher: {")]
    changed = teacher.replace("{", "{weight_decay: 0.5, ", 1)
    file.write_text("".join(changed if line == teacher else line for line in lines), encoding="utf-8")
    jobs = project.jobs(*STUDY)
    assert jobs["train"] == 2 * len(VIT)
    assert jobs["extract_attention"] == 1
    assert not jobs.keys() & {"build_manifest", "make_folds", "extract_features"}


def test_a_changed_setting_remakes_what_it_touches(finished, copy_of):
    project = copy_of(finished)
    file = project.folder / "config" / "systems" / "cnn_bigru.yaml"
    text = file.read_text(encoding="utf-8")
    assert text.count("mel_softmax: {center_lambda: 0.0}") == 1
    file.write_text(text.replace("mel_softmax: {center_lambda: 0.0}", "mel_softmax: {center_lambda: 0.1}"))
    assert project.jobs(*STUDY)["train"] == 2, "the folds of one variant"

    file.write_text(text, encoding="utf-8")
    jobs = project.jobs(*STUDY, "--config", "intervals={resamples: 300}")
    assert jobs["make_table"] == len(TABLES)
    assert jobs["make_figure"] == 4, "that of costs has intervals, others are drawn from their tables"
    assert not jobs.keys() & {"build_manifest", "extract_features", "train", "score_variant"}


def test_a_changed_recording_makes_a_new_manifest(finished, copy_of):
    project = copy_of(finished)
    tones = project.folder / "data" / "tones"
    shutil.copyfile(tones / "ada_anger_1.wav", tones / "ada_anger_2.wav")
    jobs = project.jobs(*STUDY)
    assert jobs["build_manifest"] == 2, "two corpora are of the same recordings"
    assert (jobs["train"], jobs["fit_svm"]) == (len(RUNS), len(FITTED))


ARCHIVES = ("tones/original/log_mel_128", "tones/noise_shift_speed/log_mel_128x128")
OF_A_RUN = "results/training/tones2_groups2/cnn_bigru/mel_center/fold0/seed0"
OF_SHARDS = (f"{OF_A_RUN}/predictions.csv", *(f"results/features/{archive}" for archive in ARCHIVES))


def frames(project, archive):
    """Frames of each utterance of an archive, whatever file they lie in."""
    folder = project.folder / "results" / "features" / archive
    index = pd.read_csv(folder / "index.csv")
    return {
        row.utterance: np.load(folder / row.shard)[row.offset : row.offset + row.n_frames]
        for row in index.itertuples()
    }


#: Snakemake's own words, which name every job.
IN_FULL = ("--logger-emofactors-show", "snakemake")


def extracted(run):
    """Jobs of a run that extracted features: archive and shard."""
    wildcards = re.findall(r"wildcards: corpus=(\w+), augmentation=(\w+), features=(\w+), shard=(\d)", run.stdout)
    return sorted((f"{corpus}/{copies}/{kind}", int(shard)) for corpus, copies, kind, shard in wildcards)


def test_shards_change_no_result_and_a_new_utterance_its_own_shard_alone(finished, fresh_smoke):
    project = fresh_smoke()
    config = project.folder / "config" / "corpora" / "tones.yaml"
    config.write_text(config.read_text(encoding="utf-8") + "shards: 3\n", encoding="utf-8")
    run = project.snakemake(*IN_FULL, *STUDY, "--", *OF_SHARDS)
    assert run.returncode == 0, run.stdout
    assert extracted(run) == sorted((archive, shard) for archive in ARCHIVES for shard in range(3))
    for archive in ARCHIVES:
        ours, theirs = frames(project, archive), frames(finished, archive)
        assert ours.keys() == theirs.keys()
        assert len(list((project.folder / "results" / "features" / archive).glob("*.npy"))) == 3
        assert [utterance for utterance in ours if not np.array_equal(ours[utterance], theirs[utterance])] == []
    for name in ("model.safetensors", "history.csv", "predictions.csv", "embeddings.npz"):
        assert (project.folder / OF_A_RUN / name).read_bytes() == (finished.folder / OF_A_RUN / name).read_bytes()

    # Another utterance, not the first or last of the manifest, and no longer than the longest.
    tones = project.folder / "data" / "tones"
    samples, sample_rate_hz = soundfile.read(tones / "cleo_anger_3.wav")
    soundfile.write(tones / "cleo_anger_4.wav", 0.9 * samples, sample_rate_hz)
    rewrite(
        tones,
        lambda rows: pd.concat(
            [rows, pd.DataFrame([["cleo_anger_4.wav", "cleo", "anger", "day1"]], columns=rows.columns)]
        ),
    )
    run = project.snakemake(*IN_FULL, *STUDY, "--", *OF_SHARDS[1:])
    assert run.returncode == 0, run.stdout
    assert extracted(run) == sorted((archive, shard_of("cleo_anger_4", 3)) for archive in ARCHIVES)
    for archive, n_copies in zip(ARCHIVES, (1, 3), strict=True):
        after, before = frames(project, archive), frames(finished, archive)
        assert len(after.keys() - before.keys()) == n_copies
        assert all(np.array_equal(after[utterance], before[utterance]) for utterance in before)
    assert project.jobs(*STUDY, "--", *OF_SHARDS[1:]) == {}

    # A longer one changes how far every image is padded, and nothing of other features' shards.
    soundfile.write(tones / "cleo_anger_4.wav", np.tile(samples, 2), sample_rate_hz)
    run = project.snakemake(*IN_FULL, *STUDY, "--", *OF_SHARDS[1:])
    assert run.returncode == 0, run.stdout
    assert extracted(run) == sorted(
        [(ARCHIVES[0], shard_of("cleo_anger_4", 3)), *((ARCHIVES[1], shard) for shard in range(3))]
    )


def test_one_core_and_two_streamed_and_in_memory_give_the_same_bytes(finished, fresh_smoke):
    project = fresh_smoke()
    run = project.snakemake("--cores", "1", *STUDY, "--config", "compute={stream: true}")
    assert run.returncode == 0, run.stdout
    assert_same_results(project, finished)


# --- bad input stops before any training ---------------------------------------------------------------------


def rewrite(tones, change):
    """Change the rows of the corpus' CSV: a function of the table."""
    file = tones / "utterances.csv"
    change(pd.read_csv(file)).to_csv(file, index=False)


def spoil_two_recordings(tones):
    (tones / "ada_anger_1.wav").write_bytes(b"RIFF")
    silent = tones / "ben_anger_0.wav"
    header = silent.read_bytes()[:44]
    silent.write_bytes(header + bytes(silent.stat().st_size - len(header)))


def mistype_a_label(tones):
    rewrite(tones, lambda rows: rows.replace({"emotion": {"sadness": "sad"}}).tail(1))


def name_an_utterance_twice(tones):
    rewrite(tones, lambda rows: pd.concat([rows, rows.head(1)]))


def keep_anger_for_the_test(tones):
    rewrite(tones, lambda rows: rows[(rows["emotion"] == "sadness") | (rows["session"] == "day3")])


def let_one_speaker_come_back(tones):
    # Two speakers a day, but for one utterance.
    def change(rows):
        day = {"ada": "day1", "ben": "day1", "cleo": "day2", "dan": "day2", "eva": "day3", "finn": "day3"}
        rows["session"] = rows["speaker"].map(day)
        rows.loc[rows["path"] == "ben_sadness_2.wav", "session"] = "day3"
        return rows

    rewrite(tones, change)


def copy_a_recording(tones):
    let_one_speaker_come_back(tones)
    rewrite(tones, lambda rows: rows[rows["path"] != "ben_sadness_2.wav"])
    shutil.copy(tones / "ada_anger_1.wav", tones / "eva_anger_1.wav")


def assert_says(run, said):
    """A run that failed says these lines to its user, and no traceback."""
    start = "emofactors: error: "
    lines = [line.removeprefix(start) for line in run.stdout.splitlines() if line.startswith(start)]
    assert run.returncode != 0
    assert len(lines) == len(said)
    for line, expected in zip(lines, said, strict=True):
        assert line.startswith(expected)
    assert "Traceback" not in run.stdout


MANIFEST = {"corpora/manifests/tones.csv", "corpora/manifests/tones.json"}
FOLDS = {"corpora/folds/tones2_days.csv"}


@pytest.mark.parametrize(
    ("spoil", "said", "made"),
    [
        (
            spoil_two_recordings,
            [
                "data/tones/ada_anger_1.wav: cannot be decoded",
                "data/tones/ben_anger_0.wav: is silent",
                "data/tones: 2 fault(s); expected none, or on_bad_audio: drop in the corpus' config",
            ],
            set(),
        ),
        (mistype_a_label, ["data/tones/utterances.csv: line 2: emotion is 'sad', expected one of anger, "], set()),
        (
            name_an_utterance_twice,
            ["utterance 'ada_anger_0': stands for ada_anger_0.wav, ada_anger_0.wav; expected one"],
            set(),
        ),
        (
            keep_anger_for_the_test,
            ["task: fold 0: class 'anger' has no training utterance (0 dev, 6 test), expected at least one"],
            MANIFEST,
        ),
        (
            copy_a_recording,
            ["fold 0: ada_anger_1 (train) and eva_anger_1 (test) have the same audio; expected them in one split"],
            MANIFEST | FOLDS,
        ),
    ],
)
def test_bad_input_is_named_and_nothing_is_trained(fresh_smoke, spoil, said, made):
    project = fresh_smoke()
    spoil(project.folder / "data" / "tones")
    run = project.snakemake(*OF_DAYS)

    assert_says(run, said)
    # Features and the corpus at a glance may have been under way beside the folds.
    assert files(project, "logs", "benchmarks", "features", "report") == made
    assert not list(project.folder.glob("results/logs/training"))


def test_a_broken_claim_is_named_and_its_audit_kept_among_the_logs(fresh_smoke):
    project = fresh_smoke()
    let_one_speaker_come_back(project.folder / "data" / "tones")
    target = "results/corpora/audits/tones2_days.json"
    run = project.snakemake(target, *OF_DAYS)

    assert_says(
        run, ["fold 0: speaker ben is in train (ben_anger_0) and test (ben_sadness_2); expected one split, "]
    )
    assert files(project, "logs", "benchmarks") == MANIFEST | FOLDS
    audit = json.loads((project.folder / "results/logs/corpora/tones2_days/audit_task.json").read_text())
    assert audit["verdict"] == "fail"
    assert audit["folds"][0]["shared"]["train/test"]["speakers"] == ["ben"]


def leave_one_speaker_a_day(tones):
    day = {"ada": "day1", "ben": "day2", "cleo": "day3"}
    rewrite(tones, lambda rows: rows[rows["speaker"].isin(day)].assign(session=lambda r: r["speaker"].map(day)))


def test_one_training_speaker_is_refused_to_a_study_that_tells_speakers_apart(fresh_smoke):
    project = fresh_smoke()
    leave_one_speaker_a_day(project.folder / "data" / "tones")
    audit = "results/corpora/audits/tones2_days.json"
    told_apart = ("--config", "tables=[adversarial]", "figures=[]", "systems={}")

    assert project.snakemake(audit, *OF_DAYS).returncode == 0
    assert_says(
        project.snakemake(audit, *OF_DAYS, *told_apart),
        ["fold 0: training has 1 speaker; expected at least 2, to be told apart"],
    )
