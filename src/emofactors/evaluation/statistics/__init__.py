"""Statistics of arrays: metrics, intervals, tests and mutual information."""
