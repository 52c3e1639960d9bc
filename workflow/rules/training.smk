rule train:
    input:
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
