rule score_variant:
    input:
        predictions=runs_of_variant,
    output:
        scores="results/evaluation/{task}/{system}/{variant}/{test}/scores.csv",
        confusion="results/evaluation/{task}/{system}/{variant}/{test}/confusion.csv",
        held_out="results/evaluation/{task}/{system}/{variant}/{test}/held_out_confusion.csv",
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


rule probe_embeddings:
    input:
        embeddings=embeddings_of_variant,
    output:
        probes="results/evaluation/{task}/{system}/{variant}/on_{task}/probes.csv",
        information="results/evaluation/{task}/{system}/{variant}/on_{task}/mutual_information.csv",
    log:
        "results/logs/evaluation/{task}/{system}/{variant}/on_{task}/probe_embeddings.log",
    benchmark:
        "results/benchmarks/evaluation/{task}/{system}/{variant}/on_{task}/probe_embeddings.jsonl"
    params:
        settings=STUDY.probes.model_dump(mode="json"),
        code=code_of("probe_embeddings"),
    script:
        "../scripts/probe_embeddings.py"


rule estimate_code_information:
    input:
        codes=codes_of_variant,
    output:
        information="results/evaluation/{task}/{system}/{variant}/on_{task}/code_information.csv",
        without="results/evaluation/{task}/{system}/{variant}/on_{task}/code_information_leave_one_out.csv",
    log:
        "results/logs/evaluation/{task}/{system}/{variant}/on_{task}/estimate_code_information.log",
    benchmark:
        "results/benchmarks/evaluation/{task}/{system}/{variant}/on_{task}/estimate_code_information.jsonl"
    params:
        settings=STUDY.information.model_dump(mode="json"),
        code=code_of("estimate_code_information"),
    script:
        "../scripts/estimate_code_information.py"


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
