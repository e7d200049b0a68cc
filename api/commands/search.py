"""Commands that compare searches: over simulated time, and on another seed."""

from __future__ import annotations

from typing import Annotated

import typer

from nasdip_bench.console.progress import parse_duration

from ..reading.arrays.targets import TARGET
from ..search.comparison import COMPARED
from ..search.figure import search_figure
from ..search.leaderboard_figure import search_leaderboard_figure
from ..search.methods import METHODS
from ..simulation.prices import CostModel
from .options import (
    Data,
    FidelityName,
    Form,
    Images,
    Level,
    Picture,
    Repeats,
    Resamples,
    Seed,
    Target,
    Targets,
    Task,
    image_names,
    measured,
    show_figure,
)

Budget = Annotated[
    str | None,
    typer.Option(
        help="Simulated time of a search: 90s, 30m, 2h ... Default: the time of 50 "
        "trainings, or of half the architectures if that is less."
    ),
]


def search_command(
    task: Task = "denoise",
    images: Images = "all",
    methods: Annotated[
        str,
        typer.Option(
            help=f"Comma-separated: {', '.join(METHODS)}. 'all' are {', '.join(COMPARED)}."
        ),
    ] = "all",
    budget: Budget = None,
    repeats: Annotated[int, typer.Option(help="Searches on each image and seed.")] = 25,
    seed: Seed = None,
    target: Target = TARGET,
    cost: Annotated[
        str,
        typer.Option(help="Price of training: flops (operations) or recorded (seconds)."),
    ] = "flops",
    flops_per_second: Annotated[
        float | None, typer.Option(help="Rate for 'flops'. Default: that of the recorded runs.")
    ] = None,
    fidelity: FidelityName = None,
    form: Form = "",
    out: Picture = None,
    data: Data = None,
) -> None:
    """Compare searches on recorded runs: regret against simulated time."""
    show_figure(
        search_figure,
        data,
        task,
        images,
        fidelity,
        form,
        out,
        methods=image_names(methods),
        budget_seconds=None if budget is None else parse_duration(budget, "budget"),
        repeats=repeats,
        seed=seed,
        target=target,
        cost=CostModel(kind=cost, flops_per_second=flops_per_second),
    )


def search_leaderboard_command(
    task: Task = "denoise",
    images: Images = "all",
    targets: Targets = "all",
    budget: Budget = None,
    repeats: Repeats = 100,
    fidelity: FidelityName = None,
    level: Level = 0.95,
    resamples: Resamples = 1000,
    form: Form = "",
    out: Picture = None,
    data: Data = None,
) -> None:
    """Show what searches choose, judged on a seed that they did not see; csv has each image."""
    show_figure(
        search_leaderboard_figure,
        data,
        task,
        images,
        fidelity,
        form,
        out,
        targets=measured(targets),
        budget_seconds=None if budget is None else parse_duration(budget, "budget"),
        repeats=repeats,
        level=level,
        resamples=resamples,
    )
