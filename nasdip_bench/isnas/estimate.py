"""How long a search will take on this machine, from a few steps that are timed before it begins."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from nasdip_bench.space import Architecture
from nasdip_bench.space.cost import architecture_cost
from nasdip_bench.space.paper_lists import candidate_architectures

from .config import SearchConfig
from .image import Degraded
from .ranking import score_candidates
from .search import selection_problem
from .stopping import check_rule
from .training import train

__all__ = ["Estimate", "estimate"]

_ROUNDS, _ITERATIONS = 4, 2
_ENOUGH_SECONDS = 5.0


@dataclass(frozen=True)
class Estimate:
    """Predicted seconds of the three stages, to within a factor of two."""

    scores: float
    cohort: float
    restore: float

    @property
    def seconds(self) -> float:
        """Of all."""
        return self.scores + self.cohort + self.restore


def estimate(
    problem: Degraded,
    config: SearchConfig,
    *,
    device: str = "cpu",
    check: Callable[[], None] = lambda: None,
) -> Estimate:
    """Time one candidate of middling cost: a score, and some iterations at both sizes.

    Times are scaled by operations from that candidate to the mean of the candidates. Which of them
    the search will train is not known before.
    """
    small = selection_problem(problem, config)
    check_rule(config.rule, problem)
    candidates = candidate_architectures(min(config.candidates, 100))
    costs = [architecture_cost(arch).flops_per_pixel for arch in candidates]
    probe = candidates[sorted(range(len(costs)), key=costs.__getitem__)[len(costs) // 2]]
    scale = sum(costs) / len(costs) / architecture_cost(probe).flops_per_pixel

    def score() -> None:
        list(
            score_candidates(
                problem,
                [probe],
                config.score,
                channels=config.search_channels,
                inits=1,
                device=device,
                check=check,
            )
        )

    scoring = _least(score) * config.inits
    one_cohort = _iteration(probe, small, config.search_channels, config, device, check)
    one_restore = _iteration(probe, problem, config.channels, config, device, check)
    return Estimate(
        scores=scoring * scale * config.candidates,
        cohort=one_cohort * scale * config.cohort * config.cohort_iterations,
        restore=one_restore * scale * config.iterations,
    )


def _least(work: Callable[[], None]) -> float:
    """The least time of some rounds, of which a slow machine makes fewer."""
    times: list[float] = []
    while len(times) < _ROUNDS and sum(times) < _ENOUGH_SECONDS:
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return min(times)


def _iteration(
    arch: Architecture,
    problem: Degraded,
    channels: int,
    config: SearchConfig,
    device: str,
    check: Callable[[], None],
) -> float:
    """Seconds of an iteration."""

    def fit() -> None:
        train(
            arch,
            problem,
            purpose="estimate",
            iterations=_ITERATIONS,
            channels=channels,
            seed=config.seed,
            device=device,
            precision=config.precision,
            on_iteration=lambda _: check(),
        )

    return _least(fit) / _ITERATIONS
