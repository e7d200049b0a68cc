"""What architectures can be chosen by: the scores of a release, and your own values."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nasdip_bench.errors import ConfigError, check_name
from nasdip_bench.proxies import image_scores, info, network_scores

from ...reading.run_set import RunSet
from ..own_values import OWN, own_values
from .cohorts import ScoredRuns, ranked_runs

if TYPE_CHECKING:
    from ...reading.architectures import ArchitectureLike

Values = ArrayLike | Mapping["ArchitectureLike", float]


class Candidate(NamedTuple):
    """Numbers to rank architectures by.

    Attributes:
        proxy: name.
        reference: what outputs are compared with, or the kind of numbers.
        direction: "higher" or "lower" is better, "lower?" or "" if none is claimed.
        raw: (architecture, image) by seed, as recorded.
        seconds: of one architecture, image and task; NaN if unknown.
    """

    proxy: str
    reference: str
    direction: str
    raw: Mapping[int, NDArray[np.float64]]
    seconds: float

    @property
    def sign(self) -> int:
        """1 if lower numbers rank first, else -1."""
        return -1 if self.direction == "higher" else 1


def scores_of_release(runs: RunSet) -> Iterator[Candidate]:
    """The scores of the release, in its order."""
    of_seeds = {one: runs.scores(one) for one in runs.seeds}
    columns = of_seeds[runs.seeds[0]].columns
    seconds = _seconds(runs)
    registered = (*image_scores(), *network_scores())
    for column, (proxy, reference) in enumerate(columns):
        raw = {one: scores.values[:, :, column] for one, scores in of_seeds.items()}
        lower = info(proxy).lower_is_better if proxy in registered else None
        direction = "higher" if lower is False else "lower" if lower else "lower?"
        yield Candidate(proxy, reference, direction, raw, seconds.get((proxy, reference), math.nan))


def own_candidates(
    runs: RunSet,
    values: Mapping[str, Values],
    lower_is_better: Collection[str],
    taken: Collection[str] = (),
) -> Iterator[Candidate]:
    """Your own values, the same for every seed; ``taken`` are names that they cannot have."""
    if not isinstance(values, Mapping) or not all(isinstance(name, str) for name in values):
        raise ConfigError(
            "own values are given by name, as values={'mine': numbers}, where numbers are a "
            "mapping from architectures, or an array"
        )
    for name in lower_is_better:
        check_name("name of own values in lower_is_better", name, values)
    _, scores = runs.bench.runs.scores(runs.task, runs.fidelity)
    taken = {*taken, *image_scores(), *network_scores(), *(proxy for proxy, _ in scores.columns)}
    for name, given in values.items():
        if name.partition("/")[0] in taken:
            raise ConfigError(
                f"your own values cannot be called {name!r}, the name of a score, which has its "
                f"own direction: give another name, and lower_is_better if lower is better"
            )
        raw = dict.fromkeys(runs.seeds, own_values(runs.bench, given))
        direction = "lower" if name in lower_is_better else "higher"
        yield Candidate(name, OWN, direction, raw, math.nan)


def why_partial(reason: str, n: int, most: int) -> str:
    """A reason, and that a row covers only n of the most architectures that any row covers."""
    if n >= most:
        return reason
    partly = f"{n} of {most} architectures: not comparable with rows that have more"
    return f"{reason}; {partly}" if reason else partly


def _seconds(runs: RunSet) -> dict[tuple[str, str], float]:
    scores = runs.bench.to_frame("scores")
    mine = scores[(scores["task"] == runs.task) & (scores["fidelity"] == runs.fidelity)]
    means = mine.groupby(["proxy", "reference"], observed=True)["seconds"].mean()
    return {(str(p), str(r)): float(value) for (p, r), value in means.items()}


def ranked(runs: RunSet, seed: int, candidate: Candidate) -> ScoredRuns:
    ranking = candidate.sign * candidate.raw[seed]
    return ranked_runs(runs.bench, runs.block, seed, runs.target, ranking, candidate.proxy)
