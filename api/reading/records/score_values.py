"""The training-free scores of an architecture, by name."""

from __future__ import annotations

from nasdip_bench.proxies import named_score

from .showing import html_table, shown


class ScoreValues(dict[str, float]):
    """From "proxy/reference" to a value; a name alone works too.

    A name alone means the score's only reference, else the corrupted image
    (`nasdip_bench.proxies.named_score`).

    Raises:
        UnknownNameError: on lookup, no such score.

    Example:
        >>> found = ScoreValues({"synflow/none": 2.0, "snip/none": 1.0})
        >>> found["snip"], "snip" in found
        (1.0, False)
    """

    def __missing__(self, name: str) -> float:
        there = [tuple(key.split("/", 1)) for key in self]
        return self["/".join(named_score(name, there))]  # type: ignore[arg-type]

    def _repr_html_(self) -> str:
        return html_table([["score", "value"]], [[name, shown(self[name])] for name in self])
