"""NASDIP-Bench: a tabular neural-architecture-search benchmark for Deep Image Prior.

After Arican, Kara, Bredell, Konukoglu, "ISNAS-DIP: Image-Specific Neural Architecture Search for
Deep Image Prior", CVPR 2022.

    from nasdip_bench import NASDIPBench

    bench = NASDIPBench("data/")
    bench.query(0, "lena", "denoise").best_psnr_smooth_db

The modules here define architectures, networks, images, tasks, fits, scores, runs and dataset
files; `nasdip_bench.builder` produces datasets; `nasdip_bench.api` reads them. `NASDIPBench` is
loaded on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nasdip_bench._version import __version__

if TYPE_CHECKING:
    from nasdip_bench.api.benchmark import NASDIPBench

__all__ = ["NASDIPBench", "__version__"]


def __getattr__(name: str) -> Any:
    if name == "NASDIPBench":
        from nasdip_bench.api.benchmark import NASDIPBench

        return NASDIPBench
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), "NASDIPBench"])
