rule train:
    input:
        unpack(needed_runs),
        features=features_of_variant,
        folds="results/corpora/folds/{task}.csv",
        audit="results/corpora/audits/{task}.json",
    output:
        model="results/training/{task}/{system}/{variant}/fold{fold}/seed{seed}/model.safetensors",
        history="results/training/{task}/{system}/{variant}/fold{fold}/seed{seed}/history.csv",
        predictions="results/training/{task}/{system}/{variant}/fold{fold}/seed{seed}/predictions.csv",
        embeddings="results/training/{task}/{system}/{variant}/fold{fold}/seed{seed}/embeddings.npz",
        run="results/training/{task}/{system}/{variant}/fold{fold}/seed{seed}/run.json",
    log:
        "results/logs/training/{task}/{system}/{variant}/fold{fold}/seed{seed}/train.log",
    benchmark:
        "results/benchmarks/training/{task}/{system}/{variant}/fold{fold}/seed{seed}/train.jsonl"
    wildcard_constraints:
        system=one_of(systems_by("network")),
    threads: STUDY.compute.threads
    resources:
        gpu=gpus,
    params:
        run=run_settings,
        arguments=system_arguments,
        classes=classes_of_task,
        compute=STUDY.compute.model_dump(mode="json"),
        code=training_code,
    script:
        "../scripts/train.py"


rule fit_svm:
    input:
        features=features_of_variant,
        folds="results/corpora/folds/{task}.csv",
        audit="results/corpora/audits/{task}.json",
    output:
        predictions="results/training/{task}/{system}/{variant}/fold{fold}/seed{seed}/predictions.csv",
        embeddings="results/training/{task}/{system}/{variant}/fold{fold}/seed{seed}/embeddings.npz",
        run="results/training/{task}/{system}/{variant}/fold{fold}/seed{seed}/run.json",
    log:
        "results/logs/training/{task}/{system}/{variant}/fold{fold}/seed{seed}/fit_svm.log",
    benchmark:
        "results/benchmarks/training/{task}/{system}/{variant}/fold{fold}/seed{seed}/fit_svm.jsonl"
    wildcard_constraints:
        system=one_of(systems_by("svm")),
    params:
        svm=svm_settings,
        classes=classes_of_task,
        code=code_of("fit_svm"),
    script:
        "../scripts/fit_svm.py"


rule inspect_run:
    input:
        features=features_of_variant,
        folds="results/corpora/folds/{task}.csv",
        model="results/training/{task}/{system}/{variant}/fold{fold}/seed{seed}/model.safetensors",
    output:
        attention="results/training/{task}/{system}/{variant}/fold{fold}/seed{seed}/attention.npz",
        shuffle="results/training/{task}/{system}/{variant}/fold{fold}/seed{seed}/column_shuffle.json",
    log:
        "results/logs/training/{task}/{system}/{variant}/fold{fold}/seed{seed}/inspect_run.log",
    benchmark:
        "results/benchmarks/training/{task}/{system}/{variant}/fold{fold}/seed{seed}/inspect_run.jsonl"
    threads: STUDY.compute.threads
    resources:
        gpu=gpus,
    params:
        run=run_settings,
        arguments=system_arguments,
        classes=classes_of_task,
        compute=STUDY.compute.model_dump(mode="json"),
        code=inspection_code,
    script:
        "../scripts/inspect_run.py"
