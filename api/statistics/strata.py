"""Strata of architectures: only pairs within one stratum are compared."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.errors import check_name

if TYPE_CHECKING:
    from ..reading.reader import ReleaseReader

KINDS = ("sampling", "transform", "kernel", "activation")
"""Attributes of the upsampling cell that can define strata."""


def strata_within(bench: ReleaseReader, within: str | None) -> NDArray[np.intp] | None:
    """(architecture,) the value of a cell attribute, as a number; None for None.

    Raises:
        UnknownNameError: it is not one of `KINDS`.
    """
    if within is None:
        return None
    check_name("attribute to compare within", within, KINDS)
    values = [str(getattr(arch.attributes, within)) for arch in bench]
    return np.unique(values, return_inverse=True)[1]
