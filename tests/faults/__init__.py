"""Fault injection: builds and releases that are killed, starved and damaged, again and again.

- `warm`: the commands in processes that are forked from one that has imported everything
- `injection`: what such a process does to itself: die, lose power, run out of space, at a step
- `lab`: builds, what is done to them from outside, and what must hold afterwards
- `campaign`: the faults, each a sequence of trials
- `test_faults`: a few trials of each, for every run of the tests
- ``python -m tests.faults``: all trials; writes the table of `tests/faults/RESULTS.md`
"""
