rule score_variant:
    input:
        predictions=EVALUATION.predictions,
    output:
        scores="results/evaluation/{task}/{system}/{variant}/{test}/scores.csv",
        confusion="results/evaluation/{task}/{system}/{variant}/{test}/confusion.csv",
        held_out="results/evaluation/{task}/{system}/{variant}/{test}/held_out_confusion.csv",
    log:
        "results/logs/evaluation/{task}/{system}/{variant}/{test}/score_variant.log",
    benchmark:
        "results/benchmarks/evaluation/{task}/{system}/{variant}/{test}/score_variant.jsonl"
    params:
        classes=TRAINING.classes,
        same_task=TRAINING.is_own_task,
        code=CODE.of("score_variant"),
    script:
        "../scripts/score_variant.py"


rule probe_embeddings:
    input:
        embeddings=EVALUATION.embeddings,
    output:
        probes="results/evaluation/{task}/{system}/{variant}/on_{task}/probes.csv",
        information="results/evaluation/{task}/{system}/{variant}/on_{task}/mutual_information.csv",
        scatter="results/evaluation/{task}/{system}/{variant}/on_{task}/scatter.csv",
    log:
        "results/logs/evaluation/{task}/{system}/{variant}/on_{task}/probe_embeddings.log",
    benchmark:
        "results/benchmarks/evaluation/{task}/{system}/{variant}/on_{task}/probe_embeddings.jsonl"
    params:
        settings=STUDY.probes.model_dump(mode="json"),
        code=CODE.of("probe_embeddings"),
    script:
        "../scripts/probe_embeddings.py"


rule estimate_code_information:
    input:
        codes=EVALUATION.codes,
    output:
        information="results/evaluation/{task}/{system}/{variant}/on_{task}/code_information.csv",
        leave_one_out="results/evaluation/{task}/{system}/{variant}/on_{task}/code_information_leave_one_out.csv",
    log:
        "results/logs/evaluation/{task}/{system}/{variant}/on_{task}/estimate_code_information.log",
    benchmark:
        "results/benchmarks/evaluation/{task}/{system}/{variant}/on_{task}/estimate_code_information.jsonl"
    params:
        settings=STUDY.information.model_dump(mode="json"),
        code=CODE.of("estimate_code_information"),
    script:
        "../scripts/estimate_code_information.py"


rule probe_true_factors:
    input:
        codes=EVALUATION.codes,
        factors=CORPORA.true_factors,
    output:
        factors="results/evaluation/{task}/{system}/{variant}/on_{task}/true_factors.csv",
    log:
        "results/logs/evaluation/{task}/{system}/{variant}/on_{task}/probe_true_factors.log",
    benchmark:
        "results/benchmarks/evaluation/{task}/{system}/{variant}/on_{task}/probe_true_factors.jsonl"
    params:
        settings=STUDY.probes.model_dump(mode="json"),
        code=CODE.of("probe_true_factors"),
    script:
        "../scripts/probe_true_factors.py"
