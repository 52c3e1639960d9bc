"""Sections of config/figures/: one module per kind of figure."""
