"""Layers and losses of the papers: tensors and flat arguments, nothing of corpora or runs."""
