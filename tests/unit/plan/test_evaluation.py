from emofactors.plan.evaluation import EvaluationPlan, files_of_runs


def test_predictions_of_the_own_task_are_part_of_the_run(default_study, wildcards):
    plan = EvaluationPlan(default_study)
    job = wildcards(
        task="synthetic4_voices", system="factor_classifier", variant="raw", test="on_synthetic4_voices"
    )
    folder = "results/training/synthetic4_voices/factor_classifier/raw"
    assert plan.predictions(job) == [f"{folder}/fold0/seed0/predictions.csv"]
    job.test = "on_synthetic4_voices/reconstructed_cycle_small_all"
    assert plan.predictions(job)[0] == f"{folder}/fold0/seed0/{job.test}/predictions.csv"
    assert plan.embeddings(job) == [f"{folder}/fold0/seed0/embeddings.npz"]
    assert plan.codes(job) == [f"{folder}/fold0/seed0/codes.npz"]


def test_a_support_vector_machine_has_one_run_per_fold(study_of):
    study = study_of("emodb_quick", seeds=[3, 4])
    (task,) = study.tasks
    n_folds = study.tasks[task].n_folds
    assert len(files_of_runs(study, "cnn_bigru", ["mel_center", "mel_softmax"], [task], "run.json")) == 4 * n_folds
    svm = files_of_runs(study, "functionals_svm", ["functionals"], [task], "run.json")
    assert len(svm) == n_folds
    assert all("/seed3/" in file for file in svm)
