"""How often each unit was begun and not finished, kept in the build folder.

An engine whose workers can be lost counts on disk, before it hands a unit out, so that a unit that
takes the builder's own machine down is bounded too:

    attempts.json    {"attempts": {key of a run or of scores: [deaths, losses]}}

A **death** is a worker that ended while it had the unit, its machine being well: most likely the
unit's doing. A **loss** is a unit of which nothing more was heard: its node, the connection or the
builder was lost. Losses are noted when the unit is handed out, and taken back when it is known
better. Several builders on one folder count together. The file holds what is unfinished only, and
is removed when that is nothing; losing it loses counts and nothing else. Must not import torch.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from nasdip_bench.errors import BuildError
from nasdip_bench.storage.files import file_lock, write_atomic
from nasdip_bench.storage.sealed_json import parse_json, sealed, unsealed

from ...plan.units import Unit

__all__ = ["MAX_DEATHS", "MAX_LOSSES", "Attempts", "Count"]

MAX_DEATHS = 3
MAX_LOSSES = 6
"""More than deaths: losses strike whatever is in hand, and units are seldom to blame."""

FILE = "attempts.json"
_LOCK = ".attempts.lock"

logger = logging.getLogger(__name__)


class Count(NamedTuple):
    """What became of a unit's attempts.

    Attributes:
        deaths: attempts that ended with the worker's end.
        losses: attempts of which nothing more was heard.
    """

    deaths: int = 0
    losses: int = 0

    @property
    def exhausted(self) -> bool:
        """Whether the unit is to be given up."""
        return self.deaths >= MAX_DEATHS or self.losses >= MAX_LOSSES


class Attempts:
    """The counts of a build folder.

    Args:
        folder: the build folder; it need not be there before the first unit is begun.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._counts = self._read()
        self._ended: set[str] = set()

    def of(self, unit: Unit) -> Count:
        """The count of a unit: of those of its runs or scores, the highest."""
        counts = [self._counts.get(key, Count()) for key in _keys(unit)]
        return Count(max(c.deaths for c in counts), max(c.losses for c in counts))

    def begin(self, unit: Unit) -> None:
        """Note, on disk, that a unit is handed out."""
        self._add(unit, losses=1)

    def died(self, unit: Unit) -> None:
        """Note that the worker of a unit that was begun has died."""
        self._add(unit, deaths=1, losses=-1)

    def excuse(self, units: Iterable[Unit]) -> None:
        """Take back that units were begun: they were abandoned, or their node was removed.

        Without units it still writes down which have ended.
        """
        self._add(*units, losses=-1)

    def end(self, unit: Unit) -> None:
        """Forget a unit that is finished or recorded as failed; on disk with the next change."""
        self._ended.update(_keys(unit))

    def _add(self, *units: Unit, deaths: int = 0, losses: int = 0) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with file_lock(self._path.with_name(_LOCK)):
                counts = self._read()
                for key in (key for unit in units for key in _keys(unit)):
                    old = counts.get(key, Count())
                    new = Count(old.deaths + deaths, max(0, old.losses + losses))
                    counts[key] = new
                for key in [k for k, c in counts.items() if k in self._ended or c == Count()]:
                    del counts[key]
                self._write(counts)
        except OSError as error:
            raise BuildError(
                f"cannot write to the build folder {str(self._path.parent)!r}: "
                f"{error.strerror or error}; what is finished before is kept: make room and give "
                f"the same command again"
            ) from error
        self._counts, self._ended = counts, set()

    def _read(self) -> dict[str, Count]:
        try:
            found = unsealed(parse_json(self._path.read_text(encoding="utf-8")))["attempts"]
            return {key: _count(value) for key, value in found.items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
            logger.warning("%s cannot be read (%s): attempts are counted anew", self._path, error)
            return {}

    def _write(self, counts: dict[str, Count]) -> None:
        if counts:
            text = json.dumps(sealed({"attempts": counts}), indent=1) + "\n"
            write_atomic(self._path, text.encode())
        else:
            with suppress(FileNotFoundError):
                self._path.unlink()


def _keys(unit: Unit) -> list[str]:
    return ["/".join(map(str, key)) for key in (*unit.runs, *unit.scores)]


def _count(value: object) -> Count:
    match value:
        case [int(deaths), int(losses)] if deaths >= 0 and losses >= 0:
            return Count(deaths, losses)
    raise ValueError(f"{value!r} is no count of attempts")
