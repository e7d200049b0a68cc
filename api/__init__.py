"""The query API: reads releases of the benchmark.

    from nasdip_bench.api import NASDIPBench

    bench = NASDIPBench("data/")
    bench.query("172-0000011001001001100111101", "lena", "denoise")   # one run, or a mean of runs
    bench.curve(0, "lena", "denoise")                                 # its learning curve
    bench.scores(0, "lena", "denoise")                                # its training-free scores
    bench.kendall("denoise"), bench.overlap("denoise", k=10)          # pandas frames
    bench.to_frame("runs")

Data dictionary. One axis order everywhere; # says what indexes what:

    query(...)     RunRecord   # architecture, image, task, fidelity, seed -> metric -> number
    curve(...)     Curve       # architecture, image, task, fidelity, seed -> iteration -> dB
    scores(...)    dict        # architecture, image, task, fidelity -> "proxy/reference" -> number
    kendall(...)   DataFrame   # image -> (proxy, reference) -> tau-b over architectures, -1..1
    overlap(...)   DataFrame   # image -> image -> number of shared architectures, 0..k
    coverage()     DataFrame   # fidelity, task, image, seed -> expected, ok, diverged, failed, ...
    to_frame(name) DataFrame   # a table as it is on disk: runs, scores, architectures, images

Metrics, in dB and higher is better where the name ends in ``_db``: ``final_*`` is the PSNR at the
stopping iteration of the fidelity, ``last_*`` at the end of the budget, ``best_*`` the highest of
the whole run, which needs the ground truth and is an oracle. ``*_smooth_*`` is of the exponential
moving average of the outputs (weight 0.99). ``best_iteration`` and ``best_raw_iteration`` count
from 1. A run is ``ok``, ``diverged`` (its loss was not finite: its numbers are NaN) or ``failed``.

Scores: "proxy/reference", where the reference is ``corrupted`` (what a user has), ``ground_truth``
(what only a benchmark has) or ``none``. Of the paper's scores lower is claimed to be better.

Defaults: ``fidelity=None`` is the release's default for the task, ``seed=None`` the mean over the
default seeds; every result names both. `nasdip_bench.schema` has each column with unit, direction
and meaning. Importing this package imports neither pandas nor SciPy, h5py or matplotlib, and never
torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nasdip_bench.api.benchmark import NASDIPBench
    from nasdip_bench.api.figures import OverlapFigure, figure1
    from nasdip_bench.api.records import Curve, RunRecord
    from nasdip_bench.api.tables import Table1, table1

__all__ = ["NASDIPBench", "RunRecord", "Curve", "table1", "Table1", "figure1", "OverlapFigure"]

_MODULES = {
    "NASDIPBench": "benchmark",
    "RunRecord": "records",
    "Curve": "records",
    "table1": "tables",
    "Table1": "tables",
    "figure1": "figures",
    "OverlapFigure": "figures",
}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(import_module(f"nasdip_bench.api.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_MODULES])
