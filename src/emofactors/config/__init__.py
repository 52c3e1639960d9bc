"""Typed, frozen sections of the configuration."""
