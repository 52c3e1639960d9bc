rule train:
    input:
        unpack(TRAINING.needed_runs),
        unpack(TRAINING.manifest_of_images),
        features=TRAINING.features,
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
        system=one_of(STUDY.systems_by("network")),
    priority: 1  # before more speech is reconstructed: temporary archives are deleted early
    threads: STUDY.compute.threads
    resources:
        gpu=GPUS,
        slots_per_gpu=STUDY.compute.slots_per_gpu,
        stream=int(STUDY.compute.stream),
    params:
        run=TRAINING.run_settings,
        arguments=TRAINING.arguments,
        classes=TRAINING.classes,
        condition=TRAINING.condition,
        input_spec=TRAINING.input_spec,
        compute=STUDY.compute.of_results,
        code=CODE.train,
    script:
        "../scripts/train.py"


rule train_decomposer:
    input:
        features=TRAINING.spectrograms,
        pitch=TRAINING.pitch,
        folds="results/corpora/folds/{task}.csv",
        audit="results/corpora/audits/{task}.json",
    output:
        model="results/training/{task}/{system}/{variant}/fold{fold}/seed{seed}/model.safetensors",
        history="results/training/{task}/{system}/{variant}/fold{fold}/seed{seed}/history.csv",
        codes="results/training/{task}/{system}/{variant}/fold{fold}/seed{seed}/codes.npz",
        run="results/training/{task}/{system}/{variant}/fold{fold}/seed{seed}/run.json",
    log:
        "results/logs/training/{task}/{system}/{variant}/fold{fold}/seed{seed}/train_decomposer.log",
    benchmark:
        "results/benchmarks/training/{task}/{system}/{variant}/fold{fold}/seed{seed}/train_decomposer.jsonl"
    wildcard_constraints:
        system=one_of(STUDY.systems_by("decomposer")),
    threads: STUDY.compute.threads
    resources:
        gpu=GPUS,
        slots_per_gpu=STUDY.compute.slots_per_gpu,
        stream=int(STUDY.compute.stream),
    params:
        run=TRAINING.run_settings,
        arguments=TRAINING.arguments,
        classes=TRAINING.classes,
        compute=STUDY.compute.of_results,
        code=CODE.train_decomposer,
    script:
        "../scripts/train_decomposer.py"


# The archives of nine conditions are large: they are deleted after the last evaluation on them.
rule reconstruct_speech:
    input:
        model="results/training/{task}/{system}/{variant}/fold{fold}/seed{seed}/model.safetensors",
        features=TRAINING.spectrograms,
        pitch=TRAINING.pitch,
        folds="results/corpora/folds/{task}.csv",
        target_folds="results/corpora/folds/{on_task}.csv",
    output:
        reconstructed=temp(
            directory(
                "results/training/{task}/{system}/{variant}/fold{fold}/seed{seed}/reconstructed/on_{on_task}"
            )
        ),
    log:
        "results/logs/training/{task}/{system}/{variant}/fold{fold}/seed{seed}/reconstructed/on_{on_task}/reconstruct_speech.log",
    benchmark:
        "results/benchmarks/training/{task}/{system}/{variant}/fold{fold}/seed{seed}/reconstructed/on_{on_task}/reconstruct_speech.jsonl"
    wildcard_constraints:
        system=one_of(STUDY.systems_by("decomposer")),
    threads: STUDY.compute.threads
    resources:
        gpu=GPUS,
        slots_per_gpu=STUDY.compute.slots_per_gpu,
    params:
        run=TRAINING.run_settings,
        arguments=TRAINING.arguments,
        classes=TRAINING.classes,
        same_corpus=TRAINING.is_same_corpus,
        compute=STUDY.compute.of_results,
        code=CODE.reconstruct_speech,
    script:
        "../scripts/reconstruct_speech.py"


rule evaluate_cross_corpus:
    input:
        model="results/training/{task}/{system}/{variant}/fold{fold}/seed{seed}/model.safetensors",
        features=TRAINING.features,
        folds="results/corpora/folds/{task}.csv",
        test_features=TRAINING.test_features,
        test_folds=TRAINING.test_folds,
    output:
        predictions="results/training/{task}/{system}/{variant}/fold{fold}/seed{seed}/{test}/predictions.csv",
    log:
        "results/logs/training/{task}/{system}/{variant}/fold{fold}/seed{seed}/{test}/evaluate_cross_corpus.log",
    benchmark:
        "results/benchmarks/training/{task}/{system}/{variant}/fold{fold}/seed{seed}/{test}/evaluate_cross_corpus.jsonl"
    wildcard_constraints:
        system=one_of(STUDY.systems_by("network")),
    priority: 1  # before more speech is reconstructed: temporary archives are deleted early
    threads: STUDY.compute.threads
    resources:
        gpu=GPUS,
        slots_per_gpu=STUDY.compute.slots_per_gpu,
        stream=int(STUDY.compute.stream),
    params:
        run=TRAINING.run_settings,
        arguments=TRAINING.arguments,
        classes=TRAINING.classes,
        condition=TRAINING.condition,
        test_condition=TRAINING.test_condition,
        same_task=TRAINING.is_own_task,
        compute=STUDY.compute.of_results,
        code=CODE.evaluate_cross_corpus,
    script:
        "../scripts/evaluate_cross_corpus.py"


rule fit_svm:
    input:
        features=TRAINING.features,
        folds="results/corpora/folds/{task}.csv",
        audit="results/corpora/audits/{task}.json",
    output:
        model="results/training/{task}/{system}/{variant}/fold{fold}/seed{seed}/model.safetensors",
        predictions="results/training/{task}/{system}/{variant}/fold{fold}/seed{seed}/predictions.csv",
        embeddings="results/training/{task}/{system}/{variant}/fold{fold}/seed{seed}/embeddings.npz",
        run="results/training/{task}/{system}/{variant}/fold{fold}/seed{seed}/run.json",
    log:
        "results/logs/training/{task}/{system}/{variant}/fold{fold}/seed{seed}/fit_svm.log",
    benchmark:
        "results/benchmarks/training/{task}/{system}/{variant}/fold{fold}/seed{seed}/fit_svm.jsonl"
    wildcard_constraints:
        system=one_of(STUDY.systems_by("svm")),
    params:
        svm=TRAINING.svm_settings,
        classes=TRAINING.classes,
        input_spec=TRAINING.input_spec,
        code=CODE.of("fit_svm"),
    script:
        "../scripts/fit_svm.py"


rule extract_attention:
    input:
        features=TRAINING.features,
        folds="results/corpora/folds/{task}.csv",
        model="results/training/{task}/{system}/{variant}/fold{fold}/seed{seed}/model.safetensors",
    output:
        attention="results/training/{task}/{system}/{variant}/fold{fold}/seed{seed}/attention.npz",
        shuffle="results/training/{task}/{system}/{variant}/fold{fold}/seed{seed}/column_shuffle.json",
    log:
        "results/logs/training/{task}/{system}/{variant}/fold{fold}/seed{seed}/extract_attention.log",
    benchmark:
        "results/benchmarks/training/{task}/{system}/{variant}/fold{fold}/seed{seed}/extract_attention.jsonl"
    threads: STUDY.compute.threads
    resources:
        gpu=GPUS,
        slots_per_gpu=STUDY.compute.slots_per_gpu,
        stream=int(STUDY.compute.stream),
    params:
        run=TRAINING.run_settings,
        arguments=TRAINING.arguments,
        classes=TRAINING.classes,
        compute=STUDY.compute.of_results,
        code=CODE.extract_attention,
    script:
        "../scripts/extract_attention.py"
