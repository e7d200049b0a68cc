"""One Deep Image Prior fit of a search: an architecture on the image, until a rule stops it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from nasdip_bench.errors import ConfigError
from nasdip_bench.fit.loop import fit
from nasdip_bench.fit.objective import Problem
from nasdip_bench.fit.recording import Observer
from nasdip_bench.network import Network
from nasdip_bench.network.baselines import BASELINE_IN_CHANNELS, build_baseline
from nasdip_bench.network.fast import FastNetwork
from nasdip_bench.network.weights import draw_weights, draw_z
from nasdip_bench.proxies.scoring import blank_network
from nasdip_bench.seeding import device_seed
from nasdip_bench.space import Architecture
from nasdip_bench.stopping import Fits, Last, StoppingRule, Watch
from nasdip_bench.tasks import noise_estimate

from .image import Degraded


@dataclass(frozen=True, kw_only=True, eq=False)
class Trained:
    """The result of a fit.

    Attributes:
        output: (C, H, W) float32, what the stopping rule delivers.
        iteration: the iteration of that output, from 1.
        iterations: number of trained iterations.
        stopped: whether the rule ended the fit, and not the budget.
        diverged: the loss was not finite; the output is useless.
        psnr_db: (iterations,) of the outputs over the padded image; NaN without a ground truth.
        psnr_smooth_db: (iterations,) of the smoothed outputs.
        loss_db: (iterations,) the observable "loss"; see `nasdip_bench.observables`.
        seen_db: (K, iterations) the K observables that the rule looks at, in the order of its
            ``needs``; NaN where undefined.
        seconds: wall time.
    """

    output: NDArray[np.float32]
    iteration: int
    iterations: int
    stopped: bool
    diverged: bool
    psnr_db: NDArray[np.float64]
    psnr_smooth_db: NDArray[np.float64]
    loss_db: NDArray[np.float64]
    seen_db: NDArray[np.float64]
    seconds: float


def train(
    architecture: Architecture,
    problem: Degraded,
    *,
    purpose: str,
    iterations: int,
    channels: int,
    seed: int,
    device: str = "cpu",
    precision: str = "fp32",
    rule: StoppingRule | None = None,
    on_iteration: Callable[[int], None] | None = None,
) -> Trained:
    """Train an architecture from a fresh initialisation.

    Args:
        architecture: the architecture.
        problem: the image to restore.
        purpose: "cohort" or "restore": each draws its own weights, so the restoration starts afresh
            (the released script restores with the last network that it trained).
        iterations: maximum number of iterations.
        channels: channels at every level of the network.
        seed: seed of the search.
        device: "cpu", "cuda" or "cuda:N".
        precision: one of `nasdip_bench.fidelity.PRECISIONS`.
        rule: where to stop; None trains all iterations.
        on_iteration: called before each iteration; may raise to abandon the fit.
    """
    image_channels, height, width = problem.shape
    network = blank_network(architecture, image_channels, channels, device)
    key = (str(architecture), problem.name, problem.task.name, f"{height}x{width}", channels, seed)
    draw_weights(network, "isnas weights", purpose, *key)
    return _fit(
        FastNetwork(network),
        image_channels,
        problem,
        iterations,
        seed,
        device,
        rule,
        precision=precision,
        on_iteration=on_iteration,
    )


def train_baseline(
    name: str,
    problem: Degraded,
    *,
    iterations: int,
    channels: int,
    seed: int,
    device: str = "cpu",
    **options: Any,
) -> Trained:
    """Train one of `nasdip_bench.network.baselines.BASELINES` as `train` trains an architecture.

    Its input has 32 channels; otherwise the fit is the same: iterations, perturbation, smoothing.

    Args:
        name: "dip" or "nas_dip"; the network is the one for the kind of task.
        problem, iterations, channels, seed, device: as in `train`.
        **options: ``precision``, ``rule`` and ``on_iteration`` of `train`.
    """
    image_channels, height, width = problem.shape
    with torch.device("meta"):  # nothing is taken from the global random state
        network = build_baseline(name, problem.task.kind, image_channels, channels)
    network.to_empty(device=device)
    key = (name, problem.name, problem.task.name, f"{height}x{width}", channels, seed)
    draw_weights(network, "isnas weights", "baseline", *key)
    fast = FastNetwork(network) if isinstance(network, Network) else network
    return _fit(fast, BASELINE_IN_CHANNELS, problem, iterations, seed, device, **options)


def _fit(
    network: nn.Module,
    in_channels: int,
    problem: Degraded,
    iterations: int,
    seed: int,
    device: str,
    rule: StoppingRule | None = None,
    **options: Any,
) -> Trained:
    _, height, width = problem.shape
    size = f"{height}x{width}"
    on_device = Problem(problem.task, problem.observation, problem.truth, device)
    stopper = Stopper(rule or Last(), problem, on_device, iterations)
    result = fit(
        network,
        on_device,
        draw_z(in_channels, height, width, "z", size, in_channels, seed).to(torch.device(device)),
        device_seed("perturbation", size, in_channels, seed),
        iterations,
        record=("loss",),
        on_output=stopper.look,
        **options,
    )
    at, output = stopper.restored()
    return Trained(
        output=output[0].float().cpu().numpy(),
        iteration=at,
        iterations=len(result.loss),
        stopped=stopper.stopped,
        diverged=result.diverged_at is not None,
        psnr_db=result.psnr_db,
        psnr_smooth_db=result.psnr_smooth_db,
        loss_db=result.recorded["loss"],
        seen_db=stopper.seen_db,
        seconds=result.seconds,
    )


class Stopper:
    """Watches one fit with a rule, and holds the output that the rule would deliver.

    What the rule needs is computed on the device; the host waits for it at every iteration. A rule
    that needs nothing, such as ``last``, costs nothing.

    Args:
        rule: the rule.
        image: the image to restore; rules may know its estimated noise.
        problem: the same on the device.
        iterations: maximum number of iterations.

    Raises:
        ConfigError: the rule does not apply to the task.
    """

    def __init__(
        self, rule: StoppingRule, image: Degraded, problem: Problem, iterations: int
    ) -> None:
        self._watch = Watch(rule, known(image, iterations))
        self._problem, self._needs = problem, rule.needs
        self._observer = Observer(problem, rule.needs)
        self._as_output = rule.delivers == "output"
        self._kept: Tensor | None = None
        self._latest: Tensor | None = None
        self._seen: list[list[float]] = []

    def look(self, iteration: int, output: Tensor, smoothed: Tensor) -> bool:
        """Whether to end the fit here; see ``on_output`` of `nasdip_bench.fit.loop.fit_stack`."""
        delivered = output if self._as_output else smoothed
        self._latest = delivered
        losses = self._problem.losses(output) if "loss" in self._needs else output.new_zeros(1)
        means = self._observer.look(iteration, losses, output, smoothed)
        seen = {name: _in_db(means.get(name)) for name in self._needs}
        self._seen.append([values[0] for values in seen.values()])
        if self._watch.look(iteration + 1, seen)[0]:
            self._kept = delivered.clone()
        return self.stopped

    @property
    def stopped(self) -> bool:
        """Whether the rule has ended the fit."""
        return not self._watch.running[0]

    @property
    def seen_db(self) -> NDArray[np.float64]:
        """(K, iterations so far) what the rule looked at; see `Trained`."""
        return np.array(self._seen, np.float64).reshape(len(self._seen), len(self._needs)).T

    def restored(self) -> tuple[int, Tensor]:
        """The delivered iteration (from 1) and its output."""
        kept = self._latest if self._kept is None else self._kept
        assert kept is not None, "no iteration was looked at"
        return int(self._watch.delivered[0]), kept


def known(image: Degraded, iterations: int) -> Fits:
    """What a rule may know about a restoration before it begins.

    It knows the noise as an estimate, and as what the user said.
    """
    noisy = image.task.kind == "denoise"
    estimate = noise_estimate(image.seen) if noisy else np.nan
    stated = np.nan if image.sigma_255 is None else image.sigma_255 / 255
    return Fits(
        kind=image.task.kind,
        budget=iterations,
        stop=iterations,
        sigma=np.array([stated]),
        sigma_estimate=np.array([estimate]),
    )


def check_rule(rule: StoppingRule, image: Degraded, iterations: int) -> None:
    """Reject a rule that does not apply to an image, or cannot act within the iterations.

    Raises:
        ConfigError: the rule does not apply to the task, needs a value that is not known, or could
            only deliver the last output.
    """
    Watch(rule, known(image, iterations))
    earliest = rule.earliest(iterations)
    if earliest > iterations:
        raise ConfigError(
            f"stopping rule {rule} can keep no output before iteration {earliest}, but there are "
            f"only {iterations} iterations: give more of them, or the rule other parameters"
        )


def _in_db(mean: Tensor | None) -> NDArray[np.float64]:
    if mean is None:  # not defined yet
        return np.array([np.nan])
    values: NDArray[np.float64] = mean.double().cpu().numpy()
    with np.errstate(divide="ignore", invalid="ignore"):
        return -10 * np.log10(values)
