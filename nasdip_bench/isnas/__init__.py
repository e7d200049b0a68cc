"""ISNAS: the search for the network of one image, as in ISNAS-DIP (CVPR 2022).

    from nasdip_bench.isnas import Search, corrupt, quick_config
    from nasdip_bench.tasks import Denoise

    problem = corrupt(clean, Denoise(25), "wall")       # or degraded(noisy, Denoise(25), "wall")
    result = Search(problem, quick_config(problem.task)).run()
    result.architecture, result.restored, problem.psnr_db(result.restoration.output)

The command is ``nasdip-restore``. What trains networks is loaded on first use: selection alone, as
in `nasdip_bench.api.replay`, needs no torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .classical import classical_restoration
from .image import Degraded, corrupt, degraded
from .ranking import Judge, Ranked, mean_scores, ranked, score_candidates
from .resized import resized, resized_as_released
from .selection import Cohort, Selector, get_selector, weighted_average, weights

if TYPE_CHECKING:
    from .config import SearchConfig, paper_config, quick_config
    from .search import Search, SearchResult
    from .training import Trained, train, train_baseline

__all__ = [
    "Cohort",
    "Degraded",
    "Judge",
    "Ranked",
    "Search",
    "SearchConfig",
    "SearchResult",
    "Selector",
    "Trained",
    "classical_restoration",
    "corrupt",
    "degraded",
    "get_selector",
    "mean_scores",
    "paper_config",
    "quick_config",
    "ranked",
    "resized",
    "resized_as_released",
    "score_candidates",
    "train",
    "train_baseline",
    "weighted_average",
    "weights",
]

_MODULES = {
    "SearchConfig": "config",
    "paper_config": "config",
    "quick_config": "config",
    "Search": "search",
    "SearchResult": "search",
    "Trained": "training",
    "train": "training",
    "train_baseline": "training",
}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(import_module(f"nasdip_bench.isnas.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_MODULES])
