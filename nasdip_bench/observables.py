"""Names and meanings of what a fit records in addition to PSNR.

x is the output of an iteration, s the moving average of the outputs, y the corrupted image. All
except SSIM are recorded as -10·log10 of a mean and do not use the ground truth, so stopping rules
may see them. `nasdip_bench.fit.recording` computes them.
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
"""The mean behind each name, recorded as -10·log10. Undefined values are missing: neighbour in
super-resolution, step and emv at the first output, wmv_W at the first W - 1."""

SSIM = "ssim_smooth"
"""SSIM of s against the ground truth: an oracle, like PSNR."""

CURVES = ("psnr", "psnr_smooth", SSIM, *OBSERVABLES)
"""Everything recorded at every iteration."""
