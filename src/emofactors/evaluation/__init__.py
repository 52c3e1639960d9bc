"""Evaluate predictions, embeddings and codes: metrics, intervals, probes and mutual information."""
