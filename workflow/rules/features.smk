# Synthesized audio must exist; whether an utterance changed follows from the manifest.
rule extract_features:
    input:
        manifest=FEATURES.manifest_of_shard,
        longest=FEATURES.longest_of_corpus,
        audio=ancient(CORPORA.synthesized_audio),
    output:
        archive=directory(
            "results/features/shards/{corpus}/{augmentation}/{features}/{shard}"
        ),
    log:
        "results/logs/features/shards/{corpus}/{augmentation}/{features}/{shard}/extract_features.log",
    benchmark:
        "results/benchmarks/features/shards/{corpus}/{augmentation}/{features}/{shard}/extract_features.jsonl"
    threads: FEATURES.threads
    params:
        root=CORPORA.root,
        settings=FEATURES.settings,
        augmentation=FEATURES.augmentation,
        code=CODE.extract_features,
    script:
        "../scripts/extract_features.py"


rule gather_features:
    input:
        shards=FEATURES.shards,
    output:
        archive=directory("results/features/{corpus}/{augmentation}/{features}"),
    log:
        "results/logs/features/{corpus}/{augmentation}/{features}/gather_features.log",
    benchmark:
        "results/benchmarks/features/{corpus}/{augmentation}/{features}/gather_features.jsonl"
    params:
        code=CODE.of("gather_features"),
    script:
        "../scripts/gather_features.py"
