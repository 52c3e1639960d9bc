"""Corpora: manifests, splits, audits, audio."""
