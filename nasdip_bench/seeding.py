"""Keys of the random draws: a draw depends on its key alone, never on what else runs.

Every draw has a key, a tuple of strings and integers. The SHA-256 of the key is the key of a Philox
counter generator, whose raw 64-bit words NumPy guarantees to be the same on every machine and in
every version (the distributions of ``numpy.random.Generator`` carry no such guarantee, NEP 19, so
floats are made from the words here). No global random state is read or written.

The keys of the benchmark (`docs/protocol.md`):

==============  ========================================  ==========================================
draw            key                                       common to
==============  ========================================  ==========================================
corruption      image, task, resolution; from seed 1 on   every architecture and fidelity
                the seed
z               resolution, input channels, seed          all architectures, images and tasks
weights         architecture, image, task, fidelity,      nothing else
                seed, then the parameter's name
perturbation    resolution, input channels, seed          all architectures, images and tasks; drawn
                                                          on the device, draw i serves iteration i
scoring z       resolution, input channels, k             all architectures and images
scoring         architecture, resolution, k, then the     all images and tasks
weights         parameter's name
kernel probe    resolution, output channels, number of    all architectures, images, tasks and
                the probe                                 initialisations
==============  ========================================  ==========================================
"""

from __future__ import annotations

import hashlib
import math

import numpy as np
from numpy.random import Philox

from nasdip_bench.errors import ConfigError, check_whole

_NAMESPACE = "nasdip-bench/1"
"""First part of every key. Changing it changes every number of the benchmark."""


def _digest(key: tuple[str | int, ...]) -> bytes:
    for part in key:
        if isinstance(part, bool) or not isinstance(part, str | int | np.integer):
            raise ConfigError(f"part {part!r} of a random key must be a string or an integer")
    # The lengths distinguish ("ab", "c") from ("a", "bc"), the types 1 from "1".
    parts = [
        f"{'s' if isinstance(part, str) else 'i'}{len(str(part))}:{part}"
        for part in (_NAMESPACE, *key)
    ]
    return hashlib.sha256("".join(parts).encode()).digest()


def device_seed(*key: str | int) -> int:
    """A 63-bit seed for a device's own generator (``torch.Generator.manual_seed``)."""
    return int.from_bytes(_digest(key)[:8], "little") >> 1


def as_generator(rng: int | np.random.Generator | None) -> np.random.Generator:
    """A NumPy generator from a seed, or the given generator.

    For draws that need not be the same in every version of NumPy: those of searches and users.

    Args:
        rng: a seed of at least 0, a generator, or None for one seeded by the system.

    Raises:
        ConfigError: rng is not one of these.
    """
    if rng is None or isinstance(rng, np.random.Generator):
        return np.random.default_rng(rng)
    if isinstance(rng, bool) or not isinstance(rng, int | np.integer) or rng < 0:
        raise ConfigError(
            f"rng {rng!r} must be a seed, a whole number of at least 0, or a generator of NumPy "
            f"such as np.random.default_rng(0)"
        )
    return np.random.default_rng(int(rng))


class BitStream:
    """A stream of random numbers that depends on its key alone.

    Args:
        *key: strings and integers; equal keys give equal streams, different keys independent ones.
    """

    def __init__(self, *key: str | int) -> None:
        self._philox = Philox(key=int.from_bytes(_digest(key)[:16], "little"))

    def words(self, count: int) -> np.ndarray:
        """(count,) uint64, the next raw words of the generator."""
        return self._philox.random_raw(count)

    def integer(self, bound: int) -> int:
        """An integer, uniform in [0, bound): rejection makes it unbiased."""
        check_whole("bound", bound, 1)
        limit = (1 << 64) // bound * bound
        while True:
            word = int(self.words(1)[0])
            if word < limit:
                return word % bound

    def uniform32(self, shape: tuple[int, ...], low: float, high: float) -> np.ndarray:
        """float32 array, uniform in [low, high) on a grid of 2^24 values; half a word each."""
        count = math.prod(shape)
        halves = self.words((count + 1) // 2).astype("<u8", copy=False).view("<u4")[:count]
        unit = (halves >> np.uint32(8)).astype(np.float32) * np.float32(2.0**-24)
        return (unit * np.float32(high - low) + np.float32(low)).reshape(shape)

    def uniform64(self, shape: tuple[int, ...]) -> np.ndarray:
        """float64 array, uniform in (0, 1): the centres of 2^53 bins, never 0 or 1."""
        words = self.words(math.prod(shape)) >> np.uint64(11)
        return ((words.astype(np.float64) + 0.5) * 2.0**-53).reshape(shape)

    def normal64(self, shape: tuple[int, ...]) -> np.ndarray:
        """float64 array, standard normal, by the inverse of the distribution function."""
        from scipy.special import ndtri  # slow to import, and readers of datasets never need it

        return np.asarray(ndtri(self.uniform64(shape)))
