"""Figures, a module a kind."""
