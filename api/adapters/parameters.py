"""Architectures as named parameters, for optimisation libraries.

    sampling         bilinear, bicubic, nearest, pixel_shuffle, transposed_conv
    transform        conv, transposed_conv, split_stack_sum, separable_conv, depthwise_conv,
                     identity; where sampling is not transposed_conv
    kernel           1, 3, 5, 7; where there is one: an interpolation with identity has none
    activation       none, relu, leaky_relu
    transform_first  False, True; where sampling is pixel_shuffle
    skip_<i>_<j>     0, 1; row i and source j of the skip pattern

Parameters that do not apply to an architecture are left out. Of the remaining combinations,
pixel_shuffle with depthwise_conv or identity cannot be built. For libraries that cannot exclude
these, ``shuffled_transform`` (conv, transposed_conv, split_stack_sum, separable_conv) replaces
``transform`` next to a pixel_shuffle, so that every choice from `SEARCH_SPACE` is an architecture.
Dilation is 1, as in the released space.
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

SHUFFLED_TRANSFORMS = tuple(t for t in TRANSFORMS if t not in ("depthwise_conv", "identity"))
"""The transforms that go with a pixel shuffle."""

SEARCH_SPACE: dict[str, tuple[Any, ...]] = {
    "sampling": SAMPLINGS,
    "transform": TRANSFORMS,
    "shuffled_transform": SHUFFLED_TRANSFORMS,
    "kernel": KERNELS,
    "activation": ACTIVATIONS,
    "transform_first": (False, True),
    **dict.fromkeys(SKIPS, (0, 1)),
}
"""From the name of a parameter to its choices."""

_CELL = ("sampling", "transform", "kernel", "activation", "transform_first")


def parameters_of(arch: Architecture) -> dict[str, Any]:
    """The parameters of an architecture, without those that do not apply to it.

    Raises:
        ArchitectureError: it is dilated, which the parameters cannot describe.
    """
    if arch.dilation != 1:
        raise ArchitectureError(
            f"architecture {arch} has dilation {arch.dilation}; parameters describe the released "
            f"space, whose dilation is 1"
        )
    cell = arch.attributes
    found: dict[str, Any] = {"sampling": cell.sampling}
    if cell.sampling != "transposed_conv":
        found["transform"] = cell.transform
    if cell.kernel is not None:
        found["kernel"] = cell.kernel
    found["activation"] = cell.activation
    if cell.sampling == "pixel_shuffle":
        found["transform_first"] = cell.transform_first
    return found | {name: int(bit) for name, bit in zip(SKIPS, arch.skip, strict=True)}


def architecture_of(parameters: Mapping[str, Any]) -> Architecture:
    """The architecture of some parameters; those that do not apply are ignored.

    Raises:
        ArchitectureError: a parameter is missing or invalid, or the cell cannot be built.

    Example:
        >>> architecture_of({name: choices[-1] for name, choices in SEARCH_SPACE.items()})
        Architecture(cell=323, skip='1111111111111111111111111', dilation=1)
    """
    missing = [name for name in ("sampling", "activation", *SKIPS) if name not in parameters]
    if missing:
        raise ArchitectureError(f"no architecture: the parameters lack {', '.join(missing)}")
    sampling = parameters["sampling"]
    transposed = sampling == "transposed_conv"
    shuffled = sampling == "pixel_shuffle" and "shuffled_transform" in parameters
    given = parameters.get("shuffled_transform" if shuffled else "transform")
    transform = "identity" if transposed else given
    has_kernel = transposed or transform != "identity"
    cell = (
        str(sampling),
        str(transform),
        int(parameters.get("kernel", 0)) if has_kernel else None,
        str(parameters["activation"]),
        sampling == "pixel_shuffle" and bool(parameters.get("transform_first", False)),
    )
    number = _cells().get(cell)
    if number is None:
        raise ArchitectureError(
            f"no cell can be built from {dict(zip(_CELL, cell, strict=True))}; a pixel_shuffle "
            f"goes with {', '.join(SHUFFLED_TRANSFORMS)}; kernels are {KERNELS}"
        )
    return Architecture(number, "".join(str(int(parameters[name])) for name in SKIPS))


@cache
def _cells() -> dict[tuple[Any, ...], int]:
    """From the attributes of each valid cell to its number."""
    cells = [(number, cell_attributes(number)) for number in VALID_CELLS]
    return {tuple(getattr(cell, name) for name in _CELL): number for number, cell in cells}
