"""Runs ``nasdip-build`` in processes forked from one that has imported everything.

Starting Python and importing torch takes seconds, forking a hundredth of a second, which makes
thousands of trials affordable. The forked process runs the same application with the same arguments
as the installed command, with one thread.
"""

from __future__ import annotations

import multiprocessing
import os
import shutil
import sys
import tempfile
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any, NamedTuple

from nasdip_bench.builder.cli import app
from nasdip_bench.console.app import run
from tests.faults.injection import Fault, Injector

TRACEBACK = "Traceback (most recent call last)"

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["pytest", "tests.faults.warm"])


class Ended(NamedTuple):
    """How a command ended: status (or minus the signal number), its messages, its steps."""

    status: int | None
    err: str
    steps: int


class Running(NamedTuple):
    """A running command."""

    process: ForkServerProcess
    files: Path
    steps: Any


def start(folder: Path, *arguments: Any, fault: Fault | None = None) -> Running:
    """Start ``nasdip-build``, with its output in a folder, and inject a fault."""
    files = Path(tempfile.mkdtemp(dir=folder))
    steps = _CONTEXT.RawValue("q")  # shared: survives however the process ends
    given = ([*map(str, arguments)], files, fault, steps)
    process = _CONTEXT.Process(target=_carry_out, args=given)
    process.start()
    return Running(process, files, steps)


def wait(running: Running, seconds: float = 120) -> Ended:
    """Wait for a command; status None if it did not end in time and was killed."""
    process, files, steps = running
    process.join(seconds)
    status = process.exitcode
    process.kill()
    process.join()
    err = (files / "err").read_text(errors="replace") if (files / "err").exists() else ""
    shutil.rmtree(files)
    return Ended(status, err, steps.value)


def _carry_out(arguments: list[str], files: Path, fault: Fault | None, steps: Any) -> None:
    for number, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(files / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND), number)
    if fault:
        Injector(fault, steps).install()
    sys.exit(call(arguments))


def call(arguments: list[str]) -> int:
    """Run ``nasdip-build`` in this process, and return its exit status."""
    sys.argv = ["nasdip-build", *arguments]
    return run("nasdip-build", app)
