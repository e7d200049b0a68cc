"""Runs the whole campaign (``make test-faults``): all trials of all faults, and their table."""

from __future__ import annotations

import sys

from tests.faults.campaign import FAULTS, run_fault
from tests.faults.lab import Lab
from tests.tools.campaigns import run_campaign

HEAD = ["fault", "trials", "commands struck, or files damaged", "violations"]

if __name__ == "__main__":
    sys.exit(run_campaign("faults", HEAD, FAULTS, Lab, run_fault))
