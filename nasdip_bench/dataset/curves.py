"""Learning curves and observables on disk: which points are kept, and how values are coded."""

from __future__ import annotations

from functools import cache, lru_cache
from itertools import cycle
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.errors import ConfigError
from nasdip_bench.observables import OBSERVABLES, SSIM

MAX_POINTS = 128
MISSING = 65535
_DENSE_POINTS = 16


class Code(NamedTuple):
    """How the values of a curve become unsigned 16-bit numbers: steps of (value - lowest).

    Attributes:
        lowest: the value of code 0.
        steps: codes per unit.
        unit: unit of the values.
    """

    lowest: float
    steps: int
    unit: str

    @property
    def highest(self) -> float:
        """The value of the last code."""
        return self.lowest + (MISSING - 1) / self.steps


DECIBEL = Code(0.0, 1000, "dB")
"""0 to 65.534 dB. Outputs lie in (0, 1), so PSNR is never negative; above 65 dB an 8-bit image is
exact to a seventh of a step."""

CODES: dict[str, Code] = {
    "psnr": DECIBEL,
    "psnr_smooth": DECIBEL,
    SSIM: Code(-1.0, 32767, "1"),
    **dict.fromkeys(OBSERVABLES, Code(0.0, 100, "dB")),
}
"""The code of each curve."""


def encode(values: NDArray[np.floating], code: Code = DECIBEL) -> NDArray[np.uint16]:
    """Encode values of any shape; NaN becomes `MISSING`, a value out of range the nearest code."""
    wide = np.asarray(values, np.float64)
    steps = np.rint((np.clip(wide, code.lowest, code.highest) - code.lowest) * code.steps)
    return np.where(np.isnan(wide), MISSING, np.nan_to_num(steps)).astype(np.uint16)


def decode(codes: NDArray[np.uint16], code: Code = DECIBEL) -> NDArray[np.float64]:
    """Decode to float64, NaN where missing; exact to half a step."""
    return np.where(
        codes == MISSING, np.nan, np.asarray(codes, np.float64) / code.steps + code.lowest
    )


def decode_float32(codes: NDArray[np.uint16], code: Code = DECIBEL) -> NDArray[np.float32]:
    """Decode to float32 by look-up: for many curves at once, in a fifth of the time."""
    found: NDArray[np.float32] = _all_values(code)[codes]
    return found


@cache
def _all_values(code: Code) -> NDArray[np.float32]:
    return decode(np.arange(MISSING + 1, dtype=np.uint16), code).astype(np.float32)


@lru_cache(maxsize=64)
def kept_points(iterations: int, stop: int) -> NDArray[np.int32]:
    """The points of a curve that a release keeps: all of a short one, else `MAX_POINTS`.

    The first 16 iterations, the multiples of a round number (50 up to a budget of 1000), the stop,
    the last, and as many others as fit in geometric steps.

    Args:
        iterations: length of the full curve.
        stop: the iteration of ``final_*``, 1..iterations.

    Returns:
        ascending int32 numbers of points, from 0; read-only.

    Raises:
        ConfigError: the stop lies outside the curve.

    Example:
        >>> kept_points(600, 350)[[0, 15, -1]]
        array([  0,  15, 599], dtype=int32)
    """
    if not 1 <= stop <= iterations:
        raise ConfigError(f"stop {stop} must lie in 1..{iterations}")
    chosen: NDArray[np.int64] = np.arange(iterations)
    if iterations > MAX_POINTS:
        step = _round_step(iterations)
        multiples = np.arange(step, iterations + 1, step) - 1
        fixed = np.r_[np.arange(_DENSE_POINTS), multiples, stop - 1, iterations - 1]
        steps = _most_steps(iterations, fixed)
        chosen = np.unique(np.r_[fixed, _geometric(iterations, steps)])
    points: NDArray[np.int32] = chosen.astype(np.int32)
    points.setflags(write=False)
    return points


def _round_step(iterations: int) -> int:
    """1, 2 or 5 times a power of ten: the least with at most 20 multiples in a budget."""
    step, factors = 1, cycle((2, 2.5, 2))
    while step * 20 < iterations:
        step = round(step * next(factors))
    return step


def _geometric(iterations: int, steps: int) -> NDArray[np.int64]:
    geometric = np.geomspace(_DENSE_POINTS, iterations - 1, steps)
    return np.rint(geometric).astype(np.int64)


def _most_steps(iterations: int, fixed: NDArray[np.int64]) -> int:
    """The most geometric steps that leave no more than `MAX_POINTS`: rounding merges early ones.

    Found by halving; the number of points grows with that of the steps, with few exceptions.
    """
    few, many = 2, 8 * MAX_POINTS
    while many - few > 1:
        middle = (few + many) // 2
        points = np.unique(np.r_[fixed, _geometric(iterations, middle)])
        few, many = (middle, many) if len(points) <= MAX_POINTS else (few, middle)
    return few
