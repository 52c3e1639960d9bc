"""Read and write files; every file is written atomically."""
