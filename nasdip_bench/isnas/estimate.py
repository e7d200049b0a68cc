"""How long a search takes on this machine, from steps timed beforehand; threads and progress."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

from nasdip_bench.console.progress import Progress, duration
from nasdip_bench.fit.recording import outputs_held
from nasdip_bench.space import candidate_architectures
from nasdip_bench.space.cost import architecture_cost

from .config import SearchConfig
from .image import Degraded
from .ranking import mean_scores, scored_image
from .search import selection_problem
from .training import check_rule, train

_ROUNDS, _ITERATIONS = 4, 2
_ENOUGH_SECONDS = 5.0

_SMALL_PIXELS, _SMALL_CHANNELS = 128 * 128, 32
"""The most of a fit that cores compute no faster together: their threads wait for each other."""


def choose_threads(pixels: int, config: SearchConfig) -> None:
    """Let small fits on a CPU run on one thread, unless OMP_NUM_THREADS already decides.

    Two threads that share their cores with other processes can take fifty times as long as one.

    Args:
        pixels: of the largest image to restore.
        config: the configuration.
    """
    channels = max(config.channels, config.search_channels)
    small = pixels <= _SMALL_PIXELS and channels <= _SMALL_CHANNELS
    if small and "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(1)


@dataclass(frozen=True)
class Estimate:
    """Predicted seconds of the three stages, to within a factor of two."""

    scores: float
    cohort: float
    restore: float

    @property
    def seconds(self) -> float:
        """Seconds of all stages."""
        return self.scores + self.cohort + self.restore


def estimate(
    problem: Degraded,
    config: SearchConfig,
    *,
    device: str = "cpu",
    check: Callable[[], None] = lambda: None,
) -> Estimate:
    """Time one candidate of median cost: a score, and some iterations at both sizes.

    Times are scaled by operations from that candidate to the mean of the candidates, since it is
    not known beforehand which of them the search will train.
    """
    small = selection_problem(problem, config)
    check_rule(config.rule, problem, config.iterations)
    candidates = candidate_architectures(min(config.candidates, 100))
    costs = [architecture_cost(arch).flops_per_pixel for arch in candidates]
    probe = candidates[sorted(range(len(costs)), key=costs.__getitem__)[len(costs) // 2]]
    scale = sum(costs) / len(costs) / architecture_cost(probe).flops_per_pixel

    image = scored_image(problem, [config.score])

    def score() -> float:
        started = time.perf_counter()
        mean_scores(
            probe, image, channels=config.search_channels, inits=1, device=device, check=check
        )
        return time.perf_counter() - started

    def iteration(restored: Degraded, channels: int) -> float:
        def some() -> float:
            return train(
                probe,
                restored,
                purpose="estimate",
                iterations=_ITERATIONS,
                channels=channels,
                seed=0,
                device=device,
                precision=config.precision,
                on_iteration=lambda _: check(),
            ).seconds

        return _least(some) / _ITERATIONS

    in_cohort = iteration(small, config.search_channels) if config.trained else 0.0
    return Estimate(
        scores=_least(score) * config.inits * scale * config.candidates,
        cohort=in_cohort * scale * config.trained * config.cohort_iterations,
        restore=iteration(problem, config.channels) * scale * config.iterations,
    )


def _least(timed: Callable[[], float]) -> float:
    """The shortest time of some rounds; a slow machine makes fewer."""
    times: list[float] = []
    while len(times) < _ROUNDS and sum(times) < _ENOUGH_SECONDS:
        times.append(timed())
    return min(times)


def plan(problem: Degraded, config: SearchConfig, times: Estimate, device: str) -> str:
    """What a search will do and how long each stage takes, as text."""
    height, width = problem.size
    image = "the image" if config.selection == "full" else "the image made small"
    cohort = (
        f"  {duration(times.cohort)}: train the best {config.trained} on {image}, "
        f"{config.cohort_iterations} iterations, {config.search_channels} channels\n"
        if config.trained
        else ""
    )
    return (
        f"{problem.task.name} to {height} x {width} pixels on {_processors(device)}, about "
        f"{duration(times.seconds)} (to within a factor of two):\n"
        f"  {duration(times.scores)}: rank {config.candidates} untrained networks by "
        f"{config.score}, {config.inits} initialisations each\n"
        f"{cohort}  {duration(times.restore)}: restore with the selected one, {config.iterations} "
        f"iterations, {config.channels} channels{_stopping(problem, config)}"
    )


def _processors(device: str) -> str:
    """The device; on a CPU with its threads."""
    if device != "cpu":
        return device
    threads = torch.get_num_threads()
    return f"cpu ({threads} thread{'s' * (threads > 1)})"


def _stopping(problem: Degraded, config: SearchConfig) -> str:
    """What the stopping rule adds to the plan."""
    if config.stop == "last":
        return ""
    held = 4 * outputs_held(config.rule.needs) * math.prod(problem.shape)
    memory = f", which holds {held / 2**20:.1f} MiB of past outputs" if held else ""
    return f" at most; stopped by {config.rule}{memory}"


class StageProgress:
    """Progress of the three stages by their predicted times; the ``progress`` of a `Search`."""

    def __init__(self, config: SearchConfig, times: Estimate) -> None:
        self._length = {"cohort": config.cohort_iterations, "restore": config.iterations}
        self._cost = {
            "scores": times.scores / config.candidates,
            "cohort": times.cohort / max(1, config.trained * config.cohort_iterations),
            "restore": times.restore / config.iterations,
        }
        self._done = {"cohort": 0, "restore": 0}
        self._progress = Progress(config.candidates + config.trained + 1, times.seconds)

    def __call__(self, stage: str, done: int) -> None:
        whole, last = True, stage
        if stage != "scores":
            length, before = self._length[stage], self._done[stage]
            self._done[stage] += done
            whole = self._done[stage] // length > before // length
            last = f"{stage}, iteration {(self._done[stage] - 1) % length + 1} of {length}"
        self._progress.finished(self._cost[stage] * done, last, whole=whole)

    def close(self) -> None:
        """End the line on a terminal."""
        self._progress.close()
