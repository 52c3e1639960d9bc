"""Settings of probes and mutual information."""

from typing import Annotated

from pydantic import Field

from emofactors.config.base import Section, Seed


class ProbeSettings(Section):
    """Probes of frozen embeddings for speaker and emotion.

    Attributes:
        folds: folds of the cross-validation over the training utterances.
        clusters: number of k-means clusters, for the mutual information of an embedding with speaker and emotion.
        permutations: number of permutations of its null distribution.
        seed: seed of folds, initial weights of the MLP, clusters and permutations.
    """

    folds: Annotated[int, Field(ge=2)] = 5
    clusters: Annotated[int, Field(ge=2)] = 10
    permutations: Annotated[int, Field(ge=1, le=1_000_000)] = 1000
    seed: Seed = 0


class InformationSettings(Section):
    """Mutual information between the clustered codes of a decomposer.

    Attributes:
        clusters: number of k-means clusters, K.
        other_clusters: further values of K.
        kmeans_seeds: number of k-means initialisations, over which the information is averaged.
        permutations: number of permutations of its null distribution.
        segment_codes: codes per segment, for clusters of segments.
        seed: seed of k-means and permutations.
    """

    clusters: Annotated[int, Field(ge=2)] = 10
    other_clusters: tuple[Annotated[int, Field(ge=2)], ...] = (5, 20)
    kmeans_seeds: Annotated[int, Field(ge=1, le=1000)] = 3
    permutations: Annotated[int, Field(ge=20, le=1_000_000)] = 200
    segment_codes: Annotated[int, Field(ge=1)] = 8
    seed: Seed = 0
