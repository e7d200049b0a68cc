"""ISNAS: the search for the network of one image, as in ISNAS-DIP (CVPR 2022).

    from nasdip_bench.isnas import Search, corrupt, quick_config
    from nasdip_bench.tasks import Denoise

    problem = corrupt(clean, Denoise(25), "wall")       # or degraded(noisy, Denoise(25), "wall")
    result = Search(problem, quick_config(problem.task)).run()
    result.architecture, result.restored, problem.psnr_db(result.restoration.output)

The command is ``nasdip-restore``. Modules that train networks are loaded on first use: `Cohort` and
the selectors, which `nasdip_bench.api.replay` uses, need no torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .image import Degraded as Degraded
from .image import corrupt as corrupt
from .image import degraded as degraded
from .ranking import ranked as ranked
from .ranking import score_candidates as score_candidates
from .resized import resized as resized
from .resized import resized_as_released as resized_as_released
from .selection import Cohort as Cohort
from .selection import get_selector as get_selector
from .selection import weighted_average as weighted_average
from .selection import weights as weights

if TYPE_CHECKING:
    from .config import SearchConfig as SearchConfig
    from .config import paper_config as paper_config
    from .config import quick_config as quick_config
    from .results import classical_restoration as classical_restoration
    from .search import Search as Search
    from .search import SearchResult as SearchResult
    from .training import Trained as Trained
    from .training import train as train
    from .training import train_baseline as train_baseline

_LAZY = {
    "config": ("SearchConfig", "paper_config", "quick_config"),
    "results": ("classical_restoration",),
    "search": ("Search", "SearchResult"),
    "training": ("Trained", "train", "train_baseline"),
}


def __getattr__(name: str) -> Any:
    for module, names in _LAZY.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
