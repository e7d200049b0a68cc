"""Convert ``hp`` to numbers of epochs and iterations.

Recipes of published code, "12" or "200", are numbers of epochs. If ``hps`` maps one to iterations,
an epoch is an equal share of them, so the last epoch ends where the training does. An ``hp`` that
is a number is the same as its string.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from nasdip_bench.errors import ConfigError, check_whole

from ...simulation.recorded_runs import RecordedRuns

HP = str | int | None

_EPOCHS = ("01", "12", "90", "200")
"""Names of recipes in NAS-Bench-201 and NATS-Bench."""


class Budget(NamedTuple):
    """How long a trial is trained.

    Attributes:
        epochs: number of epochs; equal to ``iterations`` if ``hp`` is a number of iterations.
        iterations: iterations trained after the last epoch.
        rounded: whether an epoch's end is rounded down to a kept iteration; else it must be one.
    """

    epochs: int
    iterations: int
    rounded: bool


def read_hp(hp: Any, hps: Mapping[str, int | None], runs: RecordedRuns) -> Budget:
    """The budget of an ``hp``: None, a name in ``hps``, or a number of iterations.

    True and False are "12" and "200", as older code gives them in its place.

    Raises:
        ConfigError: it is something else, or the name of a recipe that ``hps`` lacks.
        UnknownNameError: the number of iterations was not kept.
    """
    if hp is None:
        return Budget(runs.stop, runs.stop, rounded=False)
    if isinstance(hp, bool | np.bool_):
        hp = "12" if hp else "200"
    name = str(hp) if isinstance(hp, int | np.integer) else hp
    number = int(name) if isinstance(name, str) and name.isdecimal() else 0
    if isinstance(name, str) and name in hps:
        meant = hps[name]
        iterations = runs.stop if meant is None else runs.kept(meant)
        return Budget(number or iterations, iterations, rounded=True)
    if name in _EPOCHS:
        raise ConfigError(
            f"hp {hp!r} is {number} epochs in scripts for NAS-Bench-201, which is not a number of "
            f"iterations here: give it a meaning, hps={{{name!r}: None}} for the stop or a number "
            f"instead of None"
        )
    if number < 1:
        raise ConfigError(
            f"hp {hp!r} must be a whole number of iterations of at least 1, None for the stop, or "
            f"a name in hps: {', '.join(hps) or 'there are none'}"
        )
    runs.point_of(number)
    return Budget(number, number, rounded=False)


def check_budgets(hps: Any, longest: int) -> dict[str, int | None]:
    """Check a mapping from names of budgets to iterations.

    Args:
        hps: as given; None for no names.
        longest: the most that they may mean, the iterations of the shortest runs.

    Raises:
        ConfigError: not a mapping from strings to None or numbers up to ``longest``.
    """
    if hps is None:
        return {}
    if not isinstance(hps, Mapping) or not all(isinstance(name, str) for name in hps):
        raise ConfigError(
            f"hps {hps!r} must be a mapping from names, strings, to numbers of iterations, such as "
            f"{{'12': 300, '200': None}}"
        )
    note = ", the iterations of the runs, or None for the stop"
    return {
        name: None if meant is None else check_whole(f"hps[{name!r}]", meant, 1, longest, note=note)
        for name, meant in hps.items()
    }
