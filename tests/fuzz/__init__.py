"""Fuzzing: releases that are damaged or made to harm, and what readers make of them.

- `ask`: questions to a dataset by library and by command, in a process of its own
- `damage`: files with turned bits, cut, or with hostile content and consistent hashes
- `campaign`: the kinds of cases, each with what must hold
- `test_fuzz`: a few cases of each kind, for every run of the tests, and properties by Hypothesis
- ``python -m tests.fuzz``: 8,300 cases; writes the table of `tests/faults/RESULTS.md`
"""
