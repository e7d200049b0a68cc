"""Writes results after every row, so that a run that is cut short keeps what it measured."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from nasdip_bench.storage.files import write_atomic


class Results:
    """The results of a run of the harness, in a JSON file.

    Args:
        out: the file.
        seconds: after which no measurement is started; None for no limit.

    Attributes:
        content: the content of the file: one list per section, and facts.
    """

    def __init__(self, out: Path, seconds: float | None = None) -> None:
        self.content: dict[str, Any] = {}
        self._out = out
        self._started = time.monotonic()
        self._seconds = seconds
        out.parent.mkdir(parents=True, exist_ok=True)

    def set(self, **facts: Any) -> None:
        """Record facts."""
        self.content |= facts
        self.content["seconds"] = time.monotonic() - self._started
        write_atomic(self._out, (json.dumps(self.content, indent=1) + "\n").encode())

    def add(self, section: str, *rows: dict[str, Any]) -> None:
        """Record rows of a section."""
        self.set(**{section: [*self.content.get(section, []), *rows]})

    def over(self, share: float = 1.0) -> bool:
        """Whether a share of the time has passed."""
        if self._seconds is None:
            return False
        return time.monotonic() - self._started > share * self._seconds

    def cut(self, section: str) -> None:
        """Record that a section is incomplete for lack of time."""
        self.set(cut=[*self.content.get("cut", []), section])
