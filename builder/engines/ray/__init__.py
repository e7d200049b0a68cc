"""Runs work units on a Ray cluster (optional extra)."""
