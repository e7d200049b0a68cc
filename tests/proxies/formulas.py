"""Images by formula and their spectra by a direct transform."""

from __future__ import annotations

import numpy as np


def formula_image(channels: int, height: int, width: int, phase: float) -> np.ndarray:
    """(C, H, W) float64 in [0, 1], rough enough to have energy everywhere."""
    c, y, x = np.mgrid[:channels, :height, :width]
    smooth = np.sin(0.21 * x + 0.13 * y + phase + c)
    rough = np.sin(1.7 * x * y + 0.9 * (x - phase * y) ** 2 + 2 * c)
    return 0.5 + 0.25 * smooth + 0.2 * rough


def direct_psd(image: np.ndarray) -> np.ndarray:
    """|FFT2|² / n², shifted, by two matrices of exponentials over centred frequencies."""
    height, width = image.shape[-2:]

    def matrix(n: int) -> np.ndarray:
        return np.exp(-2j * np.pi * np.outer(np.arange(n) - n // 2, np.arange(n)) / n)

    return np.abs(matrix(height) @ image @ matrix(width).T / (height * width)) ** 2
