"""Scores on the tangent kernel K of an untrained network: what gradient descent would fit first.

Gradient descent on a loss moves the output f by -K ∂L/∂f to first order in the step, where
K = J Jᵀ is the empirical neural tangent kernel (Jacot, Gabriel, Hongler, NeurIPS 2018). It fits the
component of an image along an eigenvector of K at the rate of its eigenvalue. Convolutional
generators have their large eigenvalues at low frequencies, where images, unlike noise, have their
energy, so stopping early restores (Heckel, Soltanolkotabi, "Denoising and regularization via
exploiting the structural bias of convolutional generators", ICLR 2020; Chakrabarty, Maji, "The
spectral bias of the deep image prior", 2019; Shi et al., "On measuring and controlling the spectral
bias of the deep image prior", IJCV 2022; Tachella, Tang, Davies, "The neural tangent link between
CNN denoisers and non-local filters", CVPR 2021). They measure the bias along whole fits, or prove
it; these scores read it off the kernel before training. They replace the Jacobian scores of
classification (Mellor et al., ICML 2021; condition number of the kernel between images: Chen et
al., ICLR 2021), which compare the inputs of a batch: a Deep Image Prior has only one input.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from nasdip_bench.seeding import BitStream

from .candidate import Candidate
from .density import STRIP_DIAMETERS
from .registry import network_score

if TYPE_CHECKING:
    from .passes import Jacobian

PROBES = 4
"""Random directions for estimating the kernel's trace; two backward passes each."""

LOW_PASS_DIAMETER = STRIP_DIAMETERS[1]
"""Diameter of the disc of low frequencies: the outer one of the strip of the paper's scores."""

_proxy = partial(network_score, of_candidate=True, needs_reference=False, lower_is_better=False)


@_proxy(
    name="ntk_alignment",
    unit="1",
    source="after Heckel and Soltanolkotabi (ICLR 2020) and Cristianini et al. (NIPS 2001)",
    description="rate at which the corrupted image is fitted first, over that of white noise",
)
def _ntk_alignment(candidate: Candidate) -> float:
    """The Rayleigh quotient of K at u = ∂L/∂f over the mean of K's eigenvalues."""
    gradient, traces = candidate.loss_gradient, _traces(candidate)
    mean = sum(traces) / candidate.jacobian.output.numel()
    return _ratio(gradient.energy, gradient.output_energy * mean)


@_proxy(
    name="ntk_low_pass",
    unit="1",
    source="after Heckel and Soltanolkotabi (ICLR 2020) and Chakrabarty and Maji (2019)",
    description="share of the tangent kernel's trace at frequencies below 0.1 cycles a pixel",
    depends_on="initialisation",
)
def _ntk_low_pass(candidate: Candidate) -> float:
    low, high = _traces(candidate)
    return _ratio(low, low + high)


def _traces(candidate: Candidate) -> tuple[float, float]:
    jacobian = candidate.jacobian
    channels, height, width = jacobian.output.shape[1:]
    probes = (kernel_probe(channels, height, width, number) for number in range(PROBES))
    return candidate.parts.get("kernel traces", kernel_traces, jacobian, probes)


def _ratio(part: float, whole: float) -> float:
    """part / whole; NaN if nothing has an effect, or nothing is left to fit."""
    return part / whole if whole else math.nan


def kernel_traces(jacobian: Jacobian, probes: Iterable[np.ndarray]) -> tuple[float, float]:
    """The trace of K at low frequencies and at all others, as means over probes.

    With P the projection on low frequencies, tr K = tr P K P + tr (1 - P) K (1 - P).

    Args:
        jacobian: the Jacobian of a network.
        probes: directions with the output's shape without the first axis, float64.
    """
    import torch

    like = jacobian.output
    bands = []
    for probe in probes:
        low = low_pass(probe)
        parts = (torch.as_tensor(part)[None].to(like) for part in (low, probe - low))
        bands.append([jacobian.energy(part) for part in parts])
    low_trace, high_trace = np.mean(bands, axis=0).tolist()
    return low_trace, high_trace


def low_pass(image: np.ndarray, diameter: float = LOW_PASS_DIAMETER) -> np.ndarray:
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
