"""Layers and losses of the papers, with tensors and plain arguments, independent of corpora and runs."""
