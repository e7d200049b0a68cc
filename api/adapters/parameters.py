"""Architectures as named choices, for optimisation libraries.

    sampling            bilinear, bicubic, nearest, pixel_shuffle, transposed_conv
    transform           conv, transposed_conv, split_stack_sum, separable_conv, depthwise_conv,
                        identity; for bilinear, bicubic and nearest
    shuffled_transform  the first four of these; for pixel_shuffle, which cannot have the others
    kernel              1, 3, 5, 7; for all but an interpolation with identity
    activation          none, relu, leaky_relu
    transform_first     False, True; for pixel_shuffle
    skip_<i>_<j>        0, 1; row i and source j of the skip pattern

Every combination of choices is an architecture: those that do not apply to it have no effect, so
several combinations mean the same one. Dilation is 1, as in the released space.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from nasdip_bench.errors import ArchitectureError
from nasdip_bench.space import (
    ACTIVATIONS,
    KERNELS,
    LEVELS,
    SAMPLINGS,
    TRANSFORMS,
    VALID_CELLS,
    Architecture,
    cell_attributes,
)

SKIPS = tuple(f"skip_{i}_{j}" for i in range(LEVELS) for j in range(LEVELS))
"""Names of the skip bits, in the order of the skip pattern."""

SEARCH_SPACE: dict[str, tuple[Any, ...]] = {
    "sampling": SAMPLINGS,
    "transform": TRANSFORMS,
    "shuffled_transform": tuple(t for t in TRANSFORMS if t not in ("depthwise_conv", "identity")),
    "kernel": KERNELS,
    "activation": ACTIVATIONS,
    "transform_first": (False, True),
    **dict.fromkeys(SKIPS, (0, 1)),
}
"""From the name of a parameter to its choices."""


def architecture_of(parameters: Mapping[str, Any]) -> Architecture:
    """The architecture of a choice for each name in `SEARCH_SPACE`.

    Raises:
        ArchitectureError: a parameter is missing, or is none of its choices.

    Example:
        >>> architecture_of({name: choices[-1] for name, choices in SEARCH_SPACE.items()})
        Architecture(cell=323, skip='1111111111111111111111111', dilation=1)
    """
    missing = [name for name in SEARCH_SPACE if name not in parameters]
    if missing:
        raise ArchitectureError(f"no architecture: the parameters lack {', '.join(missing)}")
    for name, choices in SEARCH_SPACE.items():
        if parameters[name] not in choices:
            raise ArchitectureError(
                f"parameter {name} {parameters[name]!r} must be one of "
                f"{', '.join(map(repr, choices))}"
            )
    sampling = parameters["sampling"]
    transposed, shuffled = sampling == "transposed_conv", sampling == "pixel_shuffle"
    given = parameters["shuffled_transform" if shuffled else "transform"]
    transform = "identity" if transposed else given
    has_kernel = transposed or transform != "identity"
    cell = (
        sampling,
        transform,
        parameters["kernel"] if has_kernel else None,
        parameters["activation"],
        shuffled and bool(parameters["transform_first"]),
    )
    return Architecture(_cells()[cell], "".join(str(int(parameters[name])) for name in SKIPS))


@cache
def _cells() -> dict[tuple[Any, ...], int]:
    """From the attributes of each valid cell to its number."""
    found = {}
    for number in VALID_CELLS:
        cell = cell_attributes(number)
        key = cell.sampling, cell.transform, cell.kernel, cell.activation, cell.transform_first
        found[key] = number
    return found
