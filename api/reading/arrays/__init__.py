"""Runs, scores, curves and stops of a release as dense arrays."""
