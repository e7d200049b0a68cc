"""Scores on the tangent kernel K of an untrained network: what gradient descent would fit first.

To first order, gradient descent fits the component of an image along an eigenvector of K at the
rate of its eigenvalue. Convolutional generators have their large eigenvalues at low frequencies,
where images, unlike noise, have their energy, so stopping early restores (Heckel, Soltanolkotabi,
"Denoising and regularization via exploiting the structural bias of convolutional generators", ICLR
2020; Chakrabarty, Maji, "The spectral bias of the deep image prior", 2019; Shi et al., "On
measuring and controlling the spectral bias of the deep image prior", IJCV 2022; Tachella, Tang,
Davies, "The neural tangent link between CNN denoisers and non-local filters", CVPR 2021). None of
these papers has these scores: they measure the bias along whole fits, or prove it; here it is read
off the kernel before training. The scores replace the Jacobian scores of classification (Mellor et
al., ICML 2021; condition number of the kernel between images: Chen et al., ICLR 2021), which
compare the inputs of a batch: a Deep Image Prior has only one input.
"""

from __future__ import annotations

import math
from functools import partial

from .candidate import Candidate
from .density import STRIP_DIAMETERS
from .registry import network_score

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
    """See `nasdip_bench.proxies.jacobian.kernel_traces`."""
    from .jacobian import kernel_probe, kernel_traces

    jacobian = candidate.jacobian
    channels, height, width = jacobian.output.shape[1:]
    probes = (kernel_probe(channels, height, width, number) for number in range(PROBES))
    return candidate.parts.get(
        "kernel traces", lambda: kernel_traces(jacobian, probes, LOW_PASS_DIAMETER)
    )


def _ratio(part: float, whole: float) -> float:
    """part / whole; NaN if nothing has an effect, or nothing is left to fit."""
    return part / whole if whole else math.nan
