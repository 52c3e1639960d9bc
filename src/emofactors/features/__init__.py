"""Spectrograms of a corpus: from audio on disk to an archive that trainings read."""
