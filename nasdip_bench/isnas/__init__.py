"""ISNAS: the search for the network of one image, as in ISNAS-DIP (CVPR 2022).

    from nasdip_bench.isnas import Search, corrupt, quick_config
    from nasdip_bench.tasks import Denoise

    problem = corrupt(clean, Denoise(25), "wall")       # or degraded(noisy, Denoise(25), "wall")
    result = Search(problem, quick_config(problem.task)).run()
    result.architecture, result.restored, problem.psnr_db(result.restoration.output)

The command is ``nasdip-restore``. Modules that train networks are loaded on first use, so that
`nasdip_bench.api.replay`, which uses the selectors, needs no torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .image import corrupt as corrupt
from .image import degraded as degraded
from .selection import Cohort as Cohort

if TYPE_CHECKING:
    from .config import paper_config as paper_config
    from .config import quick_config as quick_config
    from .results import classical_restoration as classical_restoration
    from .search import Search as Search

_LAZY = {
    "paper_config": "config",
    "quick_config": "config",
    "classical_restoration": "results",
    "Search": "search",
}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
