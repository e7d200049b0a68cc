"""By which scores candidates can be ranked. Must not import torch."""

from __future__ import annotations

from nasdip_bench.errors import ConfigError, unknown_name
from nasdip_bench.proxies import NO_REFERENCE, image_scores, info, named_score, network_scores
from nasdip_bench.proxies.names import CORRUPTED

__all__ = ["check_score", "searched_score"]


def check_score(name: str) -> None:
    """Raise `ConfigError` unless candidates can be ranked by a score: where lower is better.

    Raises:
        UnknownNameError: no such score.
    """
    names = (*image_scores(), *network_scores())
    if name not in names:
        raise unknown_name("score", name, names)
    if info(name).lower_is_better is not True:
        usable = [one for one in names if info(one).lower_is_better]
        raise ConfigError(
            f"score {name!r} is not one of which lower is better, by which the search ranks: use "
            f"one of {', '.join(usable)}"
        )


def searched_score(text: str) -> str:
    """The name of a score that may be given with its reference, which is all that a search has.

    Raises:
        UnknownNameError: no such score, or one of the ground truth.
    """
    names = (*image_scores(), *network_scores())
    there = [(one, CORRUPTED if info(one).needs_reference else NO_REFERENCE) for one in names]
    return named_score(text, there)[0]
