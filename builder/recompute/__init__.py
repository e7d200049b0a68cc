"""Runs of a dataset trained again, and how far they are from it."""
