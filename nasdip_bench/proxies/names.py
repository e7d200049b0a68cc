"""How a score is named: "name/reference", or its name alone. Must not import torch."""

from __future__ import annotations

from collections.abc import Collection

from nasdip_bench.errors import unknown_name

__all__ = ["CORRUPTED", "GROUND_TRUTH", "named_score"]

CORRUPTED, GROUND_TRUTH = "corrupted", "ground_truth"


def named_score(text: str, there: Collection[tuple[str, str]]) -> tuple[str, str]:
    """The (name, reference) that is meant, of those there are.

    A name alone has the only reference there is, else the corrupted image. The ground truth is an
    oracle, and has to be named.

    Raises:
        UnknownNameError: there is no such score.
    """
    name, _, reference = text.partition("/")
    references = [other for one, other in there if one == name]
    if not reference:
        only = len(references) == 1 and references != [GROUND_TRUTH]
        reference = references[0] if only else CORRUPTED
    if reference not in references:
        raise unknown_name("score", text, ["/".join(one) for one in there])
    return name, reference
