"""The search space as a ConfigSpace, for SMAC, DEHB and what else takes one.

Needs ConfigSpace (extra ``configspace``). Every configuration that the space allows is one of the
297 x 2^25 architectures, and every one of them is a configuration; names as in
`nasdip_bench.api.adapters.parameters`. Sampling is uniform over the choices, not over the cells.
"""

from __future__ import annotations

from typing import Any

from nasdip_bench.space import Architecture

from . import require
from .parameters import (
    ACTIVATIONS,
    KERNELS,
    SAMPLINGS,
    SKIPS,
    TRANSFORMS,
    architecture_of,
    parameters_of,
)

__all__ = ["configuration_space", "decode", "encode"]


def configuration_space(seed: int | None = None) -> Any:
    """The space.

    Args:
        seed: of its sampling.

    Returns:
        ``ConfigSpace.ConfigurationSpace``.

    Raises:
        MissingDependencyError: ConfigSpace is not installed.
    """
    cs = require("ConfigSpace", "configspace")
    space = cs.ConfigurationSpace(name="nasdip", seed=seed)
    sampling = cs.Categorical("sampling", SAMPLINGS)
    transform = cs.Categorical("transform", TRANSFORMS)
    kernel = cs.Categorical("kernel", KERNELS, ordered=True)
    first = cs.Categorical("transform_first", (False, True))
    skips = [cs.Categorical(name, (0, 1)) for name in SKIPS]
    space.add(sampling, transform, kernel, cs.Categorical("activation", ACTIVATIONS), first, *skips)
    interpolations = [s for s in SAMPLINGS if s != "transposed_conv"]
    with_kernel = [t for t in TRANSFORMS if t != "identity"]
    space.add(
        cs.InCondition(transform, sampling, interpolations),
        cs.OrConjunction(
            cs.EqualsCondition(kernel, sampling, "transposed_conv"),
            cs.InCondition(kernel, transform, with_kernel),
        ),
        cs.EqualsCondition(first, sampling, "pixel_shuffle"),
        cs.ForbiddenAndConjunction(
            cs.ForbiddenEqualsClause(sampling, "pixel_shuffle"),
            cs.ForbiddenInClause(transform, ["depthwise_conv", "identity"]),
        ),
    )
    return space


def decode(configuration: Any) -> Architecture:
    """The architecture of a configuration, or of a mapping with its values.

    Raises:
        ArchitectureError: a configuration of another space.
    """
    return architecture_of(dict(configuration))


def encode(arch: str | Architecture, space: Any) -> Any:
    """The configuration of an architecture.

    Args:
        arch: an architecture or its canonical string.
        space: from `configuration_space`.

    Returns:
        ``ConfigSpace.Configuration``.

    Raises:
        ArchitectureError: no architecture, or a dilated one.
        MissingDependencyError: ConfigSpace is not installed.
    """
    cs = require("ConfigSpace", "configspace")
    return cs.Configuration(space, values=parameters_of(Architecture.parse(arch)))
