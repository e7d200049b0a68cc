"""Stop long work before it is done: after a signal, or at its time limit."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Interrupted(Exception):  # noqa: N818 - a request, not an error
    """Raised inside a unit to abandon it; never leaves the package."""


class Interruption:
    """The state of a request to stop.

    Args:
        time_limit: seconds from now until the work must have stopped; None for no limit.
    """

    def __init__(self, time_limit: float | None = None) -> None:
        self.signal: int | None = None
        self._deadline = None if time_limit is None else time.monotonic() + time_limit

    @property
    def remaining(self) -> float:
        """Seconds until the time limit; infinite without one."""
        return float("inf") if self._deadline is None else self._deadline - time.monotonic()

    @property
    def requested(self) -> bool:
        """Whether to abandon work in progress now."""
        return self.signal is not None or self.remaining <= 0

    def check(self) -> None:
        """Raise `Interrupted` if a stop is requested."""
        if self.requested:
            raise Interrupted

    @contextmanager
    def handling_signals(self) -> Iterator[None]:
        """Take SIGINT and SIGTERM as requests to stop; a second one acts as if unhandled."""
        before = {s: signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)}

        def note(number: int, frame: FrameType | None) -> None:
            self.signal = number
            for s, handler in before.items():
                signal.signal(s, handler)

        for s in before:
            signal.signal(s, note)
        try:
            yield
        finally:
            for s, handler in before.items():
                signal.signal(s, handler)
