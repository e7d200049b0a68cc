"""Commands that print answers: the best architectures, a curve, what an architecture costs."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Annotated, Any, NamedTuple

import typer

from ..benchmark import NASDIPBench
from .options import (
    DATA,
    TARGET,
    Architecture,
    Data,
    FidelityName,
    Out,
    Seed,
    Target,
    TaskArgument,
    emit,
    parsed_architecture,
    shown,
)

__all__ = ["add_commands"]

Image = Annotated[str | None, typer.Option("--image", help="Default: the mean over all images.")]
ImageName = Annotated[str, typer.Argument(help="Name of an image.")]


def best_command(
    task: TaskArgument = "denoise",
    image: Image = None,
    k: Annotated[int, typer.Option("--k", "-k", help="How many.")] = 10,
    target: Target = TARGET,
    fidelity: FidelityName = None,
    seed: Seed = None,
    max_parameters: Annotated[float | None, typer.Option(help="Trainable numbers.")] = None,
    max_flops: Annotated[
        float | None, typer.Option(help="FLOP of an iteration, forward and backward.")
    ] = None,
    max_seconds: Annotated[
        float | None, typer.Option(help="Recorded processor seconds of a run.")
    ] = None,
    out: Out = None,
    data: Data = DATA,
) -> None:
    """Print the best architectures within limits, as CSV."""
    ranked = NASDIPBench(data).top_k(
        task,
        k=k,
        image=image,
        target=target,
        fidelity=fidelity,
        seed=seed,
        max_parameters=max_parameters,
        max_flops=max_flops,
        max_seconds=max_seconds,
    )
    emit(_csv(ranked), out)


def statistics_command(
    task: TaskArgument = "denoise",
    target: Target = TARGET,
    fidelity: FidelityName = None,
    seed: Seed = None,
    out: Out = None,
    data: Data = DATA,
) -> None:
    """Print how a target is distributed over architectures, by image and over all, as CSV."""
    bench = NASDIPBench(data)
    images = (*bench.images, None)
    emit(
        _csv(
            [
                bench.statistics(task, image=i, target=target, fidelity=fidelity, seed=seed)
                for i in images
            ]
        ),
        out,
    )


def curve_command(
    arch: Architecture,
    image: ImageName,
    task: Annotated[str, typer.Argument(help="denoise, inpaint ...")],
    fidelity: FidelityName = None,
    seed: Seed = None,
    out: Out = None,
    data: Data = DATA,
) -> None:
    """Print a learning curve, or the mean over the default seeds, as CSV."""
    curve = NASDIPBench(data).curve(
        parsed_architecture(arch), image, task, fidelity=fidelity, seed=seed
    )
    lines = ["iteration,psnr_db,psnr_smooth_db,ssim_smooth"]
    for iteration, *values in zip(*curve[:4], strict=True):
        lines.append(",".join([str(iteration), *(f"{value:.6g}" for value in values)]))
    emit("\n".join(lines) + "\n", out)


def cost_command(
    arch: Architecture,
    task: TaskArgument = "denoise",
    image: Image = None,
    fidelity: FidelityName = None,
    seed: Seed = None,
    data: Data = DATA,
) -> None:
    """Print parameters, operations and recorded seconds of a run."""
    cost = NASDIPBench(data).cost(
        parsed_architecture(arch), task, image=image, fidelity=fidelity, seed=seed
    )
    emit("".join(f"{name:24} {shown(value)}\n" for name, value in cost._asdict().items()), None)


def _csv(rows: Sequence[NamedTuple]) -> str:
    """Named tuples of one kind as CSV; tuples inside are joined by blanks, None is empty."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(rows[0]._fields)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return file.getvalue()


def _cell(value: Any) -> Any:
    return " ".join(map(str, value)) if isinstance(value, tuple) else value


def add_commands(app: typer.Typer) -> None:
    """Register the commands of this module."""
    app.command("best")(best_command)
    app.command("statistics")(statistics_command)
    app.command("curve")(curve_command)
    app.command("cost")(cost_command)
