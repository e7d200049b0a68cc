"""Faults that a command inflicts on itself at one step of its work.

A step is an operation that changes the disk below a folder: a file opened for writing, a rename,
a removal, a new folder, a flush. Python announces them to audit hooks before they happen, except
flushes, which are wrapped. A limit on file size, which the system enforces in the middle of a
write, also covers what the HDF5 library writes itself.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_TAKES_SPACE = ("open", "os.mkdir", "fsync")
_CHANGES = ("os.rename", "os.remove", "os.rmdir", "os.mkdir")


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A fault.

    Attributes:
        root: the folder below which steps count.
        step: where it happens, from 1; 0 only counts the steps.
        kind: "kill"; "power", a kill that also cuts every file that was not flushed;
            "cut", a kill in the middle of the first write beyond ``size`` bytes of a file;
            "full", no space from this step on; "short", no file beyond ``size`` bytes from this
            step on; "error", an input/output error at this step alone.
        size: bytes.
        swap: whether two folders can be exchanged in one step.
    """

    root: str
    step: int = 0
    kind: str = "kill"
    size: int = 0
    swap: bool = True


class Injector:
    """Counts the steps of this process and triggers the fault; cannot be removed again.

    Args:
        fault: what to trigger.
        steps: a number shared with another process, 0 at first.
    """

    def __init__(self, fault: Fault, steps: Any) -> None:
        self.fault, self.steps = fault, steps
        self._flushed: dict[int, int] = {}
        self._before = self._files()
        self._busy = False

    def install(self) -> None:
        """Start counting."""
        real = os.fsync

        def fsync(descriptor: int) -> None:
            self._step("fsync")
            real(descriptor)
            about = os.fstat(descriptor)
            self._flushed[about.st_ino] = about.st_mtime_ns

        os.fsync = fsync  # in a process forked for this
        if not self.fault.swap:
            from nasdip_bench.builder.release import swap as publish

            publish.exchange = lambda one, other: False
        sys.addaudithook(self._heard)

    def _heard(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self._busy:
            return
        if event == "open":
            path, mode, flags = arguments
            writing = any(c in "wax+" for c in mode) if mode else bool(flags & _WRITING)
            if writing and self._inside(path):
                self._step(event)
        elif event in _CHANGES and (self._inside(arguments[0]) or arguments[-1] not in (-1, None)):
            self._step(event)

    def _inside(self, path: Any) -> bool:
        return isinstance(path, str | bytes | os.PathLike) and os.fsdecode(path).startswith(
            self.fault.root
        )

    def _step(self, event: str) -> None:
        self.steps.value += 1
        fault, steps = self.fault, self.steps.value
        if not fault.step or steps < fault.step:
            return
        if fault.kind == "full":
            if event in _TAKES_SPACE:
                raise OSError(28, "No space left on device")
        elif steps > fault.step:
            return
        elif fault.kind == "error":
            raise OSError(5, "Input/output error")
        elif fault.kind in ("cut", "short"):
            if fault.kind == "cut":
                signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
            _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
            resource.setrlimit(resource.RLIMIT_FSIZE, (fault.size, hard))
        else:
            if fault.kind == "power":
                self._busy = True
                self._lose_power()
            os.kill(os.getpid(), signal.SIGKILL)

    def _files(self) -> dict[int, int]:
        """Regular files below the folder: inode and time of the last change."""
        found = {}
        for path in Path(self.fault.root).rglob("*"):
            if path.is_file() and not path.is_symlink():
                about = path.stat()
                found[about.st_ino] = about.st_mtime_ns
        return found

    def _lose_power(self) -> None:
        """Truncate each file that this process changed and has not flushed since."""
        for path in Path(self.fault.root).rglob("*"):
            if not path.is_file() or path.is_symlink():
                continue
            about = path.stat()
            known = (self._before.get(about.st_ino), self._flushed.get(about.st_ino))
            if about.st_mtime_ns not in known:
                os.truncate(path, about.st_size // 2)
