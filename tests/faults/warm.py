"""Runs ``nasdip-build`` in a process forked from one that has imported everything.

Starting Python and importing torch takes seconds, forking a hundredth of a second, which makes
thousands of trials affordable. The forked process runs the same application with the same arguments
as the installed command, with one thread.

    python -m tests.faults.warm     # serves requests, one JSON line each
"""

from __future__ import annotations

import json
import mmap
import os
import signal
import struct
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any, NamedTuple

from tests.faults.injection import Fault, Injector

TRACEBACK = "Traceback (most recent call last)"


class Ended(NamedTuple):
    """How a command ended: status (or minus the signal number), its output, its steps."""

    status: int | None
    out: str
    err: str
    steps: int


class Running(NamedTuple):
    """A running command."""

    pid: int
    files: Path


class Warm:
    """The client: starts commands and waits for them.

    Args:
        folder: for the commands' output.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "errors").open("w") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.faults.warm"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                cwd=Path(__file__).resolve().parents[2],
                env=os.environ | {"OMP_NUM_THREADS": "1"},
            )
        self._ask({"do": "ready"})

    def close(self) -> None:
        """End the parent of the forked processes."""
        self._process.communicate()

    def start(self, *arguments: Any, fault: Fault | None = None) -> Running:
        """Start ``nasdip-build`` with these arguments, and inject a fault."""
        files = Path(tempfile.mkdtemp(dir=self._folder))
        for name in ("out", "err"):
            (files / name).touch()
        (files / "steps").write_bytes(bytes(8))
        request = {
            "do": "start",
            "arguments": [*map(str, arguments)],
            "fault": fault and fault.as_json(),
            "files": str(files),
        }
        return Running(self._ask(request)["pid"], files)

    def wait(self, running: Running, seconds: float = 120) -> Ended:
        """Wait for a command; status None if it did not end in time and was killed."""
        status = self._ask({"do": "wait", "pid": running.pid, "seconds": seconds})["status"]
        out, err = ((running.files / name).read_text(errors="replace") for name in ("out", "err"))
        (steps,) = struct.unpack("q", (running.files / "steps").read_bytes())
        for file in running.files.iterdir():
            file.unlink()
        running.files.rmdir()
        return Ended(status, out, err, steps)

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, (self._folder / "errors").read_text()
        return json.loads(answer)


def serve() -> None:
    """Answer requests from standard input until it ends."""
    from tests.faults.lab import warm_up

    channel = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    _silence()
    warm_up()
    for line in sys.stdin:
        request = json.loads(line)
        answer: dict[str, Any] = {}
        if request["do"] == "start":
            answer["pid"] = _fork(request, channel)
        elif request["do"] == "wait":
            answer["status"] = _wait(request["pid"], request["seconds"])
        channel.write(json.dumps(answer) + "\n")


def _silence() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _fork(request: dict[str, Any], channel: Any) -> int:
    pid = os.fork()
    if pid:
        return pid
    status = 70
    try:
        channel.close()
        files = Path(request["files"])
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        for number, name in ((1, "out"), (2, "err")):
            os.dup2(os.open(files / name, os.O_WRONLY | os.O_APPEND), number)
        with (files / "steps").open("r+b") as file:
            counter = mmap.mmap(file.fileno(), 8)  # survives however the process ends
        if request["fault"]:
            Injector(
                Fault(**request["fault"]), lambda steps: struct.pack_into("q", counter, 0, steps)
            ).install()
        status = call(request["arguments"])
    except KeyboardInterrupt:
        status = 130
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def call(arguments: list[str]) -> int:
    """Run ``nasdip-build`` in this process, and return its exit status."""
    from nasdip_bench.builder.cli import app
    from nasdip_bench.console.app import run

    sys.argv = ["nasdip-build", *arguments]
    return run("nasdip-build", app)


def _wait(pid: int, seconds: float) -> int | None:
    deadline = time.monotonic() + seconds
    while True:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            return None
        time.sleep(0.002)


if __name__ == "__main__":
    serve()
