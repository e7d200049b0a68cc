"""The command that replays ISNAS from recorded runs."""

from __future__ import annotations

from typing import Annotated

import typer

from ..benchmark import NASDIPBench
from .options import (
    DATA,
    Data,
    FidelityName,
    Form,
    Images,
    Picture,
    Seed,
    Task,
    check_form,
    image_names,
    show,
)


def replay_command(
    task: Task = "denoise",
    images: Images = "all",
    score: Annotated[
        str, typer.Option(help="Names of scores, comma-separated, or 'all' that rank.")
    ] = "all",
    cohort: Annotated[
        int | None, typer.Option(help="The largest cohort. Default: 50, or all if there are fewer.")
    ] = None,
    selector: Annotated[
        str,
        typer.Option(
            help="closest (needs distances between outputs), best-score, random or oracle."
        ),
    ] = "closest",
    with_output: Annotated[
        bool,
        typer.Option(
            "--with-output",
            help="Rank only architectures with distances between outputs, as closest does, to "
            "make selectors comparable.",
        ),
    ] = False,
    weighting: Annotated[
        str, typer.Option(help="Weights of the cohort's average: paper, released or equal.")
    ] = "paper",
    reference: Annotated[
        str, typer.Option(help="Reference of the scores: corrupted, or ground_truth (an oracle).")
    ] = "corrupted",
    fidelity: FidelityName = None,
    seed: Seed = None,
    form: Form = "",
    out: Picture = None,
    data: Data = DATA,
) -> None:
    """Replay the paper's search on recorded runs: regret of what it selects, for every N."""
    check_form(form, out)
    from ..replay.figure import replay_figure

    figure = replay_figure(
        NASDIPBench(data),
        task,
        scores=image_names(score),
        images=image_names(images),
        n=cohort,
        reference=reference,
        weighting=weighting,
        selector=selector,
        with_output=with_output,
        fidelity=fidelity,
        seed=seed,
    )
    show(figure, form, out)


def add_commands(app: typer.Typer) -> None:
    """Register the command."""
    app.command("replay")(replay_command)
