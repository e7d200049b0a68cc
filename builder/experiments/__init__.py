"""Runs the comparison of Tables 2 and 3."""
