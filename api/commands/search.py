"""The command that compares search algorithms on simulated time."""

from __future__ import annotations

from typing import Annotated

import typer

from nasdip_bench.console.progress import parse_duration

from ..benchmark import NASDIPBench
from .options import (
    DATA,
    Data,
    FidelityName,
    Form,
    Picture,
    TaskName,
    check_form,
    image_names,
    show,
)

__all__ = ["add_commands"]

_FINAL = "final_psnr_smooth_db"


def search_command(
    task: TaskName = "denoise",
    images: Annotated[str, typer.Option(help="Names, comma-separated, or 'all'.")] = "all",
    algorithms: Annotated[
        str,
        typer.Option(
            help="Comma-separated: random, evolution, halving, hyperband, isnas_oracle; or 'all'."
        ),
    ] = "all",
    budget: Annotated[
        str | None,
        typer.Option(
            help="Simulated time of a search: 90s, 30m, 2h ... Default: that of 50 trainings."
        ),
    ] = None,
    repeats: Annotated[int, typer.Option(help="Searches of each algorithm on each image.")] = 50,
    seed: Annotated[int, typer.Option(help="Of the searches.")] = 0,
    run_seed: Annotated[
        int | None, typer.Option(help="Of the recorded runs. Default: the default seeds in turn.")
    ] = None,
    target: Annotated[
        str, typer.Option(help="Column of runs.parquet that regret is measured by.")
    ] = _FINAL,
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
    from ..simulation import compare, search_figure
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


def add_commands(app: typer.Typer) -> None:
    """Register the command."""
    app.command("search")(search_command)
