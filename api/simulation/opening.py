"""Open recorded runs, and a simulated search on them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.dataset.schema import STATUSES
from nasdip_bench.errors import MissingRunError

from ..reading.arrays.targets import TARGET
from ..reading.run_set import chosen_images
from .prices import CostModel
from .recorded_runs import RecordedRuns
from .simulator import Simulator

if TYPE_CHECKING:
    from ..reading.arrays.block import Block
    from ..reading.reader import ReleaseReader


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
    """Open a simulated search on one image.

    Args:
        image: name.
        task: name.
        track: "oracle" also shows PSNR against the ground truth; "deployable" shows only what
            someone with a photograph has.
        fidelity: None for the release's default for the task; the repr names it.
        seed: seed of the runs; None for the first default seed.
        budget_seconds: simulated seconds; None for no limit.
        cost: "flops" (the default), "recorded" or a `CostModel`, which explains both.
        target: a column of runs.parquet where higher is better: regret and the gaps of `test` are
            of it. None for `nasdip_bench.api.reading.arrays.targets.TARGET`.
        held_out: whether to search only architectures that have runs of every seed, so that `test`
            can judge any choice.

    Raises:
        NasdipError: see `read_runs` and `Simulator`.

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


def read_runs(
    bench: ReleaseReader,
    task: str,
    images: str | Sequence[str] | None = None,
    fidelity: str | None = None,
    seed: int | None = None,
    *,
    cost: str | CostModel = "flops",
    target: str | None = None,
    held_out: bool = False,
    restored: bool = False,
) -> dict[str, RecordedRuns]:
    """Read the runs of a task on some images.

    Args:
        task, fidelity, seed, cost, target, held_out: see `open_simulator`.
        images: a name, or several; None for all.
        restored: whether to leave out architectures whose restorations lack distances, which some
            methods need: compared methods then search the same ones.

    Returns:
        the runs by image, in the requested order, each image once.

    Raises:
        UnknownNameError: an unknown image, task, fidelity, seed, target or cost model.
        MissingRunError: no run of the task at the fidelity, or none of the seed on an image.
        ConfigError: no image; or ``cost`` needs recorded seconds that the release does not have.
    """
    model = CostModel.of(cost)
    block = bench.runs.block(task, fidelity)
    target = TARGET if target is None else target
    block.check_ranked(target)
    one = block.choose_seeds(seed)[0]
    places = chosen_images(bench, images)
    curves = bench.curves(task, fidelity=block.fidelity, seed=one)
    values = block.matrix(target, one)
    found = {}
    needed = block.seeds if held_out else (one,)
    there = np.ones((len(bench), len(bench.images)), bool)
    if restored:
        there = _with_distances(bench, block, needed)
    for at in places:
        image = bench.images[at]
        space = np.flatnonzero(block.evaluated(needed, at) & there[:, at])
        if not len(space):
            raise MissingRunError(
                f"no run of {task!r} on {image!r} at {block.fidelity!r} with seed "
                f"{' and '.join(map(str, needed))} to simulate from: bench.coverage() and "
                f"'nasdip-bench coverage' count the runs"
            )
        found[image] = RecordedRuns(
            bench=bench,
            block=block,
            image=image,
            seed=one,
            target=target,
            space=space,
            codes=tuple(bench.codes[arch_id] for arch_id in space.tolist()),
            iterations=curves.iterations,
            stop=block.record.stop,
            psnr_db=_thousandths(curves.psnr_db[space, at, 0]),
            psnr_smooth_db=_thousandths(curves.psnr_smooth_db[space, at, 0]),
            values=values[space, at],
            prices=model.prices(bench, block, image, one, space),
        )
    return found


def _with_distances(bench: ReleaseReader, block: Block, seeds: Sequence[int]) -> NDArray[np.bool_]:
    """(architecture, image) bool: its restorations have distances in all seeds that have any."""
    there = np.ones((len(bench), len(bench.images)), bool)
    with suppress(MissingRunError):
        found = bench.distances(block.task, fidelity=block.fidelity)
        for seed in seeds:
            known = found.restored(seed).T
            diverged = block.statuses(seed) == STATUSES.index("diverged")
            there &= known | diverged | ~known.any(axis=0)
    return there


def _thousandths(psnr_db: NDArray[np.float32]) -> NDArray[np.float64]:
    """Undo float32 rounding: files hold whole thousandths of a dB."""
    return np.asarray(np.round(psnr_db.astype(np.float64), 3), np.float64)
