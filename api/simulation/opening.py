"""`NASDIPBench.simulator`: a simulated search on one image. Must not import torch or pandas."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .prices import CostModel
from .recorded_runs import read_runs
from .simulator import Simulator

if TYPE_CHECKING:
    from ..reading.reader import ReleaseReader

__all__ = ["open_simulator"]


def open_simulator(
    bench: ReleaseReader,
    image: str,
    task: str,
    *,
    track: str = "oracle",
    fidelity: str | None = None,
    seed: int | None = None,
    budget_seconds: float | None = None,
    cost: str | CostModel = "flops",
    target: str | None = None,
    held_out: bool = False,
) -> Simulator:
    """A simulated search on one image.

    Args:
        bench: the release.
        image: name.
        task: name.
        track: "oracle": also PSNR against the ground truth is seen; "deployable": only what
            someone with a photograph has.
        fidelity: None for the release's default for the task; the repr names it.
        seed: of the runs; None for the first of the default seeds.
        budget_seconds: simulated seconds; None for no limit.
        cost: "flops" (the default), "recorded" or a `CostModel`, which says what they mean.
        target: a column of runs.parquet with a direction, by which regret and the gaps of `test`
            are measured; None for `nasdip_bench.api.reading.arrays.targets.TARGET`.
        held_out: search only architectures that have runs of every seed, so that `test` can judge
            whatever is chosen.

    Raises:
        NasdipError: as `read_runs` and `Simulator`.

    Example:
        >>> bench = NASDIPBench("data/")
        >>> sim = bench.simulator("lena", "denoise", track="deployable", held_out=True)
        >>> for arch in sim.space:
        ...     score = sim.score(arch, "psd_db_strip_mse").value
        >>> sim.choose(sim.space[0])
        >>> sim.test().seeds
        (1,)
    """
    runs = read_runs(
        bench, task, [image], fidelity, seed, cost=cost, target=target, held_out=held_out
    )
    return Simulator(runs[image], budget_seconds, track)
