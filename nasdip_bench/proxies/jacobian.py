"""Products with the Jacobian of a network's output, and its tangent kernel.

Gradient descent on a loss moves the output f by -K ∂L/∂f to first order in the step, where
K = J Jᵀ is the empirical neural tangent kernel (Jacot, Gabriel, Hongler, NeurIPS 2018) and J the
Jacobian of the n values of f with respect to all parameters. J is never formed: uᵀ K u = |Jᵀ u|²,
and Jᵀ u is one backward pass.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor, nn

from nasdip_bench.fit.precision import numerics
from nasdip_bench.network import Network
from nasdip_bench.network.fast import FastNetwork
from nasdip_bench.seeding import BitStream


class Jacobian:
    """A network's output at one input, with the graph behind it.

    The network does not change: gradients are taken at views of its parameters and not stored in
    it, and what a forward pass writes into buffers goes into copies. Networks of the benchmark run
    in their fast form, which is equal except for rounding.

    Args:
        network: any network; its mode is not changed (the benchmark's networks have only one).
        z: (1, C, H, W), its input.

    Attributes:
        output: (1, C', H', W'), detached.
    """

    def __init__(self, network: nn.Module, z: Tensor) -> None:
        forward = FastNetwork(network) if isinstance(network, Network) else network
        parameters = {n: p.detach().requires_grad_() for n, p in forward.named_parameters()}
        buffers = {n: b.clone() for n, b in forward.named_buffers()}
        self._parameters = list(parameters.values())
        with torch.enable_grad(), numerics("fp32", z.device):
            self._output = torch.func.functional_call(forward, (parameters, buffers), (z,))
        self.output: Tensor = self._output.detach()

    def pull_back(self, direction: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Jᵀ u as pairs (parameter, its part); parameters without effect are left out.

        Args:
            direction: u, with the output's shape.
        """
        with numerics("fp32", direction.device):
            parts = torch.autograd.grad(
                self._output, self._parameters, direction, retain_graph=True, allow_unused=True
            )
        pairs = zip(self._parameters, parts, strict=True)
        return [(parameter.detach(), part) for parameter, part in pairs if part is not None]

    def energy(self, direction: Tensor) -> float:
        """|Jᵀ u|² = uᵀ K u."""
        parts = [part for _, part in self.pull_back(direction)]
        return float(torch.stack([part.norm() for part in parts]).double().square().sum())


def low_pass(image: np.ndarray, diameter: float) -> np.ndarray:
    """The low frequencies of an image: an orthogonal projection.

    Args:
        image: (..., H, W) float64.
        diameter: diameter of the disc of frequencies that pass, as a fraction of the image's size:
            those whose distance from zero is strictly below diameter / 2 cycles per pixel.
    """
    rows, columns = (np.fft.fftfreq(side) for side in image.shape[-2:])
    disc = np.hypot(rows[:, None], columns) < diameter / 2
    kept: np.ndarray = np.fft.ifft2(np.fft.fft2(image) * disc).real
    return kept


def kernel_probe(channels: int, height: int, width: int, number: int) -> np.ndarray:
    """A random direction u of the output with E u uᵀ = 1, the same for all networks of a shape.

    It is noise whose spectrum has modulus 1 and random phases. As for any white noise, uᵀ K u has
    the mean tr K (Hutchinson 1989). For this one it is exactly tr K if K is a convolution; kernels
    of convolutional networks come close to one, so the estimate scatters less.

    Returns:
        (channels, height, width) float64, with mean square 1.
    """
    stream = BitStream("kernel probe", f"{height}x{width}", channels, number)
    spectrum = np.fft.fft2(stream.normal64((channels, height, width)))
    probe: np.ndarray = np.fft.ifft2(spectrum / np.abs(spectrum)).real * np.sqrt(height * width)
    return probe


def kernel_traces(
    jacobian: Jacobian, probes: Iterable[np.ndarray], diameter: float
) -> tuple[float, float]:
    """The trace of K at low frequencies and at all others, as means over probes.

    With P the projection on low frequencies, tr K = tr P K P + tr (1 - P) K (1 - P).

    Args:
        jacobian: the Jacobian of a network.
        probes: directions with the output's shape without the first axis, float64.
        diameter: see `low_pass`.
    """
    like = jacobian.output
    bands = []
    for probe in probes:
        low = low_pass(probe, diameter)
        parts = (torch.as_tensor(part)[None].to(like) for part in (low, probe - low))
        bands.append([jacobian.energy(part) for part in parts])
    low_trace, high_trace = np.mean(bands, axis=0).tolist()
    return low_trace, high_trace
