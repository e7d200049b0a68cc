"""What a fit records at every iteration beside PSNR: names and meanings. Must not import torch.

x is the output at an iteration, s the moving average of the outputs, y the corrupted image. All but
SSIM are recorded as -10·log10 of a mean, and none of them looks at the ground truth: they are what
a stopping rule may see. `nasdip_bench.fit.recording` computes them.
"""

from __future__ import annotations

OBSERVABLES: dict[str, str] = {
    "loss": "mean squared difference of x and y over the known pixels",
    "loss_smooth": "the same of s and y",
    "neighbour": "mean squared difference of a pixel of s and its known four neighbours in y",
    "wmv_25": "variance of the last 25 outputs, mean over pixels (ES-WMV, arXiv 2112.06074)",
    "wmv_100": "variance of the last 100 outputs, mean over pixels (ES-WMV, arXiv 2112.06074)",
    "emv": "exponentially weighted variance of the outputs, mean over pixels (ES-EMV, same source)",
    "step": "mean squared difference of x and the output before it",
    "high_frequency": "share of the power of x, mean excluded, above 0.25 cycles a pixel",
}
"""By name, what it is the -10·log10 of. Values that are not defined are missing: neighbour of
super-resolution, step and emv of the first output, wmv_W of the first W - 1."""

SSIM = "ssim_smooth"
"""SSIM of s against the ground truth: an oracle, as PSNR is."""

CURVES = ("psnr", "psnr_smooth", SSIM, *OBSERVABLES)
"""All that is recorded at every iteration."""
