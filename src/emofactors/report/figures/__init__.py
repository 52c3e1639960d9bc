"""Figures: one module per kind, with the name of the kind."""
