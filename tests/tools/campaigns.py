"""What the campaigns of `tests.faults` and `tests.fuzz` share: counts, command and page."""

from __future__ import annotations

import argparse
import platform
import secrets
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Protocol, TypeVar

from tests.tools import pages

PAGE = Path(__file__).resolve().parents[1] / "faults" / "RESULTS.md"


@dataclass
class Tally:
    """What came of the trials of a kind.

    Attributes:
        trials: how many.
        struck: what the trials did harm to: commands, files or readers.
        problems: what should not have happened, one sentence each.
        skipped: why there were no trials.
    """

    trials: int = 0
    struck: int = 0
    problems: list[str] = field(default_factory=list)
    skipped: str = ""

    def expect(self, holds: bool, what: str) -> None:
        """Record a problem unless a condition holds."""
        if not holds:
            self.problems.append(what)


class Place(Protocol):
    """Where the trials happen."""

    def close(self) -> None:
        """End what runs there."""


Arena = TypeVar("Arena", bound=Place)


def run_campaign(
    block: str,
    head: list[str],
    kinds: Iterable[str],
    make: Callable[[Path, int], Arena],
    run: Callable[[Arena, str], Tally],
) -> int:
    """The command: runs all trials of all kinds and writes the table of the page.

    Args:
        block: what the table's place on the page is called.
        head: of the table, four columns.
        kinds: their names, which are the rows.
        make: what the trials need, from a folder and a seed.
        run: runs the trials of a kind.

    Returns:
        1 if any check failed.
    """
    parser = argparse.ArgumentParser(prog=f"python -m tests.{block}")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**31))
    parser.add_argument("--only", help="kinds whose name has this; leaves the page as it is")
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    started, tallies = time.monotonic(), {}
    with tempfile.TemporaryDirectory(prefix=f"{block}-") as folder:
        arena = make(Path(folder), options.seed)
        for name in kinds:
            if (options.only or "") not in name:
                continue
            tallies[name] = tally = run(arena, name)
            print(
                f"{time.monotonic() - started:5.0f} s  {name}: {tally.trials} trials, "
                f"{tally.struck} struck, {len(tally.problems)} violations {tally.skipped}",
                *tally.problems,
                sep="\n    ",
                flush=True,
            )
        arena.close()
    if options.only is None:
        text = results(tallies, head, options.seed, time.monotonic() - started)
        pages.replace_block(PAGE, block, text)
    return int(any(tally.problems for tally in tallies.values()))


def results(tallies: dict[str, Tally], head: list[str], seed: int, seconds: float) -> str:
    """The results as Markdown."""
    libraries = ", ".join(f"{name} {version(name)}" for name in ("torch", "pyarrow", "h5py"))
    rows = [
        [name, tally.trials, tally.struck, f"skipped: {tally.skipped}" if tally.skipped else found]
        for name, tally in tallies.items()
        for found in [len(tally.problems)]
    ]
    sums = [sum(row[column] for row in rows) for column in (1, 2)]
    problems = sum(len(tally.problems) for tally in tallies.values())
    body = [[*map(str, row)] for row in rows]
    body.append([f"**{cell}**" for cell in ("all", *sums, problems)])
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, seed {seed}, {seconds / 60:.0f} minutes; "
        f"{platform.system()}, Python {platform.python_version()}, {libraries}.\n\n"
        + pages.table(head, body)
    )
