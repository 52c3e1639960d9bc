"""Which factors of speech carry emotion: published systems, from raw audio to the tables of a paper."""
