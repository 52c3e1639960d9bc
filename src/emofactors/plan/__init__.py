"""Plan a study: which files, settings and code each rule needs."""
