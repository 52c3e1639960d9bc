"""Checking a user's own corpus and drafting its first study."""
