"""The plan of a build: the requested work minus the finished, as ordered work units.

Order: seed, architecture, then scores, task, image. A build that stops early has therefore finished
whole architectures in the order of the sample, which is random.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from nasdip_bench.fidelity import get_fidelity
from nasdip_bench.proxies import info, score_names
from nasdip_bench.proxies.tangent import PROBES
from nasdip_bench.space import Architecture
from nasdip_bench.space.cost import Cost, architecture_cost
from nasdip_bench.tasks import get_task

from .config import BuildConfig

# To score one initialisation, independent of the images: its output; its output with the graph,
# in the fast form and as defined; a backward pass (worth two forward ones) for each probe and band;
# synflow in double precision; two outputs for zen.
_SCORING_PASSES = 1 + 2 + 2 * 2 * PROBES + 2 * 3 + 2
# For each corrupted image the gradients by the weights and by the layers' outputs, and a gradient
# with its own gradient.
_SCORING_PASSES_OF_IMAGE = 2 + 2 + 2 + 4


class RunKey(NamedTuple):
    """The identity of a run."""

    architecture: str
    image: str
    task: str
    fidelity: str
    seed: int


class ScoreKey(NamedTuple):
    """The identity of the scores of an untrained network.

    The seed is that of the corruption, or None for scores that do not see it. It comes first so
    that no `ScoreKey` equals a `RunKey`: both are tuples.
    """

    seed: int | None
    architecture: str
    image: str
    task: str
    fidelity: str

    def wants(self, proxy: str, reference: str) -> bool:
        """Whether a score belongs to this key."""
        return info(proxy).sees_corruption(reference) == (self.seed is not None)


Key = RunKey | ScoreKey


@dataclass(frozen=True, kw_only=True)
class Unit:
    """A piece of work for one architecture, done on one device and written as one shard.

    Attributes:
        runs: runs to train, with the same task, fidelity and seed; several form one stack.
        scores: scores to compute; they share the network's outputs.
        scoring_inits: initialisations for the scores.
    """

    architecture: str
    runs: tuple[RunKey, ...] = ()
    scores: tuple[ScoreKey, ...] = ()
    scoring_inits: int = 0

    def __str__(self) -> str:
        if not self.runs:
            return f"{self.architecture}, scores"
        more = f" and {len(self.runs) - 1} more" if len(self.runs) > 1 else ""
        return "/".join(map(str, self.runs[0])) + more

    @property
    def keys(self) -> tuple[Key, ...]:
        """The keys of all its runs and scores."""
        return (*self.runs, *self.scores)

    @property
    def kind(self) -> str:
        """The table of the unit's shard: "runs" or "scores"."""
        return "runs" if self.runs else "scores"


def make_plan(
    config: BuildConfig,
    finished: Set[Key] = frozenset(),
    stack: int | Callable[[Architecture], int] = 1,
) -> Iterator[Unit]:
    """The units left to do, without what is finished.

    ``stack`` is the most runs in one stack, for all architectures or by architecture; 1 trains each
    run alone.
    """
    names = [image.name for image in config.images]
    channels = {image.name: image.channels for image in config.images}
    corruptions = _scored_corruptions(config)
    for seed in config.seeds:
        for arch in config.architectures:
            architecture, most = str(arch), stack(arch) if callable(stack) else stack
            pairs = [(task, image) for task in config.tasks for image in names]
            if config.scoring_inits and seed == config.seeds[0]:
                wanted = (
                    ScoreKey(corruption, architecture, image, task, config.fidelity.name)
                    for corruption in corruptions
                    for task, image in pairs
                )
                scores = tuple(key for key in wanted if key not in finished)
                if scores:
                    yield Unit(
                        architecture=architecture, scores=scores, scoring_inits=config.scoring_inits
                    )
            if not config.train:
                continue
            for task in config.tasks:
                runs = (RunKey(architecture, i, task, config.fidelity.name, seed) for i in names)
                left = [run for run in runs if run not in finished]
                for alike in _of_like_channels(left, channels):
                    for first in range(0, len(alike), most):
                        part = tuple(alike[first : first + most])
                        yield Unit(architecture=architecture, runs=part)


def _scored_corruptions(config: BuildConfig) -> list[int | None]:
    """The corruptions that need scores: None, the seeds, or both."""
    sees = {info(proxy).sees_corruption(ref) for proxy, ref in score_names(config.scores)}
    return [*([None] if False in sees else []), *(config.seeds if True in sees else [])]


def _of_like_channels(
    runs: Sequence[RunKey], channels: Mapping[str, int]
) -> Iterator[list[RunKey]]:
    """Runs that can form one stack: those of gray images, then those of colour images."""
    for number in sorted(set(channels.values())):
        yield [run for run in runs if channels[run.image] == number]


def forward_passes(unit: Unit) -> int:
    """Cost of a unit in forward passes; an iteration (forward and backward) counts three."""
    passes = sum(
        3 * get_fidelity(run.fidelity).iterations_for(get_task(run.task).kind) for run in unit.runs
    )
    if unit.scores:
        images = sum(key.seed is not None for key in unit.scores)
        passes += unit.scoring_inits * (_SCORING_PASSES + _SCORING_PASSES_OF_IMAGE * images)
    return passes


def unit_flops(unit: Unit) -> float:
    """Floating-point operations of a unit.

    Counted for one input and output channel; colour adds less than a per cent.
    """
    fidelity = get_fidelity((unit.runs or unit.scores)[0].fidelity)
    cost = _cost(unit.architecture, fidelity.channels)
    return forward_passes(unit) * cost.forward_flops(fidelity.resolution, fidelity.resolution)


@lru_cache(maxsize=4096)
def _cost(architecture: str, channels: int) -> Cost:
    return architecture_cost(Architecture.parse(architecture), channels=channels)
