rule extract_features:
    input:
        manifest="results/corpora/manifests/{corpus}.csv",
        audio=synthesised_audio,
    output:
        archive=directory("results/features/{corpus}/{augmentation}/{features}"),
    log:
        "results/logs/features/{corpus}/{augmentation}/{features}/extract_features.log",
    benchmark:
        "results/benchmarks/features/{corpus}/{augmentation}/{features}/extract_features.jsonl"
    threads: extraction_threads
    params:
        root=corpus_root,
        settings=feature_settings,
        augmentation=augmentation_settings,
        code=feature_code,
    script:
        "../scripts/extract_features.py"
