"""Trains runs of a dataset again and compares them with it."""
