"""Lists as they are written on a command line. Must not import torch."""

from __future__ import annotations

import re

from nasdip_bench.errors import ConfigError

MAX_RANGE = 10_000


def split(text: str) -> list[str]:
    """Read "a, b"."""
    return [part.strip() for part in text.split(",") if part.strip()]


def integers(option: str, text: str) -> tuple[int, ...]:
    """Read "0,1,5" or "0-4".

    Args:
        option: its name, for the error.
        text: what was given.

    Raises:
        ConfigError: it is no such list.
    """
    numbers: list[int] = []
    for part in split(text):
        match = re.fullmatch(r"(\d+)(?:-(\d+))?", part)
        if match is None:
            raise ConfigError(f"{option} {text!r} is no list of numbers such as 0,1,2 or 0-2")
        first, last = int(match[1]), int(match[2] or match[1])
        if not 0 <= last - first < MAX_RANGE:
            raise ConfigError(
                f"{option} {text!r}: a range goes up, over at most {MAX_RANGE} numbers, as 0-2 does"
            )
        numbers.extend(range(first, last + 1))
    return tuple(numbers)
