"""The architectures that the API knows, by index, and moves among them."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from nasdip_bench.errors import ArchitectureError, ConfigError, IndexOutsideError, check_whole
from nasdip_bench.space import Architecture, Neighbourhood, encode_choices

from .datasets import NotEvaluatedError

NEIGHBOURS = 10
"""Default number of neighbours; a search that moves among fewer gets stuck where it began."""


class Architectures:
    """A sequence of canonical strings: the architectures evaluated on all opened datasets.

    An architecture may be given as an index, a canonical string, the name of a released model, an
    `Architecture`, or an object whose ``tostr()`` returns one of these strings.

    Args:
        codes: canonical strings.
        rng: generator for draws; None for Python's ``random``, which published code seeds.
    """

    is_topology = True
    is_size = False
    search_space_name = "topology"

    def __init__(self, codes: Sequence[str], rng: random.Random | None) -> None:
        self.meta_archs = list(codes)
        """Canonical strings, by index."""
        self.archstr2index = {code: index for index, code in enumerate(codes)}
        self._rng = rng

    @property
    def evaluated_indexes(self) -> list[int]:
        """All indices, since only evaluated architectures have one."""
        return list(range(len(self)))

    def __len__(self) -> int:
        return len(self.meta_archs)

    def __iter__(self) -> Iterator[str]:
        return iter(self.meta_archs)

    def __getitem__(self, index: int) -> str:
        return self.meta_archs[self._index(index)]

    def arch(self, index: int) -> str:
        """The canonical string of an index."""
        return self[index]

    def query_index_by_arch(self, arch: Any) -> int:
        """The index of an architecture; -1 if it is not evaluated."""
        if isinstance(arch, int | np.integer):
            return self._index(arch)
        try:
            return self.archstr2index.get(str(_parse(arch)), -1)
        except ArchitectureError:
            return -1

    def random(self) -> int:
        """A random index."""
        return (self._rng or random).randrange(len(self))

    def random_arch(self) -> str:
        """The canonical string of a random index."""
        return self[self.random()]

    def nearest(self, arch: Any) -> str:
        """The nearest evaluated architecture: itself, if evaluated.

        Distance is the number of choices that differ; ties by index.

        Raises:
            ArchitectureError: not an architecture.
        """
        return self[self._by_distance(arch)[0]]

    def neighbours(self, arch: Any, k: int = NEIGHBOURS) -> list[str]:
        """The k nearest other architectures, nearest first; fewer if there are fewer.

        Raises:
            ArchitectureError: not an architecture.
            ConfigError: k is below 1.
        """
        check_whole("k", k, 1)
        own = self.query_index_by_arch(arch)
        return [self[index] for index in self._by_distance(arch) if index != own][:k]

    def mutate(self, arch: Any, k: int = NEIGHBOURS) -> str:
        """A random one of its k neighbours, never itself.

        Architectures with one choice changed are hardly ever evaluated.

        Raises:
            ArchitectureError: not an architecture.
            ConfigError: it has no neighbour, or k is below 1.
        """
        near = self.neighbours(arch, k)
        if not near:
            raise ConfigError(f"{arch!r} has no neighbour: open datasets with more architectures")
        return (self._rng or random).choice(near)

    @cached_property
    def _near(self) -> Neighbourhood:
        return Neighbourhood(self.meta_archs)

    def _by_distance(self, arch: Any) -> list[int]:
        meant = self[int(arch)] if isinstance(arch, int | np.integer) else _parse(arch)
        distances = self._near.distances(encode_choices(meant))
        return [int(index) for index in np.argsort(distances, kind="stable")]

    def _index(self, index: Any) -> int:
        note = (
            ": indices count the architectures evaluated on the opened datasets; -1 means not "
            "evaluated"
        )
        last = len(self) - 1
        return check_whole("architecture index", index, 0, last, note=note, error=IndexOutsideError)

    def _row(self, arch: Any) -> int:
        """The index of an architecture, or an error."""
        index = self.query_index_by_arch(arch)
        if index < 0:
            raise NotEvaluatedError(
                f"architecture {_parse(arch)} is not evaluated on all of the opened datasets: "
                f"use api.nearest({str(_parse(arch))!r}) instead"
            )
        return index


def _parse(arch: Any) -> Architecture:
    return Architecture.parse(arch.tostr() if hasattr(arch, "tostr") else arch)
