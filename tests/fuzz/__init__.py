"""Fuzzing: damaged releases, and any values in sound ones, and what readers make of them.

- `ask`: questions to a dataset
- `test_fuzz`: damaged files, and properties by Hypothesis
"""
