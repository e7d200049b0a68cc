"""A worker that is none, in a module that processes import in no time."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path


class Stub:
    """Its units are paths: it fails at "fails", and dies at "dies", but only the first time."""

    def __init__(self, check: Callable[[], None] | None = None) -> None:
        pass

    def execute(self, unit: Path) -> None:
        if unit.name == "fails":
            raise ValueError(f"unit {unit.name}")
        if unit.name == "dies" and not unit.exists():
            unit.touch()
            os.kill(os.getpid(), signal.SIGKILL)
