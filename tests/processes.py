"""Processes that tests start: what Linux says of them, and waiting for what they do."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

BUILD = [sys.executable, "-c", "from nasdip_bench.builder.cli import main; main()"]
"""``nasdip-build`` in a process of its own."""


class Stat(NamedTuple):
    """What is known of a running process: its state is a letter, T if it is stopped."""

    state: str
    parent: int
    group: int


def stat(pid: int) -> Stat | None:
    """None of a process that has ended, waited for or not."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    # After the name, which is in parentheses.
    state, parent, group, *_ = text.rpartition(")")[2].split()
    return None if state == "Z" else Stat(state, int(parent), int(group))


def alive(pid: int) -> bool:
    return stat(pid) is not None


def processes() -> dict[int, Stat]:
    """All that run."""
    pids = [int(path.name) for path in Path("/proc").glob("[0-9]*")]
    return {pid: found for pid in pids if (found := stat(pid))}


def title(pid: int) -> str:
    """The command line of a process."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ").strip()
    except OSError:
        return ""


def descendants(pid: int) -> dict[int, str]:
    """Processes that a process has started, however indirectly, with their titles."""
    there, found = processes(), {pid}
    while more := {one for one, facts in there.items() if facts.parent in found} - found:
        found |= more
    return {one: title(one) for one in found - {pid}}


def wait_until(
    holds: Callable[[], bool],
    process: subprocess.Popen[str] | None = None,
    seconds: float = 120,
) -> None:
    """Wait until something holds, which a process that goes on brings about if one is given."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert process is None or process.poll() is None or holds(), process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)
