"""Intermediate results that scores share, computed once, with what each alone would have cost."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

__all__ = ["Parts"]

_Value = TypeVar("_Value")


class Parts:
    """Intermediate results of scores, each computed once, with the seconds that each took."""

    def __init__(self) -> None:
        self._known: dict[Hashable, tuple[Any, float]] = {}
        self._used: set[Hashable] = set()
        self._saved = 0.0

    def get(self, key: Hashable, compute: Callable[[], _Value]) -> _Value:
        """A part. What computes it takes the parts that it needs itself from outside."""
        if key not in self._known:
            started = time.perf_counter()
            value = compute()
            self._known[key] = value, time.perf_counter() - started
        elif key not in self._used:
            self._saved += self._known[key][1]
        self._used.add(key)
        found: _Value = self._known[key][0]
        return found

    def timed(self, evaluate: Callable[[], float]) -> tuple[float, float]:
        """A score, and the seconds that it takes alone: those of parts found ready count, too."""
        self._used.clear()
        self._saved = 0.0
        started = time.perf_counter()
        value = evaluate()
        return value, time.perf_counter() - started + self._saved
