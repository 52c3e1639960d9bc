"""Settings of intervals, probes and mutual information."""

from typing import Annotated

from pydantic import Field

from emofactors.config.base import Section, Seed


class IntervalSettings(Section):
    """Confidence intervals: resampling of speakers.

    Attributes:
        resamples: draws of speakers; also random swaps of a randomisation test.
        seed: of the draws.
    """

    resamples: Annotated[int, Field(ge=100, le=1_000_000)] = 10_000
    seed: Seed = 0


class ProbeSettings(Section):
    """How frozen embeddings are probed for speaker and emotion.

    Attributes:
        folds: parts of the training utterances, each predicted by a probe that learnt from the others.
        clusters: of k-means, for the mutual information of an embedding with speaker and emotion.
        permutations: of its null.
        seed: of parts, of an MLP's first weights, of clusters and permutations.
    """

    folds: Annotated[int, Field(ge=2)] = 5
    clusters: Annotated[int, Field(ge=2)] = 10
    permutations: Annotated[int, Field(ge=1, le=1_000_000)] = 1000
    seed: Seed = 0


class InformationSettings(Section):
    """How the codes of a decomposer are clustered, and what their clusters share.

    Attributes:
        clusters: of k-means, K.
        other_clusters: other K that are tried beside.
        kmeans_seeds: runs of k-means from other starts, over which the information is averaged.
        permutations: of its null.
        segment_codes: codes of a segment, where whole segments are clustered.
        seed: of k-means and permutations.
    """

    clusters: Annotated[int, Field(ge=2)] = 10
    other_clusters: tuple[Annotated[int, Field(ge=2)], ...] = (5, 20)
    kmeans_seeds: Annotated[int, Field(ge=1, le=1000)] = 3
    permutations: Annotated[int, Field(ge=20, le=1_000_000)] = 200
    segment_codes: Annotated[int, Field(ge=1)] = 8
    seed: Seed = 0
