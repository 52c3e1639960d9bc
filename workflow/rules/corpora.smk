# Computing nodes have no network.
localrules:
    download_corpus,


# The output is a mark for Snakemake alone: whether a corpus is there, its folder says.
rule download_corpus:
    output:
        fetched="results/corpora/downloads/{corpus}.txt",
    log:
        "results/logs/corpora/{corpus}/download_corpus.log",
    benchmark:
        "results/benchmarks/corpora/{corpus}/download_corpus.jsonl"
    params:
        corpora_root=STUDY.corpora_root,
        corpus=download_settings,
        code=code_of("download_corpus"),
    script:
        "../scripts/download_corpus.py"


rule synthesize_corpus:
    output:
        audio=directory("results/corpora/audio/{corpus}"),
        factors="results/corpora/factors/{corpus}.csv",
    log:
        "results/logs/corpora/{corpus}/synthesize_corpus.log",
    benchmark:
        "results/benchmarks/corpora/{corpus}/synthesize_corpus.jsonl"
    params:
        corpus=corpus_settings,
        code=code_of("synthesize_corpus"),
    script:
        "../scripts/synthesize_corpus.py"


rule build_manifest:
    input:
        synthesised_audio,
    output:
        manifest="results/corpora/manifests/{corpus}.csv",
        notes="results/corpora/manifests/{corpus}.json",
    log:
        "results/logs/corpora/{corpus}/build_manifest.log",
    benchmark:
        "results/benchmarks/corpora/{corpus}/build_manifest.jsonl"
    params:
        root=corpus_root,
        listing=corpus_listing,
        corpus=corpus_settings,
        code=manifest_code,
    script:
        "../scripts/build_manifest.py"


# A checkpoint: shards whose manifest did not change are not extracted again, in the same run either.
checkpoint split_manifest:
    input:
        manifest="results/corpora/manifests/{corpus}.csv",
    output:
        shards=directory("results/corpora/shards/{corpus}"),
        longest="results/corpora/longest/{corpus}.txt",
    log:
        "results/logs/corpora/{corpus}/split_manifest.log",
    benchmark:
        "results/benchmarks/corpora/{corpus}/split_manifest.jsonl"
    params:
        shards=n_shards,
        code=code_of("split_manifest"),
    script:
        "../scripts/split_manifest.py"


rule make_folds:
    input:
        manifest=manifest_of_task,
    output:
        folds="results/corpora/folds/{task}.csv",
    log:
        "results/logs/corpora/{task}/make_folds.log",
    benchmark:
        "results/benchmarks/corpora/{task}/make_folds.jsonl"
    params:
        task=task_settings,
        augmentation=augmentation_of_task,
        code=code_of("make_folds"),
    script:
        "../scripts/make_folds.py"


rule audit_task:
    input:
        manifest=manifest_of_task,
        notes=notes_of_task,
        folds="results/corpora/folds/{task}.csv",
    output:
        audit="results/corpora/audits/{task}.json",
    log:
        "results/logs/corpora/{task}/audit_task.log",
    benchmark:
        "results/benchmarks/corpora/{task}/audit_task.jsonl"
    params:
        task=task_settings,
        min_training_speakers=min_training_speakers,
        code=code_of("audit_task"),
    script:
        "../scripts/audit_task.py"
