"""What a simulated training costs: two cost models, stated in words with every result.

Recorded seconds are the processor time on the builder's machine; runs trained as a stack record an
equal share of it. Two architectures of equal size can therefore differ several times over. So the
default counts operations and converts them to seconds at one rate for all architectures. This is
deterministic, the same for everyone who has the release, and fair between architectures. It ignores
memory traffic and how well an operation uses the processor; ``recorded`` includes both, with noise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.errors import ConfigError, check_name

from ..reading.arrays.block import ENDED
from ..reading.costs import FLOPS_OF_TRAINING, costs

if TYPE_CHECKING:
    from ..reading.arrays.block import Block
    from ..reading.reader import ReleaseReader

COST_MODELS = ("flops", "recorded")


class Prices(NamedTuple):
    """What the n architectures of a space cost on one image.

    Attributes:
        per_iteration: (n,) float64 seconds per training iteration.
        forward: (n,) float64 seconds per forward pass, a third of an iteration.
        overhead: seconds for starting or continuing a training.
        text: the model in words.
    """

    per_iteration: NDArray[np.float64]
    forward: NDArray[np.float64]
    overhead: float
    text: str

    def training(self, place: int, iterations: int) -> float:
        """Seconds for some iterations of an architecture, including the start."""
        return iterations * float(self.per_iteration[place]) + self.overhead


@dataclass(frozen=True, kw_only=True)
class CostModel:
    """How iterations become simulated seconds.

    Attributes:
        kind: "flops", seconds = iterations x FLOP of 3 forward passes / rate + overhead; or
            "recorded", the run's recorded processor time, spread evenly over its iterations.
        flops_per_second: the rate of "flops". None for that of the release: the total FLOP of the
            task's recorded runs at the fidelity over their total seconds, so that simulated seconds
            match the machine that built it on average. The text of `Prices` states the rate.
        overhead_seconds: seconds for starting or continuing a training, at least 0.

    Raises:
        UnknownNameError: no such kind.
        ConfigError: a rate that is not above 0 or not for "flops", or an overhead below 0.
    """

    kind: str = "flops"
    flops_per_second: float | None = None
    overhead_seconds: float = 0.0

    def __post_init__(self) -> None:
        check_name("cost model", self.kind, COST_MODELS)
        rate, overhead = self.flops_per_second, self.overhead_seconds
        if rate is not None and self.kind != "flops":
            raise ConfigError(
                f"flops_per_second {rate!r} has no meaning for the cost model {self.kind!r}: leave "
                f"it out, or choose 'flops'"
            )
        if rate is not None and not (is_number(rate) and 0 < rate < math.inf):
            raise ConfigError(f"flops_per_second {rate!r} must be a number above 0, such as 1e13")
        if not (is_number(overhead) and 0 <= overhead < math.inf):
            raise ConfigError(f"overhead_seconds {overhead!r} must be a number of at least 0")

    @classmethod
    def of(cls, cost: str | CostModel) -> CostModel:
        """The model itself, or the one with the given name."""
        return cost if isinstance(cost, CostModel) else cls(kind=cost)

    def prices(
        self, bench: ReleaseReader, block: Block, image: str, seed: int, space: NDArray[np.intp]
    ) -> Prices:
        """What the architectures of a space, (n,) arch_ids, cost on an image.

        Raises:
            ConfigError: the release has no recorded seconds to charge, or to take the rate from.
        """
        counted = costs(bench, block, (bench.images.index(image),), (seed,))
        if self.kind == "flops":
            rate = self.flops_per_second or _recorded_rate(bench, block)
            per_iteration = counted.flops_per_iteration / rate
            source = "given" if self.flops_per_second else "mean of the release's recorded runs"
            text = f"operations at {_shown(rate)} ({source})"
        else:
            per_iteration = counted.processor_seconds / block.record.iterations
            text = "recorded processor seconds"
        per_iteration = per_iteration[space]
        if not np.isfinite(per_iteration).all():
            raise ConfigError(
                f"some runs of {block.task} on {image} at {block.fidelity} have no recorded "
                f"seconds to charge: CostModel(flops_per_second=1e13) charges by operations instead"
            )
        overhead = float(self.overhead_seconds)
        if overhead:
            text += f" + {overhead:g} s for each start"
        return Prices(per_iteration, per_iteration / FLOPS_OF_TRAINING, overhead, text)


def _recorded_rate(bench: ReleaseReader, block: Block) -> float:
    """FLOP per second over all runs of a block that ended."""
    everything = tuple(range(len(bench.images)))
    flops = costs(bench, block, everything, block.seeds).flops_per_iteration
    ended = np.isin(block.status, ENDED)  # failed ones stopped anywhere
    seconds = float(block.column("processor_seconds")[ended].sum())
    if not seconds > 0:
        raise ConfigError(
            f"the release has no recorded seconds of {block.task} at {block.fidelity} to take a "
            f"rate from: give one, CostModel(flops_per_second=1e13)"
        )
    return float(flops[np.nonzero(ended)[0]].sum() * block.record.iterations / seconds)


def _shown(rate: float) -> str:
    """A rate as text, in a unit that keeps it short."""
    unit, size = next((u for u in (("T", 1e12), ("G", 1e9)) if rate >= u[1]), ("", 1.0))
    return f"{rate / size:.4g} {unit}FLOP/s"


def is_number(value: object) -> bool:
    """Whether a value is a real number, NumPy's too, but no boolean."""
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)
