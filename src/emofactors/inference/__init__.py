"""Inference: apply trained systems to held-out utterances, other corpora and new audio."""
