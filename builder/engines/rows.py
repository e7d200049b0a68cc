"""A run as the row of a shard: facts about the corruption, curves, the restoration."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from nasdip_bench.fit.loop import Fit
from nasdip_bench.observables import CURVES
from nasdip_bench.tasks import Denoise, Observation, Task, noise_estimate, psnr_db

from ..folder.shard_schema import curve_column


def corruption_facts(
    task: Task, truth: np.ndarray, observation: Observation
) -> dict[str, float | None]:
    from skimage.metrics import structural_similarity

    corrupted, reference = task.comparable(truth, observation)
    similarity = structural_similarity(
        corrupted.astype(np.float64),
        reference.astype(np.float64),
        channel_axis=0,
        data_range=1,
        gaussian_weights=True,
        use_sample_covariance=False,
    )
    noisy = isinstance(task, Denoise)
    return {
        "psnr_corrupted_db": psnr_db(corrupted, reference),
        "ssim_corrupted": float(similarity),
        "sigma_estimate": noise_estimate(observation.corrupted) if noisy else None,
        "known_share": task.known_share(observation),
    }


def succeeded(fit: Fit, at_stop: np.ndarray) -> dict[str, Any]:
    diverged = fit.diverged_at is not None
    return {
        "status": "diverged" if diverged else "ok",
        "diverged_at": fit.diverged_at,
        "error": None,
        "loss": None if diverged else float(fit.loss[-1]),
        "seconds": fit.seconds,
        "processor_seconds": fit.processor_seconds,
        "restoration": None if diverged else _in_16_bits(at_stop),
        **_curves({"psnr": fit.psnr_db, "psnr_smooth": fit.psnr_smooth_db, **fit.recorded}),
    }


def _in_16_bits(image: np.ndarray) -> bytes:
    codes = np.rint(np.clip(image, 0, 1) * 65535).astype("<u2")
    return bytes(codes.tobytes())


def _curves(curves: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {curve_column(name): curves[name].astype(np.float32) for name in CURVES}


def failed(reason: str, iterations: int, seconds: float) -> dict[str, Any]:
    nothing = np.full(iterations, math.nan)
    return {
        "status": "failed",
        "diverged_at": None,
        "error": reason.splitlines()[0][:500],
        "loss": None,
        "seconds": seconds,
        "processor_seconds": seconds,
        "restoration": None,
        **_curves(dict.fromkeys(CURVES, nothing)),
    }
