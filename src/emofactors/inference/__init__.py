"""Applying saved models."""
