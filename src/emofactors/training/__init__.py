"""Training: fit systems and write what they predict."""
