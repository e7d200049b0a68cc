"""Runs one work unit on one device: trains runs, or scores untrained networks.

A unit's result depends only on its keys, the images and the numerics, never on what else the
worker has done.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch

from nasdip_bench.dataset.schema import arrow_schema
from nasdip_bench.fidelity import PROTOCOL_VERSION, get_fidelity
from nasdip_bench.fit.devices import device_name, refuse_broken_device
from nasdip_bench.fit.loop import Fit, fit_stack
from nasdip_bench.fit.objective import Problem
from nasdip_bench.images import Image
from nasdip_bench.network.fast import FastNetwork, free_cached_memory, keep_freed_memory
from nasdip_bench.network.stacking import stack_networks
from nasdip_bench.network.weights import draw_run_weights, draw_z
from nasdip_bench.observables import OBSERVABLES, SSIM
from nasdip_bench.proxies import prepare
from nasdip_bench.proxies.scoring import (
    Scored,
    ScoreName,
    ScoreSamples,
    blank_network,
    score_architecture,
)
from nasdip_bench.seeding import device_seed
from nasdip_bench.space import Architecture
from nasdip_bench.tasks import Observation, get_task

from ..folder.shard_schema import SHARD_TABLES
from ..plan.units import RunKey, ScoreKey, Unit
from .rows import corruption_facts, failed, succeeded

if TYPE_CHECKING:
    import pyarrow as pa

ENGINES = ("fast", "plain")
"""How networks are evaluated; a column of the data."""

logger = logging.getLogger(__name__)


class _Run(NamedTuple):
    """A fit, and its smoothed output at the stop, (C, H, W) float32."""

    fit: Fit
    at_stop: np.ndarray


class _Corrupted(NamedTuple):
    """An image at a resolution, one corruption of it, and the columns that describe both."""

    truth: np.ndarray
    observation: Observation
    facts: dict[str, float | None]


@dataclass(kw_only=True, eq=False)
class Worker:
    """Runs units.

    Attributes:
        images: those of the units.
        device: "cpu", "cuda" or "cuda:N".
        engine: one of `ENGINES`: "plain" trains the network as defined, "fast" an equivalent,
            rewritten form, equal except for rounding.
        precision: of training; scores are always computed in float32.
        threads: torch's CPU threads; 0 leaves torch's default.
        scores: names of the scores to compute; empty: all.
        check: called before each iteration; raises to abandon the unit in progress.
    """

    images: tuple[Image, ...]
    device: str
    engine: str
    precision: str
    threads: int
    scores: tuple[str, ...] = ()
    check: Callable[[], None] = lambda: None

    def __post_init__(self) -> None:
        self._device = torch.device(self.device)
        self._images = {image.name: image for image in self.images}
        self._corrupted: dict[tuple[str, str, int, int], _Corrupted] = {}
        if self.threads:
            torch.set_num_threads(self.threads)
        if self._device.type == "cpu" and self.engine == "fast":
            keep_freed_memory()

    @cached_property
    def _device_name(self) -> str:
        return device_name(self._device)

    def execute(self, unit: Unit) -> pa.Table:
        """The shard table of a unit."""
        import pyarrow as pa

        rows = self._train(unit.runs)
        rows += self._score(unit.architecture, unit.scores, unit.scoring_inits)
        return pa.Table.from_pylist(rows, schema=arrow_schema(SHARD_TABLES[unit.kind]))

    def _corrupt(self, image: str, task_name: str, resolution: int, seed: int) -> _Corrupted:
        key = (image, task_name, resolution, seed)
        if key not in self._corrupted:
            task, truth = get_task(task_name), self._images[image].at_resolution(resolution)
            observation = task.corrupt(truth, image, seed)
            facts = corruption_facts(task, truth, observation)
            self._corrupted[key] = _Corrupted(truth, observation, facts)
        return self._corrupted[key]

    def _train(self, keys: Sequence[RunKey]) -> list[dict[str, Any]]:
        """Run rows, in order; a stack that fails, out of memory or otherwise, is halved."""
        if not keys:
            return []
        started = time.perf_counter()
        done: list[_Run] | None = None
        try:
            done = self._fit(keys)
        except RuntimeError as error:  # torch's errors, out of memory included
            refuse_broken_device(self._device, error)
            what = " ".join(str(error).split())[:300]
            if len(keys) == 1:
                logger.warning("%s failed: %s", "/".join(map(str, keys[0])), what)
                reason = f"{type(error).__name__}: {error}"
                row = failed(reason, self._budget(keys[0]), time.perf_counter() - started)
                return [self._run_row(keys[0], 1, row)]
            logger.warning("a stack of %d runs failed and is halved: %s", len(keys), what)
        if done is None:
            # Outside the handler, whose traceback keeps the failed stack's memory alive.
            free_cached_memory(self._device)
            half = len(keys) // 2
            return self._train(keys[:half]) + self._train(keys[half:])
        return [
            self._run_row(key, len(keys), succeeded(*one))
            for key, one in zip(keys, done, strict=True)
        ]

    def _fit(self, keys: Sequence[RunKey]) -> list[_Run]:
        """Train runs of one architecture, task, fidelity and seed as one stack."""
        first = keys[0]
        fidelity, task = get_fidelity(first.fidelity), get_task(first.task)
        networks, problems = [], []
        for key in keys:
            truth, observation, _ = self._corrupt(
                key.image, key.task, fidelity.resolution, key.seed
            )
            network = blank_network(
                Architecture.parse(key.architecture), len(truth), fidelity.channels, self._device
            )
            draw_run_weights(network, key.architecture, key.image, key.task, key.fidelity, key.seed)
            networks.append(network)
            problems.append(Problem(task, observation, truth, self._device))
        channels, height, width = truth.shape
        size = f"{height}x{width}"
        z = draw_z(channels, height, width, "z", size, channels, first.seed)
        network = stack_networks(networks)
        stop, at_stop = fidelity.stop[task.kind], torch.empty(0)

        def look(iteration: int, _: torch.Tensor, smoothed: torch.Tensor) -> bool:
            # Stays on the device until the fit ends: the host does not wait for it here.
            nonlocal at_stop
            if iteration + 1 == stop:
                at_stop = smoothed.clone()
            return False

        fits = fit_stack(
            FastNetwork(network) if self.engine == "fast" else network,
            Problem.stack(problems),
            z.to(self._device),
            device_seed("perturbation", size, channels, first.seed),
            self._budget(first),
            precision=self.precision,
            on_iteration=lambda _: self.check(),
            record=(SSIM, *OBSERVABLES),
            on_output=look,
        )
        # A stack that diverges entirely before the stop has none.
        images = at_stop.float().cpu().numpy() if at_stop.numel() else [at_stop] * len(fits)
        return list(map(_Run, fits, images))

    def _budget(self, key: RunKey) -> int:
        return get_fidelity(key.fidelity).iterations_for(get_task(key.task).kind)

    def _run_row(self, key: RunKey, stacked: int, result: dict[str, Any]) -> dict[str, Any]:
        fidelity = get_fidelity(key.fidelity)
        return {
            **key._asdict(),
            "iterations": self._budget(key),
            "stop": fidelity.stop[get_task(key.task).kind],
            **self._corrupt(key.image, key.task, fidelity.resolution, key.seed).facts,
            "engine": self.engine,
            "stack": stacked,
            "threads": torch.get_num_threads(),
            "precision": self.precision,
            "device": self._device_name,
            "torch": torch.__version__,
            "protocol_version": PROTOCOL_VERSION,
            **result,
        }

    def _score(
        self, architecture: str, keys: Sequence[ScoreKey], inits: int
    ) -> list[dict[str, Any]]:
        if not keys or not (results := self._scores(architecture, keys, inits)):
            return []
        free_cached_memory(self._device)  # which several processes that score share
        return [
            {
                **key._asdict(),
                **name._asdict(),
                "values": samples.values,
                "seconds": samples.seconds,
                "protocol_version": PROTOCOL_VERSION,
            }
            for key, result in zip(keys, results, strict=True)
            for name, samples in result.items()
        ]

    def _scores(
        self, architecture: str, keys: Sequence[ScoreKey], inits: int
    ) -> list[dict[ScoreName, ScoreSamples]]:
        """The scores for each key; none if they fail: the build continues with the rest."""
        fidelity = get_fidelity(keys[0].fidelity)
        try:
            return score_architecture(
                Architecture.parse(architecture),
                [self._scored(key, fidelity.resolution) for key in keys],
                channels=fidelity.channels,
                inits=inits,
                device=self._device,
                check=self.check,
            )
        except RuntimeError as error:
            refuse_broken_device(self._device, error)
            what = " ".join(str(error).split())
            logger.warning("scores of %s failed: %s", architecture, what)
            return []

    def _scored(self, key: ScoreKey, resolution: int) -> Scored:
        task = get_task(key.task)
        # Scores that see no corruption are the same for all.
        seed = 0 if key.seed is None else key.seed
        truth, observation, _ = self._corrupt(key.image, key.task, resolution, seed)
        references = task.scoring_references(truth, observation)
        return Scored(
            task=task,
            corrupted=observation.corrupted,
            mask=observation.mask,
            references={name: prepare(r, name) for name, r in references.items()},
            shape=truth.shape,
            wanted=lambda score: (
                key.wants(*score) and (not self.scores or score.proxy in self.scores)
            ),
        )
