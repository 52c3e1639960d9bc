"""Downloading and unpacking open corpora."""
