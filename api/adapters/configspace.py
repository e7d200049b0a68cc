"""The search space as a ConfigSpace, for SMAC, DEHB, BOHB and others. Needs ConfigSpace (extra
``configspace``).
"""

from __future__ import annotations

from typing import Any

from . import require
from .parameters import SEARCH_SPACE


def configuration_space(seed: int | None = None) -> Any:
    """The search space as a ConfigSpace: categorical parameters without conditions.

    `nasdip_bench.api.adapters.parameters.architecture_of` gives the architecture of any of its
    configurations. Sampling is uniform over the choices, not over the cells.

    Args:
        seed: seed for sampling from it.

    Returns:
        ``ConfigSpace.ConfigurationSpace`` with the 31 parameters of `SEARCH_SPACE`.

    Raises:
        MissingDependencyError: ConfigSpace is not installed.
    """
    cs = require("ConfigSpace", "configspace")
    space = cs.ConfigurationSpace(name="nasdip", seed=seed)
    space.add(*(cs.Categorical(name, choices) for name, choices in SEARCH_SPACE.items()))
    return space
