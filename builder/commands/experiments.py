"""``nasdip-build experiments``: parses, calls, reports.

Must not import torch at module level.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nasdip_bench.console.options import integers, split
from nasdip_bench.console.progress import parse_duration
from nasdip_bench.errors import check_name, unknown_name
from nasdip_bench.experiments.methods import TABLES, Method, parse_method
from nasdip_bench.experiments.sets import EXPERIMENT_SETS, experiment_images, manifest, set_names
from nasdip_bench.experiments.setting import SETTINGS, get_setting
from nasdip_bench.images import image_names
from nasdip_bench.storage.files import check_folder
from nasdip_bench.tasks import get_task

from .build import Device, DryRun, Out, Shard, TimeLimit, report

if TYPE_CHECKING:
    from nasdip_bench.images import Image


def experiments_command(
    table: Annotated[
        str, typer.Option(help=f"Table to run: {', '.join(TABLES)}, or both as 2,3.")
    ] = "2",
    sets: Annotated[
        str,
        typer.Option(help=f"Comma-separated: {', '.join(EXPERIMENT_SETS)}; default: the table's."),
    ] = "",
    images: Annotated[str, typer.Option(help="Names of images, comma-separated, or 'all'.")] = (
        "all"
    ),
    images_dir: Annotated[
        Path | None, typer.Option(help="Folder with one folder per set; for user: with the images.")
    ] = None,
    tasks: Annotated[
        str, typer.Option(help="Comma-separated; default: the table's for each set.")
    ] = "",
    methods: Annotated[
        str, typer.Option(help="Such as dip,isnas/psd_db_mse/full; default: the table's.")
    ] = "",
    setting: Annotated[str, typer.Option(help=f"One of {', '.join(SETTINGS)}.")] = "paper",
    seeds: Annotated[str, typer.Option(help="Seeds of searches: 0, or 0,1, or 0-2.")] = "0",
    baseline_seeds: Annotated[str, typer.Option(help="Seeds of DIP and NAS-DIP.")] = "0-2",
    crop: Annotated[
        int | None, typer.Option(help="Cut images to the centre N x N; 0: whole (setting's).")
    ] = None,
    candidates: Annotated[
        int | None, typer.Option(help="Architectures to rank (setting's).")
    ] = None,
    cohort: Annotated[int | None, typer.Option(help="How many of them to train.")] = None,
    scoring_inits: Annotated[
        int | None, typer.Option(help="Initialisations a score is averaged over.")
    ] = None,
    weighting: Annotated[
        str | None, typer.Option(help="Weights of a cohort's average: paper, released or equal.")
    ] = None,
    search_channels: Annotated[
        int | None, typer.Option(help="Channels of ranked and cohort networks.")
    ] = None,
    channels: Annotated[int | None, typer.Option(help="Channels of restoring networks.")] = None,
    iterations: Annotated[int | None, typer.Option(help="Length of restorations.")] = None,
    cohort_iterations: Annotated[int | None, typer.Option(help="Length of cohorts' fits.")] = None,
    precision: Annotated[str | None, typer.Option(help="fp32, tf32 or bf16.")] = None,
    out: Out = Path("builds/experiments"),
    device: Device = "auto",
    time_limit: TimeLimit = "",
    shard: Shard = "",
    dry_run: DryRun = False,
) -> None:
    """Restore test sets for the paper's Tables 2 and 3.

    The same command resumes: what is finished is kept, whatever stopped it. Then
    'nasdip-bench table 2 --experiments BUILD' prints the table.
    """
    numbers = split(table)
    for number in numbers:
        check_name("table", number, TABLES)
    set_names = split(sets) or list(
        dict.fromkeys(name for n in numbers for _, name in TABLES[n].cells())
    )
    limit = parse_duration(time_limit) if time_limit else None
    asked_methods = _methods(methods, numbers)
    tasks_of = _tasks(tasks, set_names, numbers)
    changes = {
        "candidates": candidates,
        "cohort": cohort,
        "inits": scoring_inits,
        "weighting": weighting,
        "search_channels": search_channels,
        "channels": channels,
        "iterations": iterations,
        "cohort_iterations": cohort_iterations,
        "precision": precision,
    }
    given = {name: value for name, value in changes.items() if value is not None}
    chosen = get_setting(setting).changed(crop=crop, **given)
    search_seeds = integers("--seeds", seeds)
    fixed_seeds = integers("--baseline-seeds", baseline_seeds)
    check_folder(out)
    loaded = _images(set_names, None if images == "all" else split(images), images_dir)

    # Importing torch takes seconds, so do the cheap checks first.
    from nasdip_bench.fit.devices import local_device

    from ..experiments.config import ExperimentConfig
    from ..experiments.run import preview, run_experiments
    from ..plan.shares import parse_share

    share = parse_share(shard) if shard else None
    config = ExperimentConfig(
        images=loaded,
        tasks={name: tasks_of[name] for name in loaded},
        methods=asked_methods,
        setting=chosen,
        seeds=search_seeds,
        baseline_seeds=fixed_seeds,
        device=local_device(device),
    )
    if dry_run:
        print(preview(config, out, share=share))
        return
    outcome = run_experiments(config, out, time_limit=limit, share=share)
    where = f"setting {chosen.name}; results: {out / 'results'}"
    report(outcome, where, time_limit, "give a longer one")


def _methods(text: str, tables: list[str]) -> tuple[Method, ...]:
    if text:
        return tuple(parse_method(part) for part in split(text))
    of_tables = (m for n in tables for m in (*TABLES[n].columns, *TABLES[n].further))
    return tuple(dict.fromkeys(of_tables))


def _tasks(text: str, sets: list[str], tables: list[str]) -> dict[str, tuple[str, ...]]:
    """Tasks by set: those the tables have for it; for other sets, all the tables' tasks."""
    given = split(text)
    for name in given:
        get_task(name)
    rows = [cell for number in tables for cell in TABLES[number].cells()]
    found = {}
    for image_set in sets:
        check_name("image set", image_set, EXPERIMENT_SETS)
        own = [task for task, name in rows if name == image_set] or [task for task, _ in rows]
        found[image_set] = tuple(given or dict.fromkeys(own))
    return found


def _images(
    sets: list[str], names: list[str] | None, folder: Path | None
) -> dict[str, tuple[Image, ...]]:
    """Images by set; if names are given, each set takes those it has."""
    if names is None:
        return {name: tuple(experiment_images(name, folder)) for name in sets}
    there = {name: _known_names(name) for name in sets}
    known = {image for images in there.values() for image in images}
    loaded = {}
    for image_set, images in there.items():
        mine = [n for n in names if n in images or (image_set == "user" and n not in known)]
        if mine:
            loaded[image_set] = tuple(experiment_images(image_set, folder, mine))
    for name in names:
        if not any(name == image.name for images in loaded.values() for image in images):
            raise unknown_name("image", name, sorted(known))
    return loaded


def _known_names(image_set: str) -> set[str]:
    if image_set in manifest():
        return set(set_names(image_set))
    return set(image_names("skimage")) if image_set == "skimage" else set()
