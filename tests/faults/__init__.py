"""Fault injection: builds and releases are killed and starved, again and again.

- `commands`: runs the commands in processes forked from one that has imported everything, `warm`
- `injection`: makes such a process die, lose power or run out of space at a given step
- `lab`: makes builds, and checks what must hold after a fault
- `test_faults`: a step or two of each fault; with ``--slow`` all steps (``make test-faults``)
"""
