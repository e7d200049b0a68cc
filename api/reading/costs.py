"""What architectures cost at a fidelity: parameters, operations, recorded seconds."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.space import Architecture
from nasdip_bench.space.cost import architecture_cost

from .arrays.names import image_position
from .records.showing import displayed

if TYPE_CHECKING:
    from .architectures import ArchitectureLike
    from .arrays.block import Block
    from .release import Release

FLOPS_OF_TRAINING = 3
"""Cost of forward and backward together, in forward passes."""


@displayed
class CostRecord(NamedTuple):
    """What a run of an architecture costs.

    Attributes:
        arch_id: row of the architecture in this release.
        architecture: its canonical string.
        task: name.
        fidelity: the training set-up.
        seeds: the seeds whose seconds are averaged.
        image_channels: channels of the network's input and output, 1 for gray or 3 for colour.
        parameters: number of trainable parameters at the fidelity's width.
        flops_per_iteration: FLOP of an iteration, forward and backward (three forward passes).
        iterations: length of the runs.
        flops: FLOP of a run.
        seconds_per_iteration: mean over the images and seeds; NaN if there is no such run.
        seconds: mean recorded wall time of a run. Runs trained as a stack record an equal share of
            it, and a busy machine records more: where the exact cost matters, compare FLOP.
        processor_seconds: the same in processor time, which excludes waiting.
        devices: the processors that the seconds were recorded on.
    """

    arch_id: int
    architecture: str
    task: str
    fidelity: str
    seeds: tuple[int, ...]
    image_channels: int
    parameters: int
    flops_per_iteration: float
    iterations: int
    flops: float
    seconds_per_iteration: float
    seconds: float
    processor_seconds: float
    devices: tuple[str, ...]


class Costs(NamedTuple):
    """The costs of all architectures of a release.

    Attributes:
        parameters: (architecture,) int64, at the fidelity's width.
        flops_per_iteration: (architecture,) float64 FLOP, forward and backward.
        seconds: (architecture,) float64, recorded wall time of a run, mean over images and seeds;
            NaN where there is no run.
        processor_seconds: the same in processor time.
    """

    parameters: NDArray[np.int64]
    flops_per_iteration: NDArray[np.float64]
    seconds: NDArray[np.float64]
    processor_seconds: NDArray[np.float64]


def network_costs(
    codes: Sequence[str], image_channels: int, facts: Mapping[str, Any]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """(architecture,) parameters, and FLOP of an iteration, forward and backward.

    Args:
        image_channels: channels of the network's input and output.
        facts: channels and resolution of the fidelity.

    Example:
        >>> code = "172-0000011001001001100111101"
        >>> network_costs([code], 1, {"channels": 16, "resolution": 64})[0].tolist()
        [63057]
    """
    counted = [_counted(code, image_channels, facts["channels"]) for code in codes]
    per_pixel = np.array([flops for _, flops in counted], np.float64)
    return (
        np.array([parameters for parameters, _ in counted], np.int64),
        FLOPS_OF_TRAINING * per_pixel * facts["resolution"] ** 2,
    )


@lru_cache(maxsize=16384)
def _counted(code: str, image_channels: int, channels: int) -> tuple[int, float]:
    """Parameters, and FLOP of a forward pass per pixel."""
    cost = architecture_cost(Architecture.parse(code), image_channels, image_channels, channels)
    return cost.parameters, cost.flops_per_pixel


def costs(bench: Release, block: Block, images: tuple[int, ...], seeds: tuple[int, ...]) -> Costs:
    """The costs of all architectures on some images.

    Args:
        block: the task and fidelity.
        images: positions of the images that seconds are averaged over. If they mix gray and
            colour, parameters and operations are those for colour.
        seeds: seeds that seconds are averaged over.
    """
    facts = bench.manifest.fidelities[block.fidelity]
    channels = max(bench.image_channels[image] for image in images)
    places = [block.position(one) for one in seeds]
    names = ("seconds", "processor_seconds")
    recorded = np.array([block.column(name)[:, list(images)][:, :, places] for name in names])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # an architecture without a run: NaN
        seconds = np.nanmean(recorded.reshape(2, len(bench), -1), axis=2)
    return Costs(*network_costs(bench.codes, channels, facts), *seconds)


def architecture_cost_of(
    bench: Release,
    arch: ArchitectureLike,
    task: str,
    *,
    image: str | None = None,
    fidelity: str | None = None,
    seed: int | None = None,
) -> CostRecord:
    """What a run of an architecture costs.

    Args:
        arch: an architecture.
        task: name.
        image: the image whose channels and seconds are used; None for all images.
        fidelity: None for the release's default for the task; the result names it.
        seed: None for the mean over the default seeds.

    Raises:
        UnknownNameError: an unknown architecture, image, task, fidelity or seed.
        MissingRunError: the release has no run of the task at the fidelity.

    Example:
        >>> NASDIPBench("data/").cost(0, "denoise").fidelity
        'r64c16'
    """
    arch_id = bench.arch_id(arch)
    block = bench.runs.block(task, fidelity)
    seeds = block.choose_seeds(seed)
    images = tuple(range(len(bench.images)))
    if image is not None:
        images = (image_position(image, bench.images, bench.tasks),)
    all_costs = costs(bench, block, images, seeds)
    flops, seconds, processor = (float(values[arch_id]) for values in all_costs[1:])
    iterations = block.record.iterations
    return CostRecord(
        arch_id,
        bench.codes[arch_id],
        task,
        block.fidelity,
        seeds,
        max(bench.image_channels[one] for one in images),
        int(all_costs.parameters[arch_id]),
        flops,
        iterations,
        flops * iterations,
        seconds / iterations,
        seconds,
        processor,
        tuple(bench.manifest.devices),
    )
