rule score_variant:
    input:
        predictions=runs_of_variant,
    output:
        scores="results/evaluation/{task}/{system}/{variant}/on_{task}/scores.csv",
        confusion="results/evaluation/{task}/{system}/{variant}/on_{task}/confusion.csv",
        seen="results/evaluation/{task}/{system}/{variant}/on_{task}/seen_confusion.csv",
    log:
        "results/logs/evaluation/{task}/{system}/{variant}/on_{task}/score_variant.log",
    benchmark:
        "results/benchmarks/evaluation/{task}/{system}/{variant}/on_{task}/score_variant.jsonl"
    params:
        classes=classes_of_task,
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
