"""Differences between two datasets."""
