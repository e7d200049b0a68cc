"""Runs the whole campaign (``make test-faults``): all cases of all kinds, and their table."""

from __future__ import annotations

import sys

from tests.fuzz.campaign import KINDS, Arena, run_kind
from tests.tools.campaigns import run_campaign

HEAD = ["releases", "cases", "refused in part or whole", "violations"]

if __name__ == "__main__":
    sys.exit(run_campaign("fuzz", HEAD, KINDS, Arena, run_kind))
