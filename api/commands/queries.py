"""Commands that print answers: a run, the best architectures, a curve."""

from __future__ import annotations

from functools import partial
from json import dumps
from pathlib import Path
from typing import Annotated

import typer

from ..benchmark import NASDIPBench
from ..exhibits.drawing import new_figure, save
from ..exhibits.exhibit import PICTURES, write_picture
from ..reading.arrays.targets import TARGET
from ..reading.records.run import as_json
from ..reading.records.showing import fields, shown
from ..statistics.best import SHOWN
from ..statistics.tau_frame import MEAN
from .options import (
    Architecture,
    Data,
    FidelityName,
    ImageName,
    Images,
    Out,
    Seed,
    Target,
    Task,
    TextForm,
    TopK,
    check_form,
    ends_in,
    image_names,
    parsed_architecture,
    show_frame,
)

_SAID = ("task", "target", "fidelity", "seeds")
"""Stated once above a text table."""


def query_command(
    arch: Architecture,
    image: ImageName,
    task: Task = "denoise",
    fidelity: FidelityName = None,
    seed: Seed = None,
    iteration: Annotated[int | None, typer.Option(help="Also print PSNR at this budget.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    data: Data = None,
) -> None:
    """Print the result of a run, or the mean over the default seeds."""
    record = NASDIPBench(data).query(
        parsed_architecture(arch), image, task, fidelity=fidelity, seed=seed, iteration=iteration
    )
    if json:
        print(dumps(as_json(record)))
    else:
        print("\n".join(f"{name:24} {shown(value)}" for name, value in fields(record)))


def best_command(
    task: Task = "denoise",
    images: Images = "all",
    k: TopK = 10,
    target: Target = TARGET,
    fidelity: FidelityName = None,
    seed: Seed = None,
    max_parameters: Annotated[float | None, typer.Option(help="Limit on parameters.")] = None,
    max_flops: Annotated[
        float | None, typer.Option(help="Limit on FLOP of an iteration, forward and backward.")
    ] = None,
    max_seconds: Annotated[
        float | None, typer.Option(help="Limit on the recorded processor seconds of a run.")
    ] = None,
    form: TextForm = "",
    out: Out = None,
    data: Data = None,
) -> None:
    """Print the best architectures within limits, by the mean over images."""
    chosen = image_names(images)
    ranked = NASDIPBench(data).top_k(
        task,
        k=k,
        images=chosen,
        target=target,
        fidelity=fidelity,
        seed=seed,
        max_parameters=max_parameters,
        max_flops=max_flops,
        max_seconds=max_seconds,
    )
    frame = ranked.to_frame()
    frame["seeds"] = " ".join(map(str, ranked[0].seeds))
    frame["images"] = MEAN if chosen is None else " ".join(chosen)
    frame.attrs = {name: getattr(ranked[0], name) for name in _SAID}
    show_frame(frame, form, out, text=frame[[*SHOWN]])


def curve_command(
    arch: Architecture,
    image: ImageName,
    task: Task = "denoise",
    fidelity: FidelityName = None,
    seed: Seed = None,
    observables: Annotated[
        bool,
        typer.Option("--observables", help="What a stopping rule may see, instead of PSNR."),
    ] = False,
    form: TextForm = "",
    out: Annotated[
        Path | None,
        typer.Option(
            help="File (.csv, .txt, .png, .svg, .pdf) to write or replace. Default: print.",
            callback=ends_in(".csv", ".txt", *PICTURES),
        ),
    ] = None,
    data: Data = None,
) -> None:
    """Print or draw a learning curve, or the mean over the default seeds."""
    bench, arch_id = NASDIPBench(data), parsed_architecture(arch)
    curve = (
        bench.observables(arch_id, image, task, fidelity=fidelity, seed=seed)
        if observables
        else bench.curve(arch_id, image, task, fidelity=fidelity, seed=seed)
    )
    if out is not None and out.suffix.lower() in PICTURES:
        check_form(form, out)
        drawing = new_figure(6, 4)
        curve.plot(drawing.subplots())
        write_picture(out, partial(save, drawing))
        print(f"written: {out}")
    else:
        show_frame(curve.to_frame(), form, out)
