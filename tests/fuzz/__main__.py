"""The whole fuzzing campaign (a part of ``make test-faults``), and the table of it.

    python -m tests.fuzz [--seed N] [--cases N] [--no-page]

Ends with status 1 if anything happened that should not.
"""

from __future__ import annotations

import argparse
import secrets
import sys
import tempfile
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from tests.fuzz.campaign import KINDS, Arena, Count
from tests.tools.pages import replace_block

PAGE = Path(__file__).resolve().parents[1] / "faults" / "RESULTS.md"


def table(counts: dict[str, Count], seed: int, seconds: float) -> str:
    """The results as Markdown."""
    libraries = ", ".join(f"{name} {version(name)}" for name in ("pyarrow", "h5py", "numpy"))
    lines = [
        f"{datetime.now(UTC):%Y-%m-%d}, seed {seed}, {seconds / 60:.0f} minutes; {libraries}.",
        "",
        "| releases | cases | refused in part or whole | violations |",
        "|---|---|---|---|",
    ]
    for name, count in counts.items():
        lines.append(f"| {name} | {count.cases} | {count.errors} | {len(count.problems)} |")
    cases, errors = (sum(getattr(c, n) for c in counts.values()) for n in ("cases", "errors"))
    problems = sum(len(count.problems) for count in counts.values())
    lines.append(f"| **all** | **{cases}** | **{errors}** | **{problems}** |")
    return "\n".join(lines)


def main() -> int:
    """Run the campaign."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**31))
    parser.add_argument("--cases", type=int, help="the most of each kind")
    parser.add_argument(
        "--no-page", action="store_true", help="leave tests/faults/RESULTS.md alone"
    )
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    started, counts = time.monotonic(), {}
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        arena = Arena(Path(folder), options.seed)
        for name, (make, most) in KINDS.items():
            counts[name] = count = make(arena, min(most, options.cases or most))
            print(
                f"{time.monotonic() - started:5.0f} s  {name}: {count.cases} cases, "
                f"{count.errors} refused, {len(count.problems)} violations",
                *count.problems,
                sep="\n    ",
                flush=True,
            )
        arena.close()
    if not options.no_page:
        replace_block(PAGE, "fuzz", table(counts, options.seed, time.monotonic() - started))
    return int(any(count.problems for count in counts.values()))


if __name__ == "__main__":
    sys.exit(main())
