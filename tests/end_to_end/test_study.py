"""The smoke study, from audio files to the page: promises about a run of the whole workflow."""

import json
import re
import shutil
from itertools import product
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
import soundfile

from emofactors.corpora.shards import shard_of

STUDY = ("--configfile", "config/studies/smoke.yaml")
DAYS_STUDY = ("--configfile", "config/studies/smoke_days.yaml")
REPORT = "report/smoke"
VIT_TASKS = ("tones2_random2_leaky", "tones2_groups2_augmented")
#: Trainings by task, system and variant.
CNN = [("tones2_groups2", "cnn_bigru", v) for v in ("mel_softmax", "mel_center")]
VIT = [(task, "vit_transfer", v) for task in VIT_TASKS for v in ("teacher", "matched", "student")]
ADVERSARIAL = [("tones2_groups2_held_out", "speaker_adversarial", v) for v in ("none", "both")]
CLASSIFIERS = [
    ("tones2_groups2", "factor_classifier", v)
    for v in ("raw", "raw_speaker_normalised", "cycle_small_all", "cycle_small_none")
]
DECOMPOSERS = [("tones2_groups2", "speechflow", v) for v in ("original_small", "cycle_small")]
BASELINE = ("tones2_groups2_held_out", "functionals_svm", "functionals")
#: Further evaluations of classifiers: all on the other corpus, and the frozen one on reconstructed speech.
EVALUATIONS = [(classifier, "on_tones_again2_groups2") for classifier in CLASSIFIERS]
EVALUATIONS += [
    (CLASSIFIERS[0], f"on_{task}/reconstructed_cycle_small_all")
    for task in ("tones2_groups2", "tones_again2_groups2")
]
#: Variants in tables and figures: `matched` learns no emotions, and only the cost on one task shows the teacher.
SCORED = [*CNN, VIT[2], VIT[3], VIT[5], *ADVERSARIAL, *CLASSIFIERS, BASELINE]
PROBED = [*ADVERSARIAL, BASELINE]
ATTENTION_RUN = "tones2_groups2_augmented/vit_transfer/student/fold0/seed0"
TABLES = (
    *("smoke_factors", "smoke_frozen", "smoke_information", "smoke_lambda"),
    *("smoke_protocols", "smoke_speakers", "smoke_weight"),
)
FIGURES = (
    *("adversarial_embedding", "embedding_pca", "smoke_attention", "smoke_confusion", "smoke_cost"),
    *("smoke_information", "smoke_lambda", "smoke_matching", "smoke_trade_off"),
)
AUDIO_EXAMPLES = f"{REPORT}/audio_examples/tones2_groups2/speechflow/cycle_small"

#: Files without time stamps, measurements or names of a machine: equal after every run.
REPRODUCIBLE = (
    "corpora/**/*.csv",
    "evaluation/**/*.csv",
    f"{REPORT}/corpora/*/[!.]*",
    f"{REPORT}/claims.*",
    f"{REPORT}/tables/*",
    f"{REPORT}/figures/*",
    f"{AUDIO_EXAMPLES}/*",
    "training/**/history.csv",
    "training/**/model.safetensors",
    "training/**/predictions.csv",
    "training/**/embeddings.npz",
    "training/**/attention.npz",
    "training/**/column_shuffle.json",
    "training/**/codes.npz",
)


def runs(trainings):
    """Return the runs of trainings: each fold with the one seed."""
    return [f"{'/'.join(training)}/fold{fold}/seed0" for training in trainings for fold in (0, 1)]


def in_folders(folders, *names):
    return {f"{folder}/{name}" for folder, name in product(folders, names)}


def files(project, *but_in):
    """Return the files below results, without those in some of its folders."""
    root = project.folder / "results"
    names = [file.relative_to(root) for file in root.rglob("*") if file.is_file()]
    return {name.as_posix() for name in names if name.parts[0] not in but_in}


def reproducible_files(project):
    """Return path -> content of the reproducible files."""
    root = project.folder / "results"
    return {str(file.relative_to(root)): file.read_bytes() for part in REPRODUCIBLE for file in root.glob(part)}


def assert_same_results(project, other):
    ours, theirs = reproducible_files(project), reproducible_files(other)
    n_examples = sum(name.startswith(AUDIO_EXAMPLES) for name in ours)
    assert n_examples > 2
    assert len(ours) == (
        2 + 2 + 5  # manifests, shards, folds
        + 3 * (len(SCORED) + len(EVALUATIONS)) + 3 * len(PROBED) + 2 * len(DECOMPOSERS)  # evaluation
        + 2 * (2 + 2)  # of each corpus: statistics, durations, a spectrogram per emotion
        + 4 + 5 * len(TABLES) + 2 * len(FIGURES) + n_examples
        + 2 * (4 * len([*CNN, *VIT, *ADVERSARIAL, *CLASSIFIERS]) + 3 + 3 * len(DECOMPOSERS) + len(EVALUATIONS))
        + 2  # attention
    )  # fmt: skip
    assert ours.keys() == theirs.keys()
    assert [name for name in ours if ours[name] != theirs[name]] == []


def table(project, name):
    return pd.read_csv(project.folder / "results" / REPORT / "tables" / f"{name}.csv")


# --- one run -------------------------------------------------------------------------------------------------


def test_every_file_is_made_and_nothing_else(finished):
    report = in_folders([REPORT], "index.html", "costs.csv", "rule_costs.csv")
    report |= {f"{REPORT}/claims.{form}" for form in ("csv", "md", "tex", "html")}
    report |= {
        f"{REPORT}/tables/{name}.{form}" for name in TABLES for form in ("csv", "md", "tex", "html", "json")
    }
    report |= {f"{REPORT}/figures/{name}.{form}" for name in FIGURES for form in ("png", "svg")}
    report |= in_folders(
        [f"{REPORT}/corpora/{corpus}" for corpus in ("tones", "tones_again")],
        *(".snakemake_timestamp", "overview.json", "durations.svg"),
        *("spectrogram_anger.png", "spectrogram_sadness.png"),
    )
    of_a_model = ("model.safetensors", "run.json")
    of_a_classifier = (*of_a_model, "predictions.csv", "embeddings.npz")
    training = in_folders(runs([*CNN, *VIT, *ADVERSARIAL, *CLASSIFIERS]), "history.csv", *of_a_classifier)
    training |= in_folders(runs([BASELINE]), *of_a_classifier)
    training |= in_folders(runs(DECOMPOSERS), "history.csv", "codes.npz", *of_a_model)
    training |= {f"{run}/{test}/predictions.csv" for classifier, test in EVALUATIONS for run in runs([classifier])}
    training |= in_folders([ATTENTION_RUN], "attention.npz", "column_shuffle.json")

    def own_task(trainings):
        return [f"{'/'.join(training)}/on_{training[0]}" for training in trainings]

    evaluation = in_folders(
        [*own_task(SCORED), *(f"{'/'.join(classifier)}/{test}" for classifier, test in EVALUATIONS)],
        *("scores.csv", "confusion.csv", "held_out_confusion.csv"),
    )
    evaluation |= in_folders(own_task(DECOMPOSERS), "code_information.csv", "code_information_leave_one_out.csv")
    evaluation |= in_folders(own_task(PROBED), "probes.csv", "mutual_information.csv", "scatter.csv")
    corpora = {f"manifests/{name}.{form}" for name in ("tones", "tones_again") for form in ("csv", "json")}
    corpora |= in_folders(["shards/tones_again"], "0.csv", "1.csv", ".snakemake_timestamp")
    corpora |= {"longest/tones_again.txt"}
    for task in ("tones2_groups2", "tones2_groups2_held_out", "tones_again2_groups2", *VIT_TASKS):
        corpora |= {f"folds/{task}.csv", f"audits/{task}.json"}
    found = files(finished, "logs", "benchmarks", "features")
    examples = {name for name in found if name.startswith(AUDIO_EXAMPLES)}
    assert in_folders([AUDIO_EXAMPLES], "index.json", "mels.npz") < examples
    chapters = {"training": training, "evaluation": evaluation, "corpora": corpora}
    assert found - examples == report.union(
        *(in_folders([chapter], *names) for chapter, names in chapters.items())
    )


def test_features_are_extracted_once_for_originals_and_copies(finished):
    archives = {
        file.parent.relative_to(finished.folder / "results" / "features").as_posix(): pd.read_csv(file)
        for file in finished.folder.glob("results/features/tones*/**/index.csv")
    }
    assert {name: len(index) for name, index in archives.items()} == {
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
    assert (archives["tones/noise_shift_speed/log_mel_128x128"]["n_frames"] == 128).all()


def test_a_gathered_archive_links_to_its_shards(finished):
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


def test_only_a_leaky_task_trains_on_copies_of_test_utterances(finished):
    results = finished.folder / "results"
    for task, leaks in (("tones2_random2_leaky", True), ("tones2_groups2_augmented", False)):
        embeddings = sorted((results / "training" / task / "vit_transfer" / "student").rglob("embeddings.npz"))
        assert len(embeddings) == 2
        for file in embeddings:
            run = np.load(file, allow_pickle=False)
            of_split = {split: run["utterance"][run["split"] == split] for split in ("train", "test")}
            train, test = ({name.split("~")[0] for name in names} for names in of_split.values())
            assert len(of_split["train"]) > len(train), "copies are trained on"
            assert bool(train & test) == leaks
        audit = json.loads((results / "corpora" / "audits" / f"{task}.json").read_text())
        assert audit["verdict"] == "pass"
        assert any("LEAKS" in warning for warning in audit["warnings"]) == leaks
    assert "leak" in (results / REPORT / "tables" / "smoke_protocols.md").read_text(encoding="utf-8").lower()


def test_the_student_starts_from_the_matched_network_and_ignores_the_order_of_frames(finished):
    training = finished.folder / "results" / "training"
    matched, student = (
        pd.read_csv(training / ATTENTION_RUN.replace("student", variant) / "history.csv")
        for variant in ("matched", "student")
    )
    assert list(matched.columns) == ["epoch", "step", "feature_matching"]
    matching = pd.concat([matched, student])["feature_matching"]
    assert (matching.iloc[1:] < matching.iloc[0]).all(), "the student continues where the matched network ended"
    shuffle = json.loads((training / ATTENTION_RUN / "column_shuffle.json").read_text())
    assert shuffle["n_utterances"] == 24
    assert shuffle["largest_logit_change"] < 1e-4 * max(1, shuffle["largest_logit"])
    assert shuffle["changed_predictions"] == 0


def test_recordings_of_all_formats_are_read(finished):
    manifest = pd.read_csv(finished.folder / "results" / "corpora" / "manifests" / "tones.csv")
    assert len(manifest) == 48
    assert sorted(manifest["sample_rate_hz"].unique()) == [16_000, 44_100]
    assert manifest["path"].str.endswith(".flac").sum() == 1
    assert (manifest["duration_s"] == 0.5).all()


def test_emotions_of_tones_are_learned(finished):
    rows = table(finished, "smoke_lambda")
    ua = rows[rows["metric"] == "ua"]
    assert set(ua["row"]) == {"0", "0.3"}
    assert (ua["n_utterances"] == 48).all()
    assert (ua["n_speakers"] == 6).all()
    assert (ua["value"] > 75).all(), "chance is 50"


def test_a_table_of_embeddings_has_every_metric_in_every_row(finished):
    rows = table(finished, "smoke_speakers")
    values = rows[rows["minus"].isna() & ~rows["metric"].str.endswith("_fold_mean")]
    metrics = values.pivot(index="variant", columns="metric", values="value")
    assert set(metrics.index) == {"none", "both", "functionals_svm/functionals"}
    assert len(metrics.columns) == 10
    assert metrics.notna().all(axis=None)
    assert (metrics[["ua", "held_out_ua", "emotion_linear"]] > 75).all(axis=None), "chance is 50"
    # Each speaker has a pitch, and functionals include it.
    assert metrics.loc["functionals_svm/functionals", "speaker_linear"] > 75
    held_out = values[(values["metric"] == "held_out_ua") & (values["variant"] == "both")]
    assert held_out["n_utterances"].item() == 2 * 2 * 2 * 1  # folds, training speakers, emotions, one of four


def test_a_classifier_without_any_factor_scores_chance_within_and_across_corpora(finished):
    rows = table(finished, "smoke_factors")
    values = rows[rows["minus"].isna()].set_index(["variant", "metric"])["value"]
    assert values["cycle_small_none"].to_dict() == {"speaker_ua": 50.0, "cross_ua": 50.0}
    assert (values["raw"] > 75).all(), "the original tones can be classified"
    frozen = table(finished, "smoke_frozen")
    assert frozen[frozen["variant"] == "raw"]["value"].tolist() == values["raw"].tolist()


def test_reconstructed_speech_is_deleted_after_its_last_evaluation(finished):
    decomposers = finished.folder / "results" / "training" / "tones2_groups2" / "speechflow"
    assert not list(decomposers.rglob("reconstructed"))


def test_tables_figures_and_page_are_valid(finished):
    report = finished.folder / "results" / REPORT
    for form in ("md", "tex", "html"):
        assert "lambda 0.3 minus 0" in (report / "tables" / f"smoke_lambda.{form}").read_text(encoding="utf-8")
    for name in TABLES:
        findings = json.loads((report / "tables" / f"{name}.json").read_text(encoding="utf-8"))
        assert findings["table"] == name
    for figure in FIGURES:
        assert ElementTree.parse(report / "figures" / f"{figure}.svg").getroot().tag.endswith("svg")
        assert (report / "figures" / f"{figure}.png").read_bytes().startswith(b"\x89PNG")
    page = (report / "index.html").read_text(encoding="utf-8")
    assert "Six systems on tones" in page
    assert page.count("<audio") == len(list((finished.folder / "results" / AUDIO_EXAMPLES).glob("*.mp3"))) > 0
    assert page.rstrip().endswith("</html>")


def test_every_job_except_that_of_the_page_is_measured(finished):
    costs = pd.read_csv(finished.folder / "results" / REPORT / "rule_costs.csv").set_index("rule")
    jobs = finished.jobs(*STUDY, "--forceall")
    assert jobs.pop("all") == jobs.pop("make_page") == 1
    assert costs["n_jobs"].to_dict() == jobs
    assert (costs["n_measured"] == costs["n_jobs"]).all()
    assert (costs["wall_s"] >= costs["longest_wall_s"]).all()
    assert costs.loc["train", "threads"] == 1
    assert costs.loc["train", "device"].startswith("cpu (")
    assert costs.loc["evaluate_cross_corpus", "device"] == "processor"
    assert costs.loc["train", "peak_memory_mib"] > 100, "torch alone needs more"
    page = (finished.folder / "results" / REPORT / "index.html").read_text(encoding="utf-8")
    assert 'id="cost-of-rules"' in page


# --- further runs --------------------------------------------------------------------------------------------


def test_a_second_run_has_nothing_to_do(finished, copy_of):
    run = copy_of(finished).snakemake(*STUDY)
    assert run.returncode == 0, run.stdout
    assert "Nothing to be done" in run.stdout


def test_a_changed_comment_re_runs_nothing_and_changed_code_what_depends_on_it(finished, copy_of):
    project = copy_of(finished)
    module = project.folder / "src" / "emofactors" / "nn" / "center_loss.py"
    text = module.read_text(encoding="utf-8").replace('"""', '"""In other words: ', 1) + "# The end.\n"

    module.write_text(text, encoding="utf-8")
    assert project.jobs(*STUDY) == {}

    module.write_text(text + "CHANGED = True\n", encoding="utf-8")
    jobs = project.jobs(*STUDY)
    assert jobs["train"] == 2 * len(CNN), "trainings of other systems are up to date"
    assert jobs.keys() == {"train", "score_variant", "make_table", "make_figure", "make_page", "all"}


def test_a_changed_teacher_re_runs_its_students_and_nothing_else(finished, copy_of):
    project = copy_of(finished)
    file = project.folder / "config" / "systems" / "vit_transfer.yaml"
    text = file.read_text(encoding="utf-8")
    changed, n = re.subn(r"^  teacher: \{", r"\g<0>weight_decay: 0.5, ", text, flags=re.MULTILINE)
    assert n == 1
    file.write_text(changed, encoding="utf-8")
    jobs = project.jobs(*STUDY)
    assert jobs["train"] == 2 * len(VIT)
    assert jobs["extract_attention"] == 1
    assert not jobs.keys() & {"build_manifest", "make_folds", "extract_features"}


def test_a_changed_setting_re_runs_what_depends_on_it(finished, copy_of):
    project = copy_of(finished)
    file = project.folder / "config" / "systems" / "cnn_bigru.yaml"
    text = file.read_text(encoding="utf-8")
    assert text.count("mel_softmax: {center_lambda: 0.0}") == 1
    file.write_text(text.replace("mel_softmax: {center_lambda: 0.0}", "mel_softmax: {center_lambda: 0.1}"))
    assert project.jobs(*STUDY)["train"] == 2, "the folds of one variant"

    file.write_text(text, encoding="utf-8")
    table = project.folder / "config" / "tables" / "smoke_lambda.yaml"
    text = table.read_text(encoding="utf-8")
    assert text.count("caption: ") == 1
    table.write_text(text.replace("caption: ", "caption: The same. "), encoding="utf-8")
    jobs = project.jobs(*STUDY)
    assert jobs["make_table"] == 1
    assert jobs["make_figure"] == 1, "the figure that is drawn from the table"
    assert not jobs.keys() & {"build_manifest", "extract_features", "train", "score_variant"}


def test_a_changed_recording_re_runs_all_trainings(finished, copy_of):
    project = copy_of(finished)
    tones = project.folder / "data" / "tones"
    shutil.copyfile(tones / "ada_anger_1.wav", tones / "ada_anger_2.wav")
    jobs = project.jobs(*STUDY)
    assert jobs["build_manifest"] == 2, "two corpora have the same recordings"
    assert jobs["train"] == len(runs([*CNN, *VIT, *ADVERSARIAL, *CLASSIFIERS]))
    assert jobs["fit_svm"] == len(runs([BASELINE]))


ARCHIVES = ("tones/original/log_mel_128", "tones/noise_shift_speed/log_mel_128x128")
RUN = "results/training/tones2_groups2/cnn_bigru/mel_center/fold0/seed0"
TARGETS = (f"{RUN}/predictions.csv", *(f"results/features/{archive}" for archive in ARCHIVES))


def frames(project, archive):
    """Return utterance -> frames of an archive, whatever its shards."""
    folder = project.folder / "results" / "features" / archive
    index = pd.read_csv(folder / "index.csv")
    return {
        row.utterance: np.load(folder / row.shard)[row.offset : row.offset + row.n_frames]
        for row in index.itertuples()
    }


def extracted(project, *targets):
    """Run the workflow; return archive and shard of the jobs that extracted features."""
    run = project.snakemake("--logger-emofactors-show", "snakemake", *STUDY, "--", *targets)
    assert run.returncode == 0, run.stdout
    wildcards = re.findall(r"wildcards: corpus=(\w+), augmentation=(\w+), features=(\w+), shard=(\d)", run.stdout)
    return sorted(
        (f"{corpus}/{augmentation}/{kind}", int(shard)) for corpus, augmentation, kind, shard in wildcards
    )


def test_shards_change_no_result_and_a_new_utterance_re_runs_its_shard_alone(finished, fresh_smoke):
    project = fresh_smoke()
    config = project.folder / "config" / "corpora" / "tones.yaml"
    config.write_text(config.read_text(encoding="utf-8") + "shards: 3\n", encoding="utf-8")
    assert extracted(project, *TARGETS) == sorted(product(ARCHIVES, range(3)))
    for archive in ARCHIVES:
        ours, theirs = frames(project, archive), frames(finished, archive)
        assert ours.keys() == theirs.keys()
        assert len(list((project.folder / "results" / "features" / archive).glob("*.npy"))) == 3
        assert [utterance for utterance in ours if not np.array_equal(ours[utterance], theirs[utterance])] == []
    for name in ("model.safetensors", "history.csv", "predictions.csv", "embeddings.npz"):
        assert (project.folder / RUN / name).read_bytes() == (finished.folder / RUN / name).read_bytes()

    # The new utterance is neither first nor last in the manifest, and not longer than the longest.
    tones = project.folder / "data" / "tones"
    samples, sample_rate_hz = soundfile.read(tones / "cleo_anger_3.wav")
    soundfile.write(tones / "cleo_anger_4.wav", 0.9 * samples, sample_rate_hz)
    with (tones / "utterances.csv").open("a", encoding="utf-8") as file:
        file.write("cleo_anger_4.wav,cleo,anger,day1\n")
    shard = shard_of("cleo_anger_4", 3)
    assert extracted(project, *TARGETS[1:]) == sorted((archive, shard) for archive in ARCHIVES)
    for archive, n_new in zip(ARCHIVES, (1, 3), strict=True):
        after, before = frames(project, archive), frames(finished, archive)
        assert len(after.keys() - before.keys()) == n_new
        assert all(np.array_equal(after[utterance], before[utterance]) for utterance in before)
    assert project.jobs(*STUDY, "--", *TARGETS[1:]) == {}

    # A longer utterance changes the padding of every image, and no other shard of other features.
    soundfile.write(tones / "cleo_anger_4.wav", np.tile(samples, 2), sample_rate_hz)
    expected = [(ARCHIVES[0], shard), *((ARCHIVES[1], other) for other in range(3))]
    assert extracted(project, *TARGETS[1:]) == sorted(expected)


def test_one_core_cold_jobs_and_streaming_give_the_same_bytes_as_two_cores_warm_jobs_and_memory(
    finished, fresh_smoke
):
    project = fresh_smoke()
    run = project.snakemake("--cores", "1", "--executor", "local", *STUDY, "--config", "compute={stream: true}")
    assert run.returncode == 0, run.stdout
    assert_same_results(project, finished)


# --- invalid input stops a run before any training -----------------------------------------------------------


def rewrite(tones, change):
    """Apply a function to the CSV of the corpus, as a table."""
    file = tones / "utterances.csv"
    change(pd.read_csv(file)).to_csv(file, index=False)


def damage_two_recordings(tones):
    (tones / "ada_anger_1.wav").write_bytes(b"RIFF")
    silent = tones / "ben_anger_0.wav"
    header = silent.read_bytes()[:44]
    silent.write_bytes(header + bytes(silent.stat().st_size - len(header)))


def misspell_a_label(tones):
    rewrite(tones, lambda rows: rows.replace({"emotion": {"sadness": "sad"}}).tail(1))


def repeat_an_utterance(tones):
    rewrite(tones, lambda rows: pd.concat([rows, rows.head(1)]))


def restrict_anger_to_the_test_day(tones):
    rewrite(tones, lambda rows: rows[(rows["emotion"] == "sadness") | (rows["session"] == "day3")])


def put_a_training_speaker_into_test(tones):
    """Give each day two speakers, except for one utterance."""
    day = {"ada": "day1", "ben": "day1", "cleo": "day2", "dan": "day2", "eva": "day3", "finn": "day3"}

    def change(rows):
        moved = rows["path"] == "ben_sadness_2.wav"
        return rows.assign(session=rows["speaker"].map(day).mask(moved, "day3"))

    rewrite(tones, change)


def copy_a_training_recording_into_test(tones):
    put_a_training_speaker_into_test(tones)
    rewrite(tones, lambda rows: rows[rows["path"] != "ben_sadness_2.wav"])
    shutil.copy(tones / "ada_anger_1.wav", tones / "eva_anger_1.wav")


def keep_one_speaker_per_day(tones):
    day = {"ada": "day1", "ben": "day2", "cleo": "day3"}
    rewrite(tones, lambda rows: rows[rows["speaker"].isin(day)].assign(session=lambda r: r["speaker"].map(day)))


def assert_fails_with(run, messages):
    """Check that a run fails with exactly these messages, by their beginnings, and without a traceback."""
    start = "emofactors: error: "
    lines = [line.removeprefix(start) for line in run.stdout.splitlines() if line.startswith(start)]
    assert run.returncode != 0
    assert len(lines) == len(messages)
    assert [line[: len(message)] for line, message in zip(lines, messages, strict=True)] == messages
    assert "Traceback" not in run.stdout


MANIFEST = {"corpora/manifests/tones.csv", "corpora/manifests/tones.json"}
FOLDS = {"corpora/folds/tones2_days.csv"}


@pytest.mark.parametrize(
    ("damage", "messages", "results"),
    [
        (
            damage_two_recordings,
            [
                "data/tones/ada_anger_1.wav: cannot be decoded",
                "data/tones/ben_anger_0.wav: is silent",
                "data/tones: 2 fault(s); expected none, or on_bad_audio: drop in the corpus' config",
            ],
            set(),
        ),
        (
            misspell_a_label,
            ["data/tones/utterances.csv: line 2: emotion is 'sad', expected one of anger, "],
            set(),
        ),
        (
            repeat_an_utterance,
            ["utterance 'ada_anger_0': is the name of ada_anger_0.wav, ada_anger_0.wav; expected one "],
            set(),
        ),
        (
            restrict_anger_to_the_test_day,
            ["task: fold 0: class 'anger' has no training utterance (0 dev, 6 test), expected at least one"],
            MANIFEST,
        ),
        (
            copy_a_training_recording_into_test,
            ["fold 0: ada_anger_1 (train) and eva_anger_1 (test) have the same audio; expected them in one split"],
            MANIFEST | FOLDS,
        ),
    ],
)
def test_invalid_input_is_named_and_nothing_is_trained(fresh_smoke, damage, messages, results):
    project = fresh_smoke()
    damage(project.folder / "data" / "tones")
    assert_fails_with(project.snakemake(*DAYS_STUDY), messages)
    # Features and the overview of the corpus may be complete: they do not depend on the folds.
    assert files(project, "logs", "benchmarks", "features", "report") == results
    assert not (project.folder / "results" / "logs" / "training").exists()


def test_a_failed_audit_names_the_speaker_and_is_kept_as_a_log(fresh_smoke):
    project = fresh_smoke()
    put_a_training_speaker_into_test(project.folder / "data" / "tones")
    run = project.snakemake("results/corpora/audits/tones2_days.json", *DAYS_STUDY)

    message = "fold 0: speaker ben is in train (ben_anger_0) and test (ben_sadness_2); expected one split, "
    assert_fails_with(run, [message])
    assert files(project, "logs", "benchmarks") == MANIFEST | FOLDS
    audit = json.loads((project.folder / "results/logs/corpora/tones2_days/audit_task.json").read_text())
    assert audit["verdict"] == "fail"
    assert audit["folds"][0]["shared"]["train/test"]["speakers"] == ["ben"]


def test_only_a_study_that_classifies_speakers_rejects_a_single_training_speaker(fresh_smoke):
    project = fresh_smoke()
    keep_one_speaker_per_day(project.folder / "data" / "tones")
    audit = ("results/corpora/audits/tones2_days.json", *DAYS_STUDY)
    assert project.snakemake(*audit).returncode == 0

    run = project.snakemake(*audit, "--config", "tables=[adversarial]", "figures=[]", "systems={}")
    message = "fold 0: training has 1 speaker; expected at least 2, to classify speakers"
    assert_fails_with(run, [message])
