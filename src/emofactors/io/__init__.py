"""Reading and writing files: each whole or not at all."""
