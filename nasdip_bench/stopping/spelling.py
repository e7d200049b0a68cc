"""Stopping rules by name: parsing them, those that a dataset records, and the target."""

from __future__ import annotations

import re
from typing import Any

from nasdip_bench.errors import ConfigError, check_name

from .rule import StoppingRule, parameter_names
from .rules import (
    Discrepancy,
    ExponentialVariance,
    Fixed,
    Last,
    NeighbourMinimum,
    Plateau,
    WindowedVariance,
)

RULES: dict[str, type[StoppingRule]] = {
    rule.name: rule
    for rule in (
        Fixed, Last, Discrepancy, NeighbourMinimum, WindowedVariance, ExponentialVariance, Plateau
    )
}  # fmt: skip
"""Stopping rules by name."""


def parse_rule(text: str) -> StoppingRule:
    """Parse the name and parameters of a rule of `RULES`.

    Args:
        text: a name, such as ``discrepancy``, with any parameters that differ from the defaults:
            ``discrepancy(tau=0.8,sigma=known)``.

    Raises:
        UnknownNameError: no such rule or parameter.
        ConfigError: not of this form, or a value that the rule rejects.

    Example:
        >>> parse_rule("es-wmv(patience=1000)")
        WindowedVariance(window=100, patience=1000, delivers='smoothed')
    """
    found = re.fullmatch(r"\s*([\w-]+)\s*(?:\((.*)\))?\s*", text)
    if found is None:
        raise ConfigError(
            f"{text!r} is not a stopping rule: give a name, with parameters in parentheses if need "
            f"be, such as 'discrepancy(tau=0.8)'"
        )
    name, inside = found[1], found[2] or ""
    check_name("stopping rule", name, RULES)
    fields = parameter_names(RULES[name])
    given: dict[str, Any] = {}
    for pair in filter(None, (part.strip() for part in inside.split(","))):
        key, equals, value = (part.strip() for part in pair.partition("="))
        if not equals:
            raise ConfigError(f"{pair!r} of stopping rule {name} is not of the form name=value")
        check_name(f"parameter of stopping rule {name}", key, fields)
        given[key] = _value(value)
    return RULES[name](**given)


def recorded_rules(kind: str) -> tuple[StoppingRule, ...]:
    """The rules whose stops a dataset records for every run, from its full curves.

    Args:
        kind: kind of task.
    """
    shares = (0.05, 0.1, 0.2, 0.5)
    grid: list[StoppingRule] = [
        *(
            Discrepancy(tau, sigma)
            for sigma in ("estimate", "known")
            for tau in (0.6, 0.65, 0.7, 0.75, 0.8, 0.9, 1.0)
        ),
        *(NeighbourMinimum(share) for share in shares),
        *(WindowedVariance(window, share) for window in (25, 100) for share in shares[1:]),
        WindowedVariance(100, 1000),
        *(ExponentialVariance(share) for share in shares[1:]),
        ExponentialVariance(1000),
        *(Plateau(share, gain) for share in (0.05, 0.1) for gain in (0.05, 0.2)),
    ]
    return tuple(rule for rule in grid if rule.no_meaning(kind) is None)


def target_rule(kind: str) -> StoppingRule:
    """The rule behind ``stopped_*`` in the tables: what a user without the ground truth can do.

    Args:
        kind: kind of task. Denoising uses the discrepancy; the others have no noise and use the
            set-up's stopping iteration.
    """
    return Discrepancy() if kind == "denoise" else Fixed()


def _value(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return text
