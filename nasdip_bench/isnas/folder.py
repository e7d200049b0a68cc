"""The folder where a search keeps finished work, so that it can resume after any interruption.

search.json       the settings of ranking and cohort; a different search is rejected
scores-<score>.npz   the scores of the candidates so far
trained/<purpose>-<architecture>-<seed>.npz   a finished fit: output and curves

The stopping rule may change: ranking and cohort do not depend on it, and each rule has its own
restoration.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import Any

from nasdip_bench.errors import ConfigError
from nasdip_bench.space import Architecture
from nasdip_bench.storage.arrays import read_npz, write_npz
from nasdip_bench.storage.files import write_atomic
from nasdip_bench.storage.sealed_json import read_sealed, sealed_text

from .training import Trained

_SETTINGS = "search.json"
_FREE = "stop"
"""The setting that may change."""


class SearchFolder:
    """The finished work of searches that differ only in score, selection, selector and seed.

    Nothing is checked here: see `claimed` for a folder that belongs to one search.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def scores(self, name: str) -> dict[Architecture, float]:
        """The known values of a score; none if there is no file or it is damaged."""
        arrays = read_npz(self._scores(name))
        if arrays is None:
            return {}
        known = map(Architecture.parse, arrays["architecture"].tolist())
        return dict(zip(known, arrays["score"].tolist(), strict=True))

    def keep_scores(self, name: str, scores: Mapping[Architecture, float]) -> None:
        """Write all known values of a score; when this returns, they are on disk."""
        arrays = {"architecture": [*map(str, scores)], "score": [*scores.values()]}
        self.path.mkdir(parents=True, exist_ok=True)
        write_npz(self._scores(name), arrays)

    def _scores(self, name: str) -> Path:
        return self.path / f"scores-{name}.npz"

    def trained(self, purpose: str, arch: Architecture, seed: int) -> Trained | None:
        """A finished fit, or None if there is no file or it is damaged."""
        arrays = read_npz(self._fit(purpose, arch, seed)) or {}
        values: dict[str, Any] = {n: a if a.ndim else a.item() for n, a in arrays.items()}
        names = {field.name for field in fields(Trained)}
        return Trained(**values) if values.keys() == names else None

    def keep_trained(self, purpose: str, arch: Architecture, seed: int, fit: Trained) -> None:
        """Write a finished fit; when this returns, it is on disk."""
        path = self._fit(purpose, arch, seed)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_npz(path, vars(fit))

    def _fit(self, purpose: str, arch: Architecture, seed: int) -> Path:
        return self.path / "trained" / f"{purpose}-{arch}-{seed}.npz"


def claimed(path: Path, asked: Mapping[str, Any]) -> SearchFolder:
    """A folder for one search alone; created, or resumed.

    Args:
        path: the folder.
        asked: everything that determines the results of the search, as JSON.

    Raises:
        ConfigError: the folder holds another search, or cannot be written.
    """
    try:
        if not resumes(path, asked):
            path.mkdir(parents=True, exist_ok=True)
            kept = {name: value for name, value in asked.items() if name != _FREE}
            write_atomic(path / _SETTINGS, sealed_text(kept).encode())
    except OSError as error:
        raise ConfigError(
            f"cannot write to the folder {str(path)!r}: {error.strerror or error}; name "
            f"another with --out"
        ) from error
    return SearchFolder(path)


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


def kept_bytes(path: Path) -> int:
    """The size of all scores and fits in a folder, which shows whether any were added."""
    total = 0
    for file in path.rglob("*.npz"):
        with suppress(FileNotFoundError):  # another process's temporary file
            total += file.stat().st_size
    return total
