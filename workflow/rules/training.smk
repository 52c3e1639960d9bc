rule train:
    input:
        unpack(needed_runs),
        unpack(manifest_of_images),
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
    priority: 1  # who hears reconstructed speech goes before who makes more of it
    threads: STUDY.compute.threads
    resources:
        gpu=gpus,
        slots_per_gpu=STUDY.compute.slots_per_gpu,
        stream=int(STUDY.compute.stream),
    params:
        run=run_settings,
        arguments=system_arguments,
        classes=classes_of_task,
        heard=heard_in_training,
        input_spec=input_spec_of_run,
        compute=STUDY.compute.of_results,
        code=training_code,
    script:
        "../scripts/train.py"


rule train_decomposer:
    input:
        features=spectrograms_of_decomposer,
        pitch=pitch_of_decomposer,
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
        system=one_of(systems_by("decomposer")),
    threads: STUDY.compute.threads
    resources:
        gpu=gpus,
        slots_per_gpu=STUDY.compute.slots_per_gpu,
        stream=int(STUDY.compute.stream),
    params:
        run=run_settings,
        arguments=system_arguments,
        classes=classes_of_task,
        compute=STUDY.compute.of_results,
        code=decomposer_code,
    script:
        "../scripts/train_decomposer.py"


# Speech reconstructed under nine conditions takes space: it is gone once all classifiers of it have heard it.
rule reconstruct_speech:
    input:
        model="results/training/{task}/{system}/{variant}/fold{fold}/seed{seed}/model.safetensors",
        features=spectrograms_of_decomposer,
        pitch=pitch_of_decomposer,
        folds="results/corpora/folds/{task}.csv",
        heard_folds="results/corpora/folds/{on_task}.csv",
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
        system=one_of(systems_by("decomposer")),
    threads: STUDY.compute.threads
    resources:
        gpu=gpus,
        slots_per_gpu=STUDY.compute.slots_per_gpu,
    params:
        run=run_settings,
        arguments=system_arguments,
        classes=classes_of_task,
        same_corpus=is_of_same_corpus,
        compute=STUDY.compute.of_results,
        code=rebuilding_code,
    script:
        "../scripts/reconstruct_speech.py"


rule test_run:
    input:
        model="results/training/{task}/{system}/{variant}/fold{fold}/seed{seed}/model.safetensors",
        features=features_of_variant,
        folds="results/corpora/folds/{task}.csv",
        heard=heard_in_test,
        heard_folds=folds_in_test,
    output:
        predictions="results/training/{task}/{system}/{variant}/fold{fold}/seed{seed}/{test}/predictions.csv",
    log:
        "results/logs/training/{task}/{system}/{variant}/fold{fold}/seed{seed}/{test}/evaluate_cross_corpus.log",
    benchmark:
        "results/benchmarks/training/{task}/{system}/{variant}/fold{fold}/seed{seed}/{test}/evaluate_cross_corpus.jsonl"
    wildcard_constraints:
        system=one_of(systems_by("network")),
    priority: 1  # who hears reconstructed speech goes before who makes more of it
    threads: STUDY.compute.threads
    resources:
        gpu=gpus,
        slots_per_gpu=STUDY.compute.slots_per_gpu,
        stream=int(STUDY.compute.stream),
    params:
        run=run_settings,
        arguments=system_arguments,
        classes=classes_of_task,
        trained_on=heard_in_training,
        heard_as=condition_in_test,
        same_task=is_own_task,
        compute=STUDY.compute.of_results,
        code=test_code,
    script:
        "../scripts/evaluate_cross_corpus.py"


rule fit_svm:
    input:
        features=features_of_variant,
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
        system=one_of(systems_by("svm")),
    params:
        svm=svm_settings,
        classes=classes_of_task,
        input_spec=input_spec_of_run,
        code=code_of("fit_svm"),
    script:
        "../scripts/fit_svm.py"


rule extract_attention:
    input:
        features=features_of_variant,
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
        gpu=gpus,
        slots_per_gpu=STUDY.compute.slots_per_gpu,
        stream=int(STUDY.compute.stream),
    params:
        run=run_settings,
        arguments=system_arguments,
        classes=classes_of_task,
        compute=STUDY.compute.of_results,
        code=inspection_code,
    script:
        "../scripts/extract_attention.py"
