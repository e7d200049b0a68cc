"""Projects the hours of a whole build from measured training steps, with uncertainty."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sample import POPULATION

from nasdip_bench.fidelity import FIDELITIES
from nasdip_bench.space import Architecture
from nasdip_bench.space.cost import architecture_cost

IMAGES = 10
_RESAMPLES = 1000


def project(
    fidelity: str, architectures: Sequence[str], seconds_per_iteration: Sequence[float]
) -> dict[str, float]:
    """Hours of one process for 522 architectures x 10 images, both tasks, one seed.

    Seconds per iteration are fitted as a + b·FLOP over the sample by least squares, then summed
    over the population. The interval is the 5th to 95th percentile over resamples of the
    architectures: it shows how well the sample represents all 522, not how steady the machine is.
    """
    at = FIDELITIES[fidelity]
    iterations = sum(at.iterations[task] for task in ("denoise", "inpaint"))

    def flops(arch: Architecture) -> float:
        return 3 * architecture_cost(arch, 1, 1, at.channels).forward_flops(
            at.resolution, at.resolution
        )

    population = np.array([flops(arch) for arch in POPULATION])
    x = np.array([flops(Architecture.parse(text)) for text in architectures])
    y = np.array(seconds_per_iteration)

    def hours(chosen: np.ndarray) -> float:
        design = np.stack([np.ones(len(chosen)), x[chosen]], axis=1)
        (a, b), *_ = np.linalg.lstsq(design, y[chosen], rcond=None)
        return float((a + b * population).sum() * IMAGES * iterations / 3600)

    rng = np.random.default_rng(0)
    everyone = np.arange(len(x))
    resampled = [hours(rng.choice(everyone, len(x))) for _ in range(_RESAMPLES)]
    low, high = np.percentile(resampled, (5, 95))
    return {
        "hours": hours(everyone),
        "low": float(low),
        "high": float(high),
        "flop": float(population.sum() * IMAGES * iterations),
    }
