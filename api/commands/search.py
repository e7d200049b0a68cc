"""The command that compares search algorithms on simulated time."""

from __future__ import annotations

from typing import Annotated

import typer

from nasdip_bench.console.options import split
from nasdip_bench.console.progress import parse_duration

from ..benchmark import NASDIPBench
from ..reading.runs import VERDICT_TARGETS
from ..statistics.tau_frame import MEAN
from .options import (
    DATA,
    TARGET,
    ByImage,
    Data,
    FidelityName,
    Form,
    Images,
    Level,
    Out,
    Picture,
    Resamples,
    Target,
    TaskArgument,
    TaskName,
    check_form,
    emit,
    image_names,
    show,
)

__all__ = ["add_commands", "search_leaderboard_command"]


Budget = Annotated[
    str | None,
    typer.Option(
        help="Simulated time of a search: 90s, 30m, 2h ... Default: that of 50 trainings."
    ),
]


def search_command(
    task: TaskName = "denoise",
    images: Annotated[str, typer.Option(help="Names, comma-separated, or 'all'.")] = "all",
    algorithms: Annotated[
        str,
        typer.Option(
            help="Comma-separated: random, evolution, halving, hyperband, isnas; or 'all' of these."
        ),
    ] = "all",
    budget: Budget = None,
    repeats: Annotated[int, typer.Option(help="Searches of each algorithm on each image.")] = 50,
    seed: Annotated[int, typer.Option(help="Of the searches.")] = 0,
    run_seed: Annotated[
        int | None, typer.Option(help="Of the recorded runs. Default: the default seeds in turn.")
    ] = None,
    target: Target = TARGET,
    cost: Annotated[
        str,
        typer.Option(help="What training is charged: flops (operations) or recorded (seconds)."),
    ] = "flops",
    flops_per_second: Annotated[
        float | None, typer.Option(help="Rate of 'flops'. Default: that of the recorded runs.")
    ] = None,
    fidelity: FidelityName = None,
    form: Form = "",
    out: Picture = None,
    data: Data = DATA,
) -> None:
    """Compare search algorithms: regret against simulated time, from recorded runs."""
    check_form(form, out)
    seconds = None if budget is None else parse_duration(budget, "budget")
    from ..search import compare, search_figure
    from ..simulation.prices import CostModel

    frame = compare(
        NASDIPBench(data),
        task,
        image_names(images),
        image_names(algorithms),
        seconds,
        repeats,
        seed,
        fidelity=fidelity,
        run_seed=run_seed,
        target=target,
        cost=CostModel(kind=cost, flops_per_second=flops_per_second),
    )
    show(search_figure(frame), form, out)


def search_leaderboard_command(
    task: TaskArgument = "denoise",
    images: Images = "all",
    targets: Annotated[
        str, typer.Option(help="Columns of runs.parquet, comma-separated.")
    ] = ",".join(VERDICT_TARGETS),
    budget: Budget = None,
    repeats: Annotated[int, typer.Option(help="Searches on each image and seed.")] = 100,
    by_image: ByImage = False,
    fidelity: FidelityName = None,
    level: Level = 0.95,
    resamples: Resamples = 1000,
    out: Out = None,
    data: Data = DATA,
) -> None:
    """Print what searches choose, judged on the seed that they did not see; best first."""
    seconds = None if budget is None else parse_duration(budget, "budget")
    frame = NASDIPBench(data).search_leaderboard(
        task,
        images=image_names(images),
        targets=split(targets),
        budget_seconds=seconds,
        repeats=repeats,
        fidelity=fidelity,
        level=level,
        resamples=resamples,
    )
    if not by_image:
        frame = frame.xs(MEAN, level="image")
    emit(frame.to_csv(lineterminator="\n", float_format="%.6g"), out)


def add_commands(app: typer.Typer) -> None:
    """Register the command over time; the leaderboards are added together."""
    app.command("search")(search_command)
