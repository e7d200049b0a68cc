"""The configuration of a search: one validated, frozen object."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from nasdip_bench.errors import ConfigError, check_name, check_whole
from nasdip_bench.fidelity import FIDELITIES, PRECISIONS
from nasdip_bench.network import check_channels
from nasdip_bench.space import PAPER_CANDIDATES
from nasdip_bench.stopping import StoppingRule, parse_rule
from nasdip_bench.tasks import Task

from .ranking import check_score
from .selection import SELECTORS, UNTRAINED, WEIGHTINGS

SELECTIONS = ("full", "resized")
"""What the cohort is trained on: the image, or the corrupted image made small."""

_LARGEST = 10**6


@dataclass(frozen=True, kw_only=True)
class SearchConfig:
    """Configuration of a search for one image.

    Attributes:
        score: the training-free score to rank by; lower is better.
        candidates: architectures to rank; see `nasdip_bench.space.candidate_architectures`.
        inits: initialisations a score is averaged over.
        cohort: N, how many of the best-ranked to train; at most the candidates. Selector
            "best-score" trains none.
        selection: one of `SELECTIONS`.
        weighting: weights of the average; one of `nasdip_bench.isnas.selection.WEIGHTINGS`.
        selector: one of `nasdip_bench.isnas.selection.SELECTORS`.
        search_channels: channels at every level of the networks that are ranked and selected from.
        channels: the same for the network that restores.
        cohort_iterations: training iterations of each cohort network.
        iterations: maximum training iterations of the restoration.
        stop: the restoration's stopping rule, as `nasdip_bench.stopping.parse_rule` reads it.
        precision: precision of training.
        seed: seed of weights, inputs and perturbations.

    Raises:
        ConfigError, UnknownNameError: a value that is not allowed.
    """

    score: str
    candidates: int
    inits: int
    cohort: int
    selection: str
    weighting: str
    selector: str
    search_channels: int
    channels: int
    cohort_iterations: int
    iterations: int
    stop: str
    precision: str
    seed: int

    def __post_init__(self) -> None:
        check_score(self.score)
        for name in ("candidates", "inits", "cohort", "cohort_iterations", "iterations"):
            check_whole(name, getattr(self, name), 1, _LARGEST)
        if self.trained > self.candidates:
            raise ConfigError(
                f"a cohort of {self.cohort} cannot be chosen from {self.candidates} candidates: "
                f"give more candidates, or a smaller cohort"
            )
        for name in ("search_channels", "channels"):
            check_channels(name, getattr(self, name))
        for name, allowed in (
            ("selection", SELECTIONS),
            ("weighting", WEIGHTINGS),
            ("selector", SELECTORS),
            ("precision", PRECISIONS),
        ):
            check_name(name, getattr(self, name), allowed)
        check_whole("seed", self.seed, 0)
        parse_rule(self.stop)

    @property
    def trained(self) -> int:
        """How many networks are trained for the selector to choose from."""
        return 0 if self.selector == UNTRAINED else self.cohort

    @property
    def rule(self) -> StoppingRule:
        """The stopping rule."""
        return parse_rule(self.stop)


def paper_config(task: Task, selection: str = "full", **changes: Any) -> SearchConfig:
    """The paper's settings: its candidates, a cohort of 15, 128 channels.

    Scores are averaged over 8 initialisations; the paper takes one, but tau between the rankings of
    two is only 0.4 to 0.65. A cohort on a small image is trained until the stopping iteration of
    fidelity r64, since small images overfit sooner.

    Args:
        task: the task.
        selection: one of `SELECTIONS`.
        **changes: other values of single fields of `SearchConfig`.
    """
    iterations = changes.get("iterations", FIDELITIES["r512"].iterations[task.kind])
    at_once = FIDELITIES["r64"].stop.get(task.kind, iterations)
    settings: dict[str, Any] = {
        "score": "psd_db_strip_mse",
        "candidates": PAPER_CANDIDATES,
        "inits": 8,
        "cohort": 15,
        "selection": selection,
        "weighting": "paper",
        "selector": "closest",
        "search_channels": 128,
        "channels": 128,
        "cohort_iterations": iterations if selection == "full" else at_once,
        "iterations": iterations,
        "stop": "last",
        "precision": "fp32",
        "seed": 0,
    }
    return SearchConfig(**(settings | changes))


_QUICK_ITERATIONS = {"denoise": 1000, "inpaint": 1500, "super_resolve": 1500}


def quick_config(task: Task, **changes: Any) -> SearchConfig:
    """Smaller settings for a CPU: some minutes for 256 x 256 pixels on two cores.

    200 candidates with two initialisations, a cohort of 8; 16 channels to search and 32 to restore;
    the resized selection. It is not defined for super-resolution, which selects at full size after
    200 iterations.
    """
    kind = task.kind
    resized = kind != "super_resolve"
    settings: dict[str, Any] = {
        "candidates": 200,
        "inits": 2,
        "cohort": 8,
        "selection": "resized" if resized else "full",
        "search_channels": 16,
        "channels": 32,
        "iterations": _QUICK_ITERATIONS[kind],
        "cohort_iterations": FIDELITIES["r64c16"].stop[kind] if resized else 200,
    }
    return paper_config(task, **(settings | changes))


PRESETS: dict[str, Callable[..., SearchConfig]] = {"paper": paper_config, "quick": quick_config}
"""Configurations for a task by name; they take changes of single fields."""
