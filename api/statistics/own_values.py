"""Your own values in place of a score of the release, in every accepted form."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nasdip_bench.errors import ConfigError

from ..reading.arrays.names import image_position

if TYPE_CHECKING:
    import pandas as pd

    from ..reading.architectures import ArchitectureLike
    from ..reading.reader import ReleaseReader

Matrix = NDArray[np.float64]  # (architecture, image)

OWN = "own"
"""The reference of your own values, which are not a score of a release."""


def own_values(
    bench: ReleaseReader, values: ArrayLike | Mapping[ArchitectureLike, float]
) -> Matrix:
    """Your own values as (architecture, image) float64.

    Args:
        values: (architecture,) numbers for the whole release in its order, the same for all
            images; or (architecture, image); or a mapping from some architectures to numbers, such
            as a pandas Series with its index; or a DataFrame of architectures by images. NaN means
            no value.

    Raises:
        ConfigError: not a number, infinite, an array of another shape, an architecture given
            twice, or a counting index not as long as the release and not named "arch_id".
        UnknownNameError: an unknown architecture or image.
    """
    matrix = _own_matrix(bench, values)
    infinite = np.isinf(matrix)
    if infinite.any():
        row = int(np.flatnonzero(infinite.any(axis=1))[0])
        raise ConfigError(
            f"values hold {matrix[row][infinite[row]][0]} for architecture {row} ("
            f"{infinite.any(axis=1).sum()} in all): give finite values, or NaN for no value"
        )
    return matrix


def _own_matrix(
    bench: ReleaseReader, values: ArrayLike | Mapping[ArchitectureLike, float]
) -> Matrix:
    import pandas as pd

    shape = (len(bench), len(bench.images))
    if isinstance(values, pd.DataFrame):
        matrix = np.full(shape, np.nan)
        _check_index(bench, values.index)
        rows = _rows(bench, values.index)
        for name in values.columns:
            matrix[rows, image_position(name, bench.images, bench.tasks)] = _floats(values[name])
        return matrix
    if isinstance(values, Mapping | pd.Series):
        column = np.full(shape[0], np.nan)
        pairs = list(values.items())
        if isinstance(values, pd.Series):
            _check_index(bench, values.index)
        rows, numbers = _rows(bench, [arch for arch, _ in pairs]), _floats([v for _, v in pairs])
        if numbers.shape != rows.shape:
            raise ConfigError(
                f"a mapping gives one number per architecture, such as {{0: 1.5, 1: 2.0}}, but the "
                f"values have shape {numbers.shape}: give one per image as a matrix or DataFrame"
            )
        column[rows] = numbers
        return np.broadcast_to(column[:, None], shape)
    array = _floats(values)
    if array.shape == shape[:1]:
        return np.broadcast_to(array[:, None], shape)
    if array.shape != shape:
        raise ConfigError(
            f"values of shape {array.shape} are neither {shape[:1]}, one per architecture of the "
            f"release, nor {shape}, one per architecture and image; for only some architectures "
            f"give a mapping from them to numbers"
        )
    return array


def _floats(values: Any) -> NDArray[np.float64]:
    try:
        return np.asarray(values, np.float64)
    except (TypeError, ValueError) as error:
        raise ConfigError(
            f"values must be numbers, such as {{0: 1.5, 1: 2.0}} or (architecture, image) floats "
            f"({error})"
        ) from error


def _check_index(bench: ReleaseReader, index: pd.Index) -> None:
    """Reject a counting index that does not cover the release; its rows would be misread."""
    import pandas as pd

    counts = isinstance(index, pd.RangeIndex) and index.name != "arch_id"
    if counts and len(index) != len(bench):
        raise ConfigError(
            f"{len(index)} values are numbered and not named, but the release has {len(bench)} "
            f"architectures: index them by architecture, as frame.set_index('arch_id') does; if "
            f"the numbers are rows of the release, say so with values.index.name = 'arch_id'"
        )


def _rows(bench: ReleaseReader, architectures: Iterable[Any]) -> NDArray[np.intp]:
    """Rows of architectures, which must be distinct."""
    rows = np.array([bench.arch_id(arch) for arch in architectures], np.intp)
    if len(np.unique(rows)) < len(rows):
        twice = bench.codes[int(np.bincount(rows).argmax())]
        raise ConfigError(f"architecture {twice} is given more than once; one value each")
    return rows
