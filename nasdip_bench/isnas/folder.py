"""The folder where a search keeps finished work, so that it can resume after any interruption.

search.json       the settings of ranking and cohort; a different search is rejected
scores.csv        architecture,score,check of the candidates so far
trained/<purpose>-<architecture>.npz   a finished fit: output and curves

The stopping rule may change: ranking and cohort do not depend on it, and each rule has its own
restoration.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from nasdip_bench.errors import ArchitectureError, ConfigError
from nasdip_bench.space import Architecture
from nasdip_bench.storage.files import sha256_bytes, write_atomic
from nasdip_bench.storage.npz import read_npz, write_npz
from nasdip_bench.storage.sealed_json import read_sealed, sealed_text

from .ranking import Ranked
from .training import Trained

_SETTINGS = "search.json"
_SCORES = "scores.csv"
_FREE = "stop"
"""The setting that may change."""
_HEADING = "architecture,score,check"
_SECONDS_BETWEEN_WRITES = 5.0


class SearchFolder:
    """The folder of one search.

    Args:
        path: the folder; created, or resumed.
        asked: everything that determines the results of the search, as JSON.

    Raises:
        ConfigError: the folder holds another search, or cannot be written.
    """

    def __init__(self, path: Path, asked: Mapping[str, Any]) -> None:
        self.path = path
        self._scores: dict[Architecture, float] = {}
        self._written = time.monotonic()
        try:
            (path / "trained").mkdir(parents=True, exist_ok=True)
            if not resumes(path, asked):
                kept = {name: value for name, value in asked.items() if name != _FREE}
                write_atomic(path / _SETTINGS, sealed_text(kept).encode())
        except OSError as error:
            raise ConfigError(
                f"cannot write to the folder {str(path)!r}: {error.strerror or error}; name "
                f"another with --out"
            ) from error

    # Scores

    def scores(self) -> dict[Architecture, float]:
        """The known scores; damaged lines are left out, and so computed again."""
        path = self.path / _SCORES
        text = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
        for line in text.splitlines()[1:]:
            known, _, check = line.rpartition(",")
            if check != _check(known):
                continue
            name, _, value = known.partition(",")
            try:
                self._scores[Architecture.parse(name)] = float(value)
            except (ArchitectureError, ValueError):
                continue
        return dict(self._scores)

    def keep_score(self, one: Ranked) -> None:
        """Note a score; it is written some seconds later, or by `flush`."""
        self._scores[one.architecture] = one.score
        if time.monotonic() - self._written > _SECONDS_BETWEEN_WRITES:
            self.flush()

    def flush(self) -> None:
        """Write the noted scores."""
        known = [f"{arch},{value!r}" for arch, value in self._scores.items()]
        lines = [_HEADING, *(f"{line},{_check(line)}" for line in known)]
        write_atomic(self.path / _SCORES, ("\n".join(lines) + "\n").encode())
        self._written = time.monotonic()

    # Fits

    def trained(self, purpose: str, arch: Architecture) -> Trained | None:
        """A finished fit, or None if there is no file or it is damaged."""
        arrays = read_npz(self._fit(purpose, arch)) or {}
        values: dict[str, Any] = {n: a if a.ndim else a.item() for n, a in arrays.items()}
        names = {field.name for field in fields(Trained)}
        return Trained(**values) if values.keys() == names else None

    def keep_trained(self, purpose: str, arch: Architecture, fit: Trained) -> None:
        """Write a finished fit; when this returns, it is on disk."""
        write_npz(self._fit(purpose, arch), vars(fit))

    def _fit(self, purpose: str, arch: Architecture) -> Path:
        return self.path / "trained" / f"{purpose}-{arch}.npz"


def resumes(path: Path, asked: Mapping[str, Any]) -> bool:
    """Whether a folder holds this search; writes nothing.

    Args:
        path: the folder; it need not exist.
        asked: everything that determines the results of the search, as JSON.

    Raises:
        ConfigError: the folder holds another search, or one that cannot be read.
        OSError: the folder cannot be read.
    """
    settings = path / _SETTINGS
    if not settings.exists():
        return False
    try:
        found = read_sealed(settings.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ConfigError(
            f"{str(settings)!r} cannot be read ({error}): name another folder with --out"
        ) from error
    found.setdefault("protocol_version", 1)  # the only version before it was noted
    wanted = json.loads(json.dumps(dict(asked)))
    names = (wanted.keys() | found.keys()) - {_FREE}
    differing = sorted(name for name in names if wanted.get(name) != found.get(name))
    if differing:
        name = differing[0]
        raise ConfigError(
            f"{str(path)!r} holds a search with {name} {found.get(name)!r}, now "
            f"{wanted.get(name)!r} is asked for: name another folder with --out, or remove it"
        )
    return True


def kept_in(path: Path) -> tuple[int, int]:
    """How many fits and score lines a search folder holds; it need not exist."""
    scores = path / _SCORES
    lines = scores.read_bytes().count(b"\n") if scores.exists() else 0
    return len(list(path.glob("trained/*.npz"))), lines


def _check(line: str) -> str:
    """Check value that ends a line: eight digits of the SHA-256 of the text before it."""
    return sha256_bytes(line.encode())[:8]
