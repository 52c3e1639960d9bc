rule score_variant:
    input:
        predictions=runs_of_variant,
    output:
        scores="results/evaluation/{task}/{system}/{variant}/on_{task}/scores.csv",
        confusion="results/evaluation/{task}/{system}/{variant}/on_{task}/confusion.csv",
    log:
        "results/logs/evaluation/{task}/{system}/{variant}/on_{task}/score_variant.log",
    benchmark:
        "results/benchmarks/evaluation/{task}/{system}/{variant}/on_{task}/score_variant.jsonl"
    params:
        classes=classes_of_task,
        code=code_of("score_variant"),
    script:
        "../scripts/score_variant.py"
