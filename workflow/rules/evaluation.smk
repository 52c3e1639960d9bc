rule score_variant:
    input:
        predictions=runs_of_variant,
    output:
        scores="results/evaluation/{task}/{system}/{variant}/{test}/scores.csv",
        confusion="results/evaluation/{task}/{system}/{variant}/{test}/confusion.csv",
        seen="results/evaluation/{task}/{system}/{variant}/{test}/seen_confusion.csv",
    log:
        "results/logs/evaluation/{task}/{system}/{variant}/{test}/score_variant.log",
    benchmark:
        "results/benchmarks/evaluation/{task}/{system}/{variant}/{test}/score_variant.jsonl"
    params:
        classes=classes_of_task,
        same_task=is_own_task,
        code=code_of("score_variant"),
    script:
        "../scripts/score_variant.py"


rule probe_variant:
    input:
        embeddings=embeddings_of_variant,
    output:
        probes="results/evaluation/{task}/{system}/{variant}/on_{task}/probes.csv",
        information="results/evaluation/{task}/{system}/{variant}/on_{task}/mutual_information.csv",
    log:
        "results/logs/evaluation/{task}/{system}/{variant}/on_{task}/probe_variant.log",
    benchmark:
        "results/benchmarks/evaluation/{task}/{system}/{variant}/on_{task}/probe_variant.jsonl"
    params:
        settings=STUDY.probes.model_dump(mode="json"),
        code=code_of("probe_variant"),
    script:
        "../scripts/probe_variant.py"


rule measure_factors:
    input:
        codes=codes_of_variant,
    output:
        information="results/evaluation/{task}/{system}/{variant}/on_{task}/factor_information.csv",
        without="results/evaluation/{task}/{system}/{variant}/on_{task}/factor_information_without.csv",
    log:
        "results/logs/evaluation/{task}/{system}/{variant}/on_{task}/measure_factors.log",
    benchmark:
        "results/benchmarks/evaluation/{task}/{system}/{variant}/on_{task}/measure_factors.jsonl"
    params:
        settings=STUDY.information.model_dump(mode="json"),
        code=code_of("measure_factors"),
    script:
        "../scripts/measure_factors.py"


rule probe_true_factors:
    input:
        codes=codes_of_variant,
        factors=true_factors_of_task,
    output:
        factors="results/evaluation/{task}/{system}/{variant}/on_{task}/true_factors.csv",
    log:
        "results/logs/evaluation/{task}/{system}/{variant}/on_{task}/probe_true_factors.log",
    benchmark:
        "results/benchmarks/evaluation/{task}/{system}/{variant}/on_{task}/probe_true_factors.jsonl"
    params:
        settings=STUDY.probes.model_dump(mode="json"),
        code=code_of("probe_true_factors"),
    script:
        "../scripts/probe_true_factors.py"
