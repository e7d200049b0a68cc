"""Reads ``--architectures``: a number of the paper's architectures, or a file."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from nasdip_bench.errors import ArchitectureError, ConfigError
from nasdip_bench.space import Architecture
from nasdip_bench.space.paper_lists import PAPER_ARCHITECTURES, paper_architectures


def read_architectures(text: str) -> tuple[Architecture, ...]:
    """Read the architectures given by ``--architectures``.

    Args:
        text: a count (the first of the paper's 522), or the path of a CSV file with lines
            ``cell,skip`` or ``cell,skip,dilation``, with or without a header, in order.

    Raises:
        ConfigError: the count is out of range, or the file is unreadable or has no architectures.
        ArchitectureError: a line is not a valid architecture; the message gives file and line.
    """
    if text.isdecimal():
        count = int(text)
        if not 1 <= count <= PAPER_ARCHITECTURES:
            raise ConfigError(
                f"{text} architectures are asked for, the paper has {PAPER_ARCHITECTURES}; give a "
                f"number in 1..{PAPER_ARCHITECTURES}, or a CSV file of others"
            )
        return tuple(paper_architectures(count))
    path = Path(text)
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = [(number, row) for number, row in enumerate(csv.reader(file), 1) if any(row)]
    except FileNotFoundError:
        raise ConfigError(
            f"--architectures {text!r} is neither a number (such as {PAPER_ARCHITECTURES}) nor a "
            f"file; give one of the two"
        ) from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"cannot read architectures from {text!r}: {error}") from error
    if rows and rows[0][1][0].strip().lower() in ("cell", "architecture"):
        rows = rows[1:]
    if not rows:
        raise ConfigError(f"{text!r} holds no architectures; give lines 'cell,skip'")
    return tuple(_read_line(row, f"{text}, line {number}") for number, row in rows)


def _read_line(row: Sequence[str], where: str) -> Architecture:
    fields = [field.strip() for field in row]
    try:
        if len(fields) == 1:
            return Architecture.parse(fields[0])
        numbers = [fields[0], *fields[2:]]
        if len(fields) > 3 or not all(field.isdecimal() for field in numbers):
            raise ArchitectureError(f"{','.join(row)!r} is not 'cell,skip' or 'cell,skip,dilation'")
        return Architecture(int(fields[0]), fields[1], *map(int, fields[2:]))
    except ArchitectureError as error:
        raise ArchitectureError(f"{where}: {error}") from error
