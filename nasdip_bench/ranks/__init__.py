"""Rank statistics of plain arrays: correlation, bootstrap, chance. Needs no dataset."""
