"""Runs the whole campaign (``make test-faults``): all trials of all faults, and their table.

    python -m tests.faults [--seed N] [--trials N] [--only TEXT] [--no-page]

Exits with status 1 if any check failed.
"""

from __future__ import annotations

import argparse
import platform
import secrets
import sys
import tempfile
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from tests.faults.campaign import FAULTS, run_fault
from tests.faults.lab import Lab, Tally
from tests.tools.pages import replace_block

PAGE = Path(__file__).resolve().parents[1] / "faults" / "RESULTS.md"


def table(tallies: dict[str, Tally], seed: int, seconds: float) -> str:
    """The results as Markdown."""
    libraries = ", ".join(f"{name} {version(name)}" for name in ("torch", "pyarrow", "h5py"))
    lines = [
        f"{datetime.now(UTC):%Y-%m-%d}, seed {seed}, {seconds / 60:.0f} minutes; "
        f"{platform.system()}, Python {platform.python_version()}, {libraries}.",
        "",
        "| fault | trials | commands struck, or files damaged | violations |",
        "|---|---|---|---|",
    ]
    for name, tally in tallies.items():
        found = f"skipped: {tally.skipped}" if tally.skipped else len(tally.problems)
        lines.append(f"| {name} | {tally.trials} | {tally.struck} | {found} |")
    trials, struck = (sum(getattr(t, n) for t in tallies.values()) for n in ("trials", "struck"))
    problems = sum(len(tally.problems) for tally in tallies.values())
    lines.append(f"| **all** | **{trials}** | **{struck}** | **{problems}** |")
    return "\n".join(lines)


def main() -> int:
    """Run the campaign."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**31))
    parser.add_argument("--trials", type=int, help="the most trials of each fault")
    parser.add_argument("--only", default="", help="faults whose name contains this")
    parser.add_argument(
        "--no-page", action="store_true", help="leave tests/faults/RESULTS.md alone"
    )
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    started, tallies = time.monotonic(), {}
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        lab = Lab(Path(folder), options.seed)
        for name, (_, most) in FAULTS.items():
            if options.only in name:
                tallies[name] = run_fault(lab, name, min(most, options.trials or most))
                tally = tallies[name]
                print(
                    f"{time.monotonic() - started:5.0f} s  {name}: {tally.trials} trials, "
                    f"{tally.struck} struck, {len(tally.problems)} violations {tally.skipped}",
                    *tally.problems,
                    sep="\n    ",
                    flush=True,
                )
        lab.close()
    if not options.no_page:
        replace_block(PAGE, "faults", table(tallies, options.seed, time.monotonic() - started))
    return int(any(tally.problems for tally in tallies.values()))


if __name__ == "__main__":
    sys.exit(main())
