"""Metrics, intervals and tests: arrays in, numbers out."""
