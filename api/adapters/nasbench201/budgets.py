"""Convert ``hp`` and ``iepoch`` to numbers of iterations.

Recipes of published code, "12" or "200", are numbers of epochs. If ``hps`` maps one to iterations,
an epoch is an equal share of them, so the last epoch ends where the training does. An ``hp`` that
is a number is the same as its string.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import numpy as np

from nasdip_bench.errors import ConfigError

HP = str | int | None

_EPOCHS = ("01", "12", "90", "200")
"""Names of recipes in NAS-Bench-201 and NATS-Bench."""

_OLD_NAMES = {"use_12epochs_result": "hp", "FLOP_max": "flop_max", "Param_max": "param_max"}

_P = ParamSpec("_P")
_R = TypeVar("_R")


@dataclass(frozen=True)
class Budget:
    """How long a trial is trained.

    Attributes:
        epochs: number of epochs; equal to ``iterations`` if ``hp`` is a number of iterations.
        iterations: iterations trained after the last epoch; None for the stop.
        named: whether it is a name in ``hps``; then it is rounded down to a kept iteration.
    """

    epochs: int | None
    iterations: int | None
    named: bool = False


def read_hp(hp: Any, hps: Mapping[str, int | None]) -> Budget:
    """The budget of an ``hp``: None, a name in ``hps``, or a number of iterations.

    True and False are "12" and "200", the ``use_12epochs_result`` of older code.

    Raises:
        ConfigError: it is something else, or the name of a recipe that ``hps`` lacks.
    """
    if hp is None:
        return Budget(None, None)
    if isinstance(hp, bool | np.bool_):
        hp = "12" if hp else "200"
    name = str(int(hp)) if _is_number(hp) else hp
    if isinstance(name, str) and name in hps:
        return Budget(int(name) if name.isdecimal() else None, hps[name], named=True)
    if isinstance(name, str) and name in _EPOCHS:
        raise ConfigError(
            f"hp {hp!r} is {int(name)} epochs in scripts for NAS-Bench-201, which is not a number "
            f"of iterations here: give it a meaning, hps={{{name!r}: None}} for the stop or a "
            f"number instead of None"
        )
    if isinstance(name, str) and name.isdecimal() and int(name) > 0:
        return Budget(int(name), int(name))
    raise ConfigError(
        f"hp {hp!r} must be a whole number of iterations of at least 1, None for the stop, or a "
        f"name in hps: {', '.join(hps) or 'there are none'}"
    )


def checked(hps: Any) -> dict[str, int | None]:
    """Validate a mapping from names of budgets to iterations.

    Raises:
        ConfigError: not a mapping from strings to whole numbers of at least 1 or None.
    """
    if hps is None:
        return {}
    if not isinstance(hps, Mapping) or not all(isinstance(name, str) for name in hps):
        raise ConfigError(
            f"hps {hps!r} must be a mapping from names, strings, to numbers of iterations, such as "
            f"{{'12': 300, '200': None}}"
        )
    for name, meant in hps.items():
        if meant is not None and not _is_number(meant):
            raise ConfigError(
                f"hps gives {name!r} the meaning {meant!r}, which must be a whole number of "
                f"iterations of at least 1, or None for the stop"
            )
    return {name: None if meant is None else int(meant) for name, meant in hps.items()}


def check_lengths(hps: Mapping[str, int | None], dataset: str, iterations: int) -> None:
    """Reject budgets that are longer than the runs of a dataset.

    Raises:
        ConfigError: a budget is longer.
    """
    for name, meant in hps.items():
        if meant is not None and meant > iterations:
            raise ConfigError(
                f"hps gives {name!r} the meaning {meant} iterations; runs of {dataset!r} have "
                f"{iterations}"
            )


def takes_old_names(query: Callable[_P, _R]) -> Callable[_P, _R]:
    """Let a query accept the keywords of early NAS-Bench-201 versions."""

    @wraps(query)
    def taking(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        for old in _OLD_NAMES.keys() & kwargs:
            kwargs[_OLD_NAMES[old]] = kwargs.pop(old)
        return query(*args, **kwargs)

    return taking


def _is_number(number: Any) -> bool:
    """Whether it is a whole number of at least 1, even if its type is float."""
    if isinstance(number, bool) or not isinstance(number, int | float | np.number):
        return False
    return bool(1 <= number < math.inf and number == int(number))
