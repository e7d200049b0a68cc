"""Fault injection: builds and releases are killed, starved and damaged, again and again.

- `warm`: runs the commands in processes forked from one that has imported everything
- `injection`: makes such a process die, lose power or run out of space at a given step
- `lab`: makes builds, disturbs them from outside, and checks what must hold afterwards
- `campaign`: the faults, each a sequence of trials
- `test_faults`: a few trials of each fault, in every test run
- ``python -m tests.faults``: all trials; writes the table of `tests/faults/RESULTS.md`
"""
