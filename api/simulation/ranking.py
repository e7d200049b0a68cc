"""The ranking of ISNAS: score all architectures untrained, train the few with the lowest score.

Source: Arican, Kara, Bredell, Konukoglu, "ISNAS-DIP", CVPR 2022, section 4.

**The selection here is an oracle**: the incumbent among the trained is the one of highest PSNR
against the ground truth. The paper averages the outputs of the cohort and keeps the one nearest to
the average; `nasdip_bench.api.replay` replays that, without a clock. What is measured here is what
the ranking could give at best, under the clock.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from nasdip_bench.errors import ConfigError
from nasdip_bench.proxies import image_scores, info, network_scores

if TYPE_CHECKING:
    from .simulator import Simulator

__all__ = ["isnas_ranking"]


def isnas_ranking(
    sim: Simulator,
    rng: np.random.Generator,
    *,
    proxy: str = "psd_db_strip_mse",
    reference: str | None = None,
    cohort: int = 15,
) -> None:
    """Pay for the score of every architecture, then train the N best by it, best first.

    Lower is better, unless the score claims the opposite. Ties break by arch_id; architectures
    without the score are not trained.

    Args:
        sim: the simulator.
        rng: unused: the ranking is deterministic.
        proxy: name of the score, alone or as "name/reference".
        reference: what it compares with; None for that of the name, corrupted where there are two.
        cohort: N.

    Raises:
        ConfigError: a cohort below 1.
        UnknownNameError: the release has no such score.
    """
    if isinstance(cohort, bool) or not isinstance(cohort, int | np.integer) or cohort < 1:
        raise ConfigError(f"cohort {cohort!r} must be a whole number of at least 1")
    name = proxy.partition("/")[0]
    known = name in (*image_scores(), *network_scores())
    sign = -1.0 if known and info(name).lower_is_better is False else 1.0
    scored = []
    for arch_id in sim.space.tolist():
        value = sign * sim.score(arch_id, proxy, reference).value
        if not math.isnan(value):
            scored.append((value, arch_id))
    for _, arch_id in sorted(scored)[:cohort]:
        sim.train(arch_id)
