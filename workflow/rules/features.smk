# Audio made here must be there, but whether it changed the manifest says, utterance by utterance.
rule extract_features:
    input:
        manifest=manifest_of_shard,
        longest=longest_of_corpus,
        audio=ancient(synthesised_audio),
    output:
        archive=directory(
            "results/features/shards/{corpus}/{augmentation}/{features}/{shard}"
        ),
    log:
        "results/logs/features/shards/{corpus}/{augmentation}/{features}/{shard}/extract_features.log",
    benchmark:
        "results/benchmarks/features/shards/{corpus}/{augmentation}/{features}/{shard}/extract_features.jsonl"
    threads: extraction_threads
    params:
        root=corpus_root,
        settings=feature_settings,
        augmentation=augmentation_settings,
        code=feature_code,
    script:
        "../scripts/extract_features.py"


rule gather_features:
    input:
        shards=shards_of_archive,
    output:
        archive=directory("results/features/{corpus}/{augmentation}/{features}"),
    log:
        "results/logs/features/{corpus}/{augmentation}/{features}/gather_features.log",
    benchmark:
        "results/benchmarks/features/{corpus}/{augmentation}/{features}/gather_features.jsonl"
    params:
        code=code_of("gather_features"),
    script:
        "../scripts/gather_features.py"
