"""Read lists from a command line."""

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
        ConfigError: the text is not such a list.
    """
    numbers: list[int] = []
    for part in split(text) or [""]:
        match = re.fullmatch(r"(\d+)(?:-(\d+))?", part)
        if match is None:
            raise ConfigError(f"{option} {text!r} is not a list of numbers such as 0,1,2 or 0-2")
        first, last = int(match[1]), int(match[2] or match[1])
        if not 0 <= last - first < MAX_RANGE:
            raise ConfigError(
                f"{option} {text!r}: a range must ascend over at most {MAX_RANGE} numbers, like 0-2"
            )
        numbers.extend(range(first, last + 1))
    return tuple(numbers)
