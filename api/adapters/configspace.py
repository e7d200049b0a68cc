"""The search space as a ConfigSpace, for SMAC, or with ``plain=True`` for DEHB and BOHB.

Needs ConfigSpace (extra ``configspace``). Every allowed configuration is one of the 297 x 2^25
architectures, and every architecture is a configuration. `nasdip_bench.api.adapters.parameters`
explains the names. Sampling is uniform over the choices, not over the cells.
"""

from __future__ import annotations

from typing import Any

from nasdip_bench.space import SAMPLINGS, TRANSFORMS, Architecture

from . import require
from .parameters import SEARCH_SPACE, architecture_of, parameters_of


def configuration_space(seed: int | None = None, *, plain: bool = False) -> Any:
    """The search space as a ConfigSpace.

    Args:
        seed: seed for sampling from it.
        plain: whether to use only unconditional categorical parameters, all of `SEARCH_SPACE`, for
            DEHB, hpbandster's BOHB and others that take no ordinal parameters or forbidden clauses.
            Several configurations then mean the same architecture.

    Returns:
        ``ConfigSpace.ConfigurationSpace`` with 30 parameters, or 31 if plain.

    Raises:
        MissingDependencyError: ConfigSpace is not installed.
    """
    cs = require("ConfigSpace", "configspace")
    space = cs.ConfigurationSpace(name="nasdip", seed=seed)
    if plain:
        space.add(*(cs.Categorical(name, choices) for name, choices in SEARCH_SPACE.items()))
        return space
    of = {
        name: cs.Categorical(name, choices, ordered=name == "kernel")
        for name, choices in SEARCH_SPACE.items()
        if name != "shuffled_transform"
    }
    sampling, transform, kernel = of["sampling"], of["transform"], of["kernel"]
    interpolations = [s for s in SAMPLINGS if s != "transposed_conv"]
    with_kernel = [t for t in TRANSFORMS if t != "identity"]
    space.add(*of.values())
    space.add(
        cs.InCondition(transform, sampling, interpolations),
        cs.OrConjunction(
            cs.EqualsCondition(kernel, sampling, "transposed_conv"),
            cs.InCondition(kernel, transform, with_kernel),
        ),
        cs.EqualsCondition(of["transform_first"], sampling, "pixel_shuffle"),
        cs.ForbiddenAndConjunction(
            cs.ForbiddenEqualsClause(sampling, "pixel_shuffle"),
            cs.ForbiddenInClause(transform, ["depthwise_conv", "identity"]),
        ),
    )
    return space


def decode(configuration: Any) -> Architecture:
    """The architecture of a configuration, or of a mapping with its values.

    Raises:
        ArchitectureError: the configuration is from another space.
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
        ArchitectureError: not an architecture, or a dilated one.
        MissingDependencyError: ConfigSpace is not installed.
    """
    cs = require("ConfigSpace", "configspace")
    values = parameters_of(Architecture.parse(arch))
    if "shuffled_transform" in space:  # plain: set all, unused ones to their first choice
        if values["sampling"] == "pixel_shuffle":
            values["shuffled_transform"] = values.pop("transform")
        values = {name: choices[0] for name, choices in SEARCH_SPACE.items()} | values
    return cs.Configuration(space, values=values)
