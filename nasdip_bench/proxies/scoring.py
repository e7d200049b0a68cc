"""Untrained networks and their scores: what is known about an architecture before training.

Scores are averaged over their own initialisations, since a single one ranks unreliably. These are
keyed by (architecture, resolution, k) and shared by all images. Used by the builder of the dataset
and by the ranking of candidates for one image.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from nasdip_bench.fit.precision import numerics
from nasdip_bench.network import Network, build_network
from nasdip_bench.network.fast import FastNetwork
from nasdip_bench.network.stacking import stack_networks
from nasdip_bench.network.weights import draw_weights, draw_z
from nasdip_bench.space import Architecture
from nasdip_bench.tasks import Task

from . import (
    NO_REFERENCE,
    Candidate,
    image_scores,
    info,
    network_scores,
    prepare,
    score,
    score_candidate,
)
from .candidate import Parts
from .spectrum import Spectrum

_BATCH_BYTES = 2 * 2**30
_LIVE_LAYERS = 16
"""Generous estimate of the image-sized layer outputs that a forward pass holds at once."""


class ScoreName(NamedTuple):
    """A score, and what it compares with: "corrupted", "ground_truth" or "none"."""

    proxy: str
    reference: str


@dataclass
class ScoreSamples:
    """A score's values over the initialisations, and the seconds they took."""

    values: list[float] = field(default_factory=list)
    seconds: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Scored:
    """An image and task to score architectures for.

    Attributes:
        task: the task.
        corrupted: (C, h, w) float32 in [0, 1].
        mask: (1, H, W) float32 of 0 and 1, for inpainting; else None.
        references: the spectra that outputs are compared with, by name.
        shape: (C, H, W) of the networks' outputs.
        wanted: whether to compute a score.
    """

    task: Task
    corrupted: np.ndarray
    mask: np.ndarray | None = None
    references: Mapping[str, Spectrum]
    shape: tuple[int, int, int]
    wanted: Callable[[ScoreName], bool] = lambda _: True


def blank_network(
    arch: Architecture, image_channels: int, channels: int, device: torch.device | str
) -> Network:
    """A network with uninitialised parameters, all still to be drawn.

    Building it this way takes nothing from torch's global random state.
    """
    with torch.device("meta"):
        network = build_network(arch, image_channels, image_channels, channels)
    return network.to_empty(device=device)


class Initialised(NamedTuple):
    """A scoring initialisation: the network, its z, and its output, (C, H, W) on the host."""

    network: Network
    z: Tensor
    output: np.ndarray


def _batch(shape: tuple[int, int, int], channels: int) -> int:
    """How many networks to hold and run at once."""
    return max(1, _BATCH_BYTES // (_LIVE_LAYERS * 4 * channels * shape[1] * shape[2]))


def score_architecture(
    arch: Architecture,
    problems: Sequence[Scored],
    *,
    channels: int,
    inits: int,
    device: torch.device | str = "cpu",
    check: Callable[[], None] = lambda: None,
) -> list[dict[ScoreName, ScoreSamples]]:
    """Compute the registered scores of an architecture for several problems.

    Args:
        arch: the architecture.
        problems: images and tasks; those with one shape share each initialisation's output.
        channels: channels at every level of the network.
        inits: number of initialisations, at least 1.
        device: where networks run; scores are computed on the host.
        check: called between evaluations; may raise to abandon the work.

    Returns:
        for each problem, the samples by score: one value per initialisation, or a single value if
        the score depends only on the structure.
    """
    results: list[dict[ScoreName, ScoreSamples]] = [{} for _ in problems]
    for shape in dict.fromkeys(problem.shape for problem in problems):
        # Values that also serve further problems, by what they depend on.
        measured: dict[str, dict[ScoreName, tuple[float, float]]] = {"structure": {}}
        for k, initialised in initialisations(arch, shape, channels, inits, device):
            measured["initialisation"] = {}
            parts = Parts()
            spectra: dict[Task | None, Spectrum] = {}  # tasks that do not reduce share one
            for problem, result in zip(problems, results, strict=True):
                if problem.shape != shape:
                    continue
                measured["image"] = {}
                reduced = problem.task.reduce(initialised.output)
                key = None if reduced is initialised.output else problem.task
                if key not in spectra:
                    spectra[key] = prepare(reduced, "output", parts)
                for name, evaluate in _evaluations(problem, initialised, spectra[key], parts):
                    if not problem.wanted(name):
                        continue
                    depends_on = info(name.proxy).depends_on
                    if k and depends_on == "structure":
                        continue
                    known = measured[depends_on]
                    if name not in known:
                        check()
                        known[name] = parts.timed(evaluate)
                    value, seconds = known[name]
                    samples = result.setdefault(name, ScoreSamples())
                    samples.values.append(value)
                    samples.seconds += seconds
    return results


def initialisations(
    arch: Architecture,
    shape: tuple[int, int, int],
    channels: int,
    inits: int,
    device: torch.device | str,
) -> Iterator[tuple[int, Initialised]]:
    """The scoring initialisations of an architecture, with their keys k = 0, 1, ...

    One batch of networks is held at a time.

    Args:
        arch: the architecture.
        shape: (C, H, W) of the output.
        channels: channels at every level of the network.
        inits: number of initialisations, at least 1.
        device: where networks run.
    """
    device, (image_channels, height, width) = torch.device(device), shape
    size, batch = f"{height}x{width}", _batch(shape, channels)
    for first in range(0, inits, batch):
        keys = range(first, min(first + batch, inits))
        networks, inputs = [], []
        for k in keys:
            network = blank_network(arch, image_channels, channels, device)
            draw_weights(network, "scoring weights", str(arch), size, k)
            networks.append(network)
            z = draw_z(image_channels, height, width, "scoring z", size, image_channels, k)
            inputs.append(z.to(device))
        with torch.no_grad(), numerics("fp32", device):
            output: Tensor = FastNetwork(stack_networks(networks))(torch.cat(inputs, 1))
        outputs = output.view(len(keys), *shape).cpu().numpy()
        yield from zip(keys, map(Initialised, networks, inputs, outputs), strict=True)


def _evaluations(
    problem: Scored, initialised: Initialised, output: Spectrum, parts: Parts
) -> Iterator[tuple[ScoreName, Callable[[], float]]]:
    network, z, _ = initialised
    for proxy in image_scores():
        if info(proxy).needs_reference:
            for name, reference in problem.references.items():
                yield ScoreName(proxy, name), partial(score, proxy, output, reference)
        else:
            yield ScoreName(proxy, NO_REFERENCE), partial(score, proxy, output)
    candidate = Candidate(network, z, problem.corrupted, problem.task, problem.mask, parts)
    for proxy in network_scores():
        yield ScoreName(proxy, NO_REFERENCE), partial(score_candidate, proxy, candidate)
