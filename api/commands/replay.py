"""The command that replays ISNAS from recorded runs."""

from __future__ import annotations

from typing import Annotated

import typer

from ..replay.figure import replay_figure
from .options import (
    Data,
    FidelityName,
    Form,
    Images,
    Picture,
    Seed,
    Task,
    image_names,
    show_figure,
)


def replay_command(
    task: Task = "denoise",
    images: Images = "all",
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
    fidelity: FidelityName = None,
    seed: Seed = None,
    form: Form = "",
    out: Picture = None,
    data: Data = None,
) -> None:
    """Replay the paper's search on recorded runs: regret of what it selects, for every N."""
    show_figure(
        replay_figure,
        data,
        task,
        images,
        fidelity,
        form,
        out,
        scores=image_names(score),
        n=cohort,
        reference=reference,
        weighting=weighting,
        seed=seed,
    )
