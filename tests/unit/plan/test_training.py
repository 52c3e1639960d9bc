from emofactors.plan.paths import Run
from emofactors.plan.training import TrainingPlan, decomposer_run

VOICES = {"task": "synthetic4_voices", "fold": "1", "seed": "0"}


def test_a_variant_trains_on_the_corpus_and_its_augmentation(default_study, wildcards):
    plan = TrainingPlan(default_study)
    job = wildcards(
        task="synthetic4_groups2_augmented", system="vit_transfer", variant="teacher", fold="0", seed="0"
    )
    assert plan.features(job) == [
        "results/features/synthetic/original/log_mel_64x64",
        "results/features/synthetic/noise_shift_speed/log_mel_64x64",
    ]
    assert plan.condition(job) == ""
    assert plan.manifest_of_images(job) == {"manifest": "results/corpora/manifests/synthetic.csv"}


def test_a_variant_on_reconstructed_speech_reads_the_archive_of_its_decomposer(default_study, wildcards):
    plan = TrainingPlan(default_study)
    job = wildcards(**VOICES, system="factor_classifier", variant="cycle_small_pitch", test="on_synthetic4_voices")
    run = "results/training/synthetic4_voices/speechflow/cycle_small/fold1/seed0"
    assert plan.features(job) == [f"{run}/reconstructed/on_synthetic4_voices"]
    assert plan.condition(job) == "pitch"
    assert plan.input_spec(job)["features"] is None
    assert plan.test_features(job) == plan.features(job)


def test_a_test_may_read_the_reconstructed_speech_of_another_variant(default_study, wildcards):
    plan = TrainingPlan(default_study)
    test = "on_synthetic4_voices/reconstructed_cycle_small_content"
    job = wildcards(**VOICES, system="factor_classifier", variant="raw", test=test)
    assert plan.condition(job) == ""
    assert plan.test_condition(job) == "content"
    assert plan.test_features(job)[0].endswith("cycle_small/fold1/seed0/reconstructed/on_synthetic4_voices")
    assert plan.test_folds(job) == "results/corpora/folds/synthetic4_voices.csv"
    assert plan.is_own_task(job)


def test_a_cross_corpus_test_reads_the_other_corpus(study_of, wildcards):
    plan = TrainingPlan(study_of("nemo_factors_quick"))
    (task, other), *_ = plan._study.tested_on.items()
    job = wildcards(task=task, system="factor_classifier", variant="raw", fold="0", seed="0", test=f"on_{other}")
    assert plan.test_features(job) == ["results/features/emodb/original/log_mel_80"]
    assert plan.test_folds(job) == f"results/corpora/folds/{other}.csv"
    assert not plan.is_own_task(job)
    assert not plan.is_same_corpus(wildcards(task=task, on_task=other))


def test_needed_runs_are_inputs(default_study, wildcards):
    plan = TrainingPlan(default_study)
    task = {"task": "synthetic4_groups2_augmented", "system": "vit_transfer", "fold": "1", "seed": "0"}
    folder = "results/training/synthetic4_groups2_augmented/vit_transfer"
    assert plan.needed_runs(wildcards(**task, variant="teacher")) == {}
    assert plan.needed_runs(wildcards(**task, variant="matched")) == {
        "teacher": f"{folder}/teacher/fold1/seed0/embeddings.npz"
    }
    assert plan.needed_runs(wildcards(**task, variant="student"))["initial"] == (
        f"{folder}/matched/fold1/seed0/model.safetensors"
    )


def test_an_input_spec_identifies_the_run_and_its_features(default_study, wildcards):
    job = wildcards(
        task="synthetic4_groups2_held_out", system="cnn_bigru", variant="mel_center", fold="2", seed="0"
    )
    spec = TrainingPlan(default_study).input_spec(job)
    assert (spec["corpus"], spec["fold"], spec["method"]) == ("synthetic", 2, "network")
    assert spec["classes"] == ["anger", "happiness", "sadness", "neutral"]
    assert spec["features"]["n_mels"] == 80


def test_settings_are_split_into_run_and_arguments(default_study, wildcards):
    plan = TrainingPlan(default_study)
    job = wildcards(system="cnn_bigru", variant="mel_center")
    assert plan.run_settings(job)["max_steps"] == 200
    assert plan.arguments(job)["gru_units"] == 32
    assert plan.svm_settings(wildcards(system="functionals_svm", variant="functionals"))["kernel"] == "rbf"


def test_a_decomposer_reads_spectrograms_and_f0(default_study, wildcards):
    plan = TrainingPlan(default_study)
    job = wildcards(**VOICES, system="speechflow", variant="cycle_small")
    assert plan.spectrograms(job) == "results/features/synthetic/original/log_mel_80"
    assert plan.pitch(job) == "results/features/synthetic/original/f0"
    assert plan.spectrogram_settings(job)["n_mels"] == 80
    assert plan.example_model(job).endswith("speechflow/cycle_small/fold0/seed0/model.safetensors")
    assert plan.example_folds(job) == "results/corpora/folds/synthetic4_voices.csv"


def test_the_decomposer_is_trained_on_the_same_fold_or_on_the_task_that_is_named(study_of):
    study = study_of("iemocap_factors")
    assert decomposer_run(study, "speechflow/cycle", "iemocap4_session5", 0, 7) == Run(
        "vctk_external", "speechflow", "cycle", 0, 7
    )
    assert decomposer_run(study, "speechflow/cycle", "iemocap4_sessions", 3, 7) == Run(
        "iemocap4_sessions", "speechflow", "cycle", 3, 7
    )
