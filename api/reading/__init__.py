"""A release in memory: runs, scores, curves, records. All else in api/ stands on it."""
