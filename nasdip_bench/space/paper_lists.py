"""Architectures published by the paper's authors: the 522 trained, and the ranked candidates.

Source: ``benchmark/models.csv`` and ``random_search/models_generated.lst`` of the released code of
ISNAS-DIP (MIT licence, Copyright (c) 2022 Özgür Kara; ``paper_lists.LICENSE``). None of the
candidates is among the 522.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from nasdip_bench.errors import check_whole

from .architecture import Architecture, sample_architectures
from .cells import VALID_CELLS

PAPER_ARCHITECTURES = 522
"""Number of architectures that the authors trained."""

PAPER_CANDIDATES = 4592
"""Number of the authors' 5,000 ranked candidates that can be built."""


def paper_architectures(count: int = PAPER_ARCHITECTURES) -> list[Architecture]:
    """The first of the 522 architectures that the paper's authors trained.

    The list is unordered, so its beginning is a random sample. Row i of a release is line i of the
    list.

    Args:
        count: how many, 1 to 522.

    Raises:
        ConfigError: a count outside this range.

    Example:
        >>> str(paper_architectures(1)[0])
        '172-0000011001001001100111101'
    """
    check_whole("number of architectures", count, 1, PAPER_ARCHITECTURES, note=", the paper's")
    return list(_read("paper_architectures.csv")[:count])


def candidate_architectures(count: int = PAPER_CANDIDATES) -> list[Architecture]:
    """The architectures that a search ranks.

    Args:
        count: how many, at least 1. Up to 4,592, the first of the paper's candidates in its order;
            above that, a seeded draw (`nasdip_bench.space.sample_architectures`).

    Raises:
        ConfigError: the count is not a whole number above 0.

    Example:
        >>> str(candidate_architectures(1)[0])
        '53-1000110110000001010101110'
    """
    check_whole("number of candidates", count, 1)
    if count > PAPER_CANDIDATES:
        return sample_architectures(count, purpose="candidates")
    return list(_read("paper_candidates.csv")[:count])


@cache
def _read(name: str) -> tuple[Architecture, ...]:
    """The architectures of a ``cell,skip`` file; those that cannot be built are left out."""
    lines = Path(__file__).with_name(name).read_text(encoding="utf-8").splitlines()
    rows = [line.split(",") for line in lines if not line.startswith("#")][1:]
    return tuple(Architecture(int(cell), skip) for cell, skip in rows if int(cell) in VALID_CELLS)
