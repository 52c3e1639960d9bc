"""Scores of predictions: metrics, their intervals, and what embeddings tell of the factors."""
