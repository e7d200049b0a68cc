"""Commands that print answers: a run, the best architectures, a curve, an architecture's cost."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

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
    emit,
    ends_in,
    image_names,
    parsed_architecture,
    show_frame,
)

if TYPE_CHECKING:
    import pandas as pd

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]

_SAID = ["task", "target", "fidelity", "seeds"]
"""Stated once above a text table."""


def query_command(
    arch: Architecture,
    image: ImageName,
    task: Task = "denoise",
    fidelity: FidelityName = None,
    seed: Seed = None,
    iteration: Annotated[int | None, typer.Option(help="Also print PSNR at this budget.")] = None,
    json: Json = False,
    data: Data = None,
) -> None:
    """Print the result of a run, or the mean over the default seeds."""
    record = NASDIPBench(data).query(
        parsed_architecture(arch), image, task, fidelity=fidelity, seed=seed, iteration=iteration
    )
    _show_record(record, json)


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
    ranked = NASDIPBench(data).top_k(
        task,
        k=k,
        images=image_names(images),
        target=target,
        fidelity=fidelity,
        seed=seed,
        max_parameters=max_parameters,
        max_flops=max_flops,
        max_seconds=max_seconds,
    )
    texts = ranked.to_frame()[[*SHOWN]]
    show_frame(_frame(ranked), form, out, index=False, text=texts)


def statistics_command(
    task: Task = "denoise",
    images: Images = "all",
    target: Target = TARGET,
    fidelity: FidelityName = None,
    seed: Seed = None,
    form: TextForm = "",
    out: Out = None,
    data: Data = None,
) -> None:
    """Print the distribution of a target over architectures, by image and over all images."""
    bench, chosen = NASDIPBench(data), image_names(images)
    each: list[str | list[str] | None] = [*(chosen or bench.images)]
    rows = [
        bench.statistics(task, images=one, target=target, fidelity=fidelity, seed=seed)
        for one in (each if len(each) == 1 else [*each, chosen])
    ]
    frame = _frame(rows)
    texts = frame.drop(columns=[*_SAID, "quartiles"])
    texts["images"] = [row.images if isinstance(row.images, str) else MEAN for row in rows]
    texts[["25 %", "50 %", "75 %"]] = [row.quartiles for row in rows]
    show_frame(frame, form, out, index=False, text=texts.set_index("images"))


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


def cost_command(
    arch: Architecture,
    image: Annotated[
        str | None, typer.Option("--image", help="Name of an image. Default: mean over all.")
    ] = None,
    task: Task = "denoise",
    fidelity: FidelityName = None,
    seed: Seed = None,
    json: Json = False,
    data: Data = None,
) -> None:
    """Print parameters, operations and recorded seconds of a run."""
    cost = NASDIPBench(data).cost(
        parsed_architecture(arch), task, image=image, fidelity=fidelity, seed=seed
    )
    _show_record(cost, json)


def _show_record(record: NamedTuple, json: bool) -> None:
    """Print one line per field, or JSON."""
    if json:
        emit(f"{dumps(as_json(record))}\n", None)
    else:
        emit("".join(f"{name:24} {shown(value)}\n" for name, value in fields(record)), None)


def _frame(rows: Sequence[NamedTuple]) -> pd.DataFrame:
    """One row per named tuple; the items of inner tuples are joined by spaces."""
    import pandas as pd

    cells = [
        [" ".join(map(str, value)) if isinstance(value, tuple) else value for value in row]
        for row in rows
    ]
    frame = pd.DataFrame(cells, columns=rows[0]._fields)
    frame["images"] = frame["images"].where(frame["images"].notna(), MEAN)
    frame.attrs = {name: getattr(rows[0], name) for name in _SAID if name in rows[0]._fields}
    return frame
