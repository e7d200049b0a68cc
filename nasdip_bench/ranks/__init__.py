"""Rank statistics of plain arrays: correlation, bootstrap, chance. Knows no dataset."""
