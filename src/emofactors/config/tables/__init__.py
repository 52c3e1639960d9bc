"""Sections of config/tables/: one module per kind of table."""
