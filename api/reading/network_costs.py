"""Parameters and operations of networks at the width and resolution of a fidelity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.space import Architecture
from nasdip_bench.space.cost import architecture_cost

if TYPE_CHECKING:
    import pandas as pd

FLOPS_OF_TRAINING = 3
"""Cost of forward and backward together, in forward passes."""


def network_costs(
    codes: Sequence[str], image_channels: int, facts: Mapping[str, Any]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """(architecture,) parameters, and FLOP of an iteration, forward and backward.

    Args:
        codes: canonical strings.
        image_channels: channels of the network's input and output.
        facts: channels and resolution of the fidelity.

    Example:
        >>> code = "172-0000011001001001100111101"
        >>> network_costs([code], 1, {"channels": 16, "resolution": 64})[0].tolist()
        [63057]
    """
    counted = [_counted(code, image_channels, facts["channels"]) for code in codes]
    per_pixel = np.array([flops for _, flops in counted], np.float64)
    return (
        np.array([parameters for parameters, _ in counted], np.int64),
        FLOPS_OF_TRAINING * per_pixel * facts["resolution"] ** 2,
    )


def architectures_at(
    frame: pd.DataFrame, fidelity: str, image_channels: int, facts: Mapping[str, Any]
) -> pd.DataFrame:
    """The table of architectures, with the costs at a fidelity instead of those on disk.

    Args:
        frame: architectures.parquet.
        fidelity: name.
        image_channels: channels of the network's input and output.
        facts: channels and resolution of the fidelity.
    """
    parameters, flops = network_costs(frame["architecture"].tolist(), image_channels, facts)
    here = frame.drop(columns=["parameters_released", "flops_512"])
    here.insert(1, "fidelity", fidelity)
    return here.assign(parameters=parameters, flops_per_iteration=flops)


@lru_cache(maxsize=16384)
def _counted(code: str, image_channels: int, channels: int) -> tuple[int, float]:
    """Parameters, and FLOP of a forward pass per pixel."""
    cost = architecture_cost(Architecture.parse(code), image_channels, image_channels, channels)
    return cost.parameters, cost.flops_per_pixel
