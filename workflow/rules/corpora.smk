# Compute nodes have no network.
localrules:
    download_corpus,


# The output is a mark for Snakemake; the corpus itself lies in its folder.
rule download_corpus:
    output:
        fetched="results/corpora/downloads/{corpus}.txt",
    log:
        "results/logs/corpora/{corpus}/download_corpus.log",
    benchmark:
        "results/benchmarks/corpora/{corpus}/download_corpus.jsonl"
    params:
        corpora_root=STUDY.corpora_root,
        corpus=CORPORA.download_settings,
        code=CODE.of("download_corpus"),
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
        corpus=CORPORA.settings,
        code=CODE.of("synthesize_corpus"),
    script:
        "../scripts/synthesize_corpus.py"


rule build_manifest:
    input:
        CORPORA.synthesized_audio,
    output:
        manifest="results/corpora/manifests/{corpus}.csv",
        metadata="results/corpora/manifests/{corpus}.json",
    log:
        "results/logs/corpora/{corpus}/build_manifest.log",
    benchmark:
        "results/benchmarks/corpora/{corpus}/build_manifest.jsonl"
    params:
        root=CORPORA.root,
        listing=CORPORA.listing,
        corpus=CORPORA.settings,
        code=CODE.build_manifest,
    script:
        "../scripts/build_manifest.py"


# A checkpoint, so that shards with an unchanged manifest are not extracted again in the same run.
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
        shards=CORPORA.n_shards,
        code=CODE.of("split_manifest"),
    script:
        "../scripts/split_manifest.py"


rule make_folds:
    input:
        manifest=CORPORA.manifest,
    output:
        folds="results/corpora/folds/{task}.csv",
    log:
        "results/logs/corpora/{task}/make_folds.log",
    benchmark:
        "results/benchmarks/corpora/{task}/make_folds.jsonl"
    params:
        task=CORPORA.task,
        augmentation=CORPORA.augmentation,
        code=CODE.of("make_folds"),
    script:
        "../scripts/make_folds.py"


rule audit_task:
    input:
        manifest=CORPORA.manifest,
        metadata=CORPORA.metadata,
        folds="results/corpora/folds/{task}.csv",
    output:
        audit="results/corpora/audits/{task}.json",
    log:
        "results/logs/corpora/{task}/audit_task.log",
    benchmark:
        "results/benchmarks/corpora/{task}/audit_task.jsonl"
    params:
        task=CORPORA.task,
        min_training_speakers=CORPORA.min_training_speakers,
        code=CODE.of("audit_task"),
    script:
        "../scripts/audit_task.py"
