"""Progress of long work, with its rate and an estimate of the time left, on stderr."""

from __future__ import annotations

import re
import sys
import time

from nasdip_bench.errors import ConfigError

_SECONDS_BETWEEN_LINES = 30.0
_SECONDS_BETWEEN_REDRAWS = 0.5


def duration(seconds: float) -> str:
    """Seconds for a reader: "40 s", "12 min", "3 h 20 min", "2 d 5 h"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes:02d} min"
    return f"{hours // 24} d {hours % 24} h"


def parse_duration(text: str, what: str = "time limit") -> float:
    """Seconds of "90s", "9m", "0.5h", "1h30m" or a plain number of seconds.

    Args:
        text: as the user gave it.
        what: what it is, for the message.

    Raises:
        ConfigError: it has another form, such as "1h30", or is not above zero.
    """
    number = r"(\d+(?:\.\d+)?)"
    plain = re.fullmatch(number, text.strip())
    units = re.fullmatch(rf"(?:{number}h)?(?:{number}m(?:in)?)?(?:{number}s)?", text.strip())
    parts = units.groups() if units else (0, 0, plain and plain[1])
    seconds = sum(float(part or 0) * unit for part, unit in zip(parts, (3600, 60, 1), strict=True))
    if not seconds > 0:
        raise ConfigError(f"{what} {text!r} is not a duration above 0 such as 90s, 9m or 1h30m")
    return seconds


class Progress:
    """Reports progress: one line that is redrawn on a terminal, else a line now and then.

    Args:
        units: number of units to do.
        cost: their total predicted cost, in any unit.
    """

    def __init__(self, units: int, cost: float) -> None:
        self._stream = sys.stderr
        self._units, self._cost = units, cost
        self._done, self._done_cost = 0, 0.0
        self._written = False
        self._started = self._shown = time.monotonic()
        self._live = self._stream.isatty()

    def begin(self) -> None:
        """Say how many units there are: the first may take hours."""
        if self._units:
            self._write(f"0/{self._units} units")

    def finished(self, cost: float, what: str, *, whole: bool = True) -> None:
        """Count a finished unit, or a part of one; ``whole`` if that finishes it."""
        self._done += whole
        self._done_cost += cost
        now = time.monotonic()
        interval = _SECONDS_BETWEEN_REDRAWS if self._live else _SECONDS_BETWEEN_LINES
        if now - self._shown >= interval or self._done == self._units:
            self._shown = now
            self._show(what)

    def close(self) -> None:
        """End the line on a terminal."""
        if self._live and self._written:
            self._stream.write("\n")

    def _show(self, what: str) -> None:
        elapsed = time.monotonic() - self._started
        rate = self._done / elapsed * 60 if elapsed else 0.0
        left = elapsed / self._done_cost * max(0.0, self._cost - self._done_cost)
        self._write(
            f"{self._done}/{self._units} units, {rate:.1f} a minute, "
            f"{duration(left)} left; last: {what}"
        )

    def _write(self, line: str) -> None:
        self._written = True
        self._stream.write(f"\r\x1b[K{line[:160]}" if self._live else f"{line}\n")
        self._stream.flush()
