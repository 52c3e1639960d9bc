from types import SimpleNamespace

import pytest

from emofactors.plan.features import FeaturesPlan


@pytest.fixture
def sharded(study_of):
    """The plan of a study whose corpus has three shards."""
    split = SimpleNamespace(shards="results/corpora/shards/emodb", longest="results/corpora/longest/emodb.txt")
    checkpoint = SimpleNamespace(get=lambda corpus: SimpleNamespace(output=split))
    study = study_of("emodb_transfer_quick", corpora={"emodb": {"shards": 3}})
    return FeaturesPlan(study, SimpleNamespace(split_manifest=checkpoint))


def test_a_corpus_of_one_shard_is_not_divided(default_study, wildcards):
    plan = FeaturesPlan(default_study, checkpoints=None)
    job = wildcards(corpus="synthetic", augmentation="original", features="log_mel_64x64", shard="0")
    assert plan.manifest_of_shard(job) == "results/corpora/manifests/synthetic.csv"
    assert plan.longest_of_corpus(job) == []
    assert plan.shards(job) == ["results/features/shards/synthetic/original/log_mel_64x64/0"]
    assert plan.threads(job) == 1


def test_shards_have_manifests_and_images_the_longest_duration(sharded, wildcards):
    (image, *_) = [
        name for name, features in sharded._study.features.items() if getattr(features, "pad_to_longest", 0)
    ]
    job = wildcards(corpus="emodb", augmentation="original", features=image, shard="2")
    assert sharded.manifest_of_shard(job) == "results/corpora/shards/emodb/2.csv"
    assert sharded.longest_of_corpus(job) == "results/corpora/longest/emodb.txt"
    assert len(sharded.shards(job)) == 3
    assert sharded.threads(job) == 2


def test_original_utterances_have_no_augmentation(default_study, wildcards):
    plan = FeaturesPlan(default_study, checkpoints=None)
    assert plan.augmentation(wildcards(augmentation="original")) is None
    assert plan.augmentation(wildcards(augmentation="noise_shift_speed"))["seed"] >= 0
    assert plan.settings(wildcards(features="f0"))["kind"] == "f0"
