"""Commands of searches: compared over simulated time, judged on another seed, the paper's."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from nasdip_bench.console.progress import parse_duration

from ..reading.arrays.targets import TARGET
from ..replay.figure import replay_figure
from ..search.comparison import COMPARED
from ..search.figure import search_figure
from ..search.leaderboard_figure import search_leaderboard_figure
from ..search.methods import METHODS
from ..simulation.prices import CostModel
from .options import (
    Level,
    Repeats,
    Resamples,
    Seed,
    Target,
    Targets,
    exhibit_command,
    image_names,
    measured,
)

Budget = Annotated[
    str | None,
    typer.Option(
        help="Simulated time of a search: 90s, 30m, 2h ...; a plain number is seconds. Default: "
        "the time of 50 trainings, or of half the architectures if that is less."
    ),
]


def _seconds(budget: str | None) -> float | None:
    return None if budget is None else parse_duration(budget, "budget")


@exhibit_command(search_figure)
def search_command(
    methods: Annotated[
        str,
        typer.Option(
            help=f"Comma-separated: {', '.join(METHODS)}. 'all' are {', '.join(COMPARED)}."
        ),
    ] = "all",
    budget: Budget = None,
    repeats: Repeats = 25,
    seed: Seed = None,
    target: Target = TARGET,
    cost: Annotated[
        str,
        typer.Option(help="Price of training: flops (operations) or recorded (seconds)."),
    ] = "flops",
    flops_per_second: Annotated[
        float | None, typer.Option(help="Rate for 'flops'. Default: that of the recorded runs.")
    ] = None,
) -> dict[str, Any]:
    """Compare searches on recorded runs: regret against simulated time."""
    return {
        "methods": image_names(methods),
        "budget_seconds": _seconds(budget),
        "repeats": repeats,
        "seed": seed,
        "target": target,
        "cost": CostModel(kind=cost, flops_per_second=flops_per_second),
    }


@exhibit_command(search_leaderboard_figure)
def search_leaderboard_command(
    targets: Targets = "all",
    budget: Budget = None,
    repeats: Repeats = 100,
    level: Level = 0.95,
    resamples: Resamples = 1000,
) -> dict[str, Any]:
    """Show what searches choose, judged on a seed that they did not see; csv has each image."""
    how = {"targets": measured(targets), "budget_seconds": _seconds(budget), "repeats": repeats}
    return how | {"level": level, "resamples": resamples}


@exhibit_command(replay_figure)
def replay_command(
    score: Annotated[
        str, typer.Option(help="Names of scores, comma-separated; 'all': those that rank.")
    ] = "all",
    cohort: Annotated[
        int | None, typer.Option(help="The largest cohort. Default: 50, or all if there are fewer.")
    ] = None,
    weighting: Annotated[
        str, typer.Option(help="Weights of the cohort's average: paper, released or equal.")
    ] = "paper",
    reference: Annotated[
        str, typer.Option(help="Reference of the scores: corrupted, or ground_truth (an oracle).")
    ] = "corrupted",
    seed: Seed = None,
) -> dict[str, Any]:
    """Replay the paper's search on recorded runs: regret of what it selects, for every N."""
    how = {"scores": image_names(score), "n": cohort, "seed": seed}
    return how | {"reference": reference, "weighting": weighting}
