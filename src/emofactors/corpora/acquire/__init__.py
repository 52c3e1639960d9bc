"""Download and unpack open corpora."""
