"""Commands of statistics: CSV, or a figure with its table if there is one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from nasdip_bench.console.app import new_app
from nasdip_bench.errors import ConfigError, check_name

from ..benchmark import NASDIPBench
from ..exhibits.exhibit import Exhibit
from ..reading.arrays.targets import TARGET, VERDICT_TARGETS
from .options import (
    DATA,
    Data,
    FidelityName,
    Form,
    Images,
    Level,
    Out,
    Picture,
    Resamples,
    Seed,
    Target,
    Targets,
    Task,
    TextForm,
    TopK,
    check_form,
    image_names,
    show,
    show_frame,
)
from .search import search_leaderboard_command

BETWEEN = ("scores", "seeds", "fidelities", "images")


def agreement_command(
    task: Task = "denoise",
    images: Images = "all",
    between: Annotated[
        str, typer.Option(help="scores (with PSNR), seeds, fidelities, or images (top-k overlap).")
    ] = "scores",
    k: TopK = 10,
    target: Target = TARGET,
    fidelity: FidelityName = None,
    seed: Seed = None,
    within: Annotated[
        str | None,
        typer.Option(help="Compare only architectures with the same sampling, transform, ..."),
    ] = None,
    level: Level = 0.95,
    resamples: Resamples = 1000,
    form: TextForm = "",
    out: Out = None,
    data: Data = DATA,
) -> None:
    """Print how far rankings agree: tau with pairs, ties and interval; overlap against chance."""
    check_name("kind of agreement", between, BETWEEN)
    bench, chosen = NASDIPBench(data), image_names(images)
    if between in ("seeds", "fidelities") and seed is not None:
        raise ConfigError(f"--seed {seed} does not go with --between {between}: all are compared")
    if between == "fidelities" and fidelity is not None:
        raise ConfigError(f"--fidelity {fidelity} does not go with --between fidelities")
    if between == "images":
        if within is not None:
            raise ConfigError(f"--within {within} does not go with --between images: it is for tau")
        if chosen is not None and len({*chosen}) < 2:
            raise ConfigError(f"--between images compares images: --image {images} names fewer")
        frame = bench.overlap_table(
            task, k=k, target=target, fidelity=fidelity, seed=seed, images=chosen
        )
    else:
        how = dict[str, Any](images=chosen, within=within, level=level, resamples=resamples)
        if between == "scores":
            frame = bench.kendall_intervals(
                task, target=target, fidelity=fidelity, seed=seed, **how
            )
        elif between == "seeds":
            frame = bench.seed_agreement(task, target=target, fidelity=fidelity, **how)
        else:
            frame = bench.fidelity_agreement(task, target=target, **how)
    show_frame(frame, form, out)


def proxies_command(
    task: Task = "denoise",
    images: Images = "all",
    k: TopK = 10,
    cohorts: Annotated[
        str, typer.Option(help="Cohort sizes: how many to choose by the score, comma-separated.")
    ] = "5,15",
    by_image: Annotated[bool, typer.Option("--by-image", help="Also list each image.")] = False,
    target: Target = TARGET,
    fidelity: FidelityName = None,
    seed: Seed = None,
    level: Level = 0.95,
    resamples: Resamples = 1000,
    form: TextForm = "",
    out: Out = None,
    data: Data = DATA,
) -> None:
    """Print how well each score chooses: tau, precision, hits and regret, against chance."""
    from ..statistics.tau_frame import MEAN

    if not all(size.strip().isdecimal() for size in cohorts.split(",")):
        raise ConfigError(f"cohorts {cohorts!r} must be whole numbers, such as 5,15")
    sizes = [int(size) for size in cohorts.split(",")]
    frame = NASDIPBench(data).proxy_table(
        task,
        k=k,
        cohorts=sizes,
        target=target,
        fidelity=fidelity,
        seed=seed,
        images=image_names(images),
        level=level,
        resamples=resamples,
    )
    if not by_image:
        frame = frame.xs(MEAN, level="image")
    show_frame(frame, form, out)


def selection_command(
    task: Task = "denoise",
    images: Images = "all",
    score: Annotated[
        str, typer.Option(help="Name of a score, or name/reference.")
    ] = "psd_db_strip_mse/corrupted",
    target: Target = TARGET,
    fidelity: FidelityName = None,
    seed: Seed = None,
    form: TextForm = "",
    out: Out = None,
    data: Data = DATA,
) -> None:
    """Print the best of the first N by a score, for every N, against the best of N at random."""
    frame = NASDIPBench(data).selection_curve(
        task, score=score, target=target, fidelity=fidelity, seed=seed, images=image_names(images)
    )
    show_frame(frame, form, out)


def stopping_command(
    task: Task = "denoise",
    images: Images = "all",
    rule: Annotated[
        list[str] | None,
        typer.Option(help="Another rule, such as 'es-wmv(window=25,patience=0.3)'; repeatable."),
    ] = None,
    fidelity: FidelityName = None,
    seed: Seed = None,
    level: Level = 0.95,
    resamples: Resamples = 1000,
    form: Form = "",
    out: Picture = None,
    data: Data = DATA,
) -> None:
    """Print or draw how much PSNR each stopping rule loses against the best of each run."""
    from ..statistics.stopping.figure import stopping_figure

    how = {"rules": rule, "seed": seed, "level": level, "resamples": resamples}
    _show(stopping_figure, data, task, images, fidelity, form, out, **how)


def early_command(
    task: Task = "denoise",
    images: Images = "all",
    targets: Targets = "all",
    fidelity: FidelityName = None,
    level: Level = 0.95,
    form: Form = "",
    out: Picture = None,
    data: Data = DATA,
) -> None:
    """Print or draw how early PSNR ranks the end of fits, raw and smoothed, own and other seed."""
    from ..statistics.early.figure import early_figure

    how = {"targets": _measured(targets), "level": level}
    _show(early_figure, data, task, images, fidelity, form, out, **how)


def gain_command(
    task: Task = "denoise",
    images: Images = "all",
    targets: Targets = "all",
    fidelity: FidelityName = None,
    level: Level = 0.95,
    resamples: Resamples = 1000,
    form: Form = "",
    out: Picture = None,
    data: Data = DATA,
) -> None:
    """Print or draw the gain of choosing by the image itself, judged on another seed."""
    from ..statistics.gain_figure import gain_figure

    how = {"targets": _measured(targets), "level": level, "resamples": resamples}
    _show(gain_figure, data, task, images, fidelity, form, out, **how)


def noise_command(
    task: Task = "denoise",
    images: Images = "all",
    targets: Targets = "all",
    fidelity: FidelityName = None,
    level: Level = 0.95,
    resamples: Resamples = 1000,
    form: Form = "",
    out: Picture = None,
    data: Data = DATA,
) -> None:
    """Print or draw how far repeated rankings agree: scores, seeds, reruns."""
    from ..statistics.agreement.noise_figure import noise_figure

    how = {"targets": _measured(targets), "level": level, "resamples": resamples}
    _show(noise_figure, data, task, images, fidelity, form, out, **how)


def score_leaderboard_command(
    task: Task = "denoise",
    images: Images = "all",
    k: TopK = 10,
    target: Target = TARGET,
    fidelity: FidelityName = None,
    seed: Seed = None,
    level: Level = 0.95,
    resamples: Resamples = 1000,
    form: Form = "",
    out: Picture = None,
    data: Data = DATA,
) -> None:
    """Print or draw all scores against trivial predictors, best tau first."""
    from ..statistics.leaderboard.figure import score_leaderboard_figure

    how = {"k": k, "target": target, "seed": seed, "level": level, "resamples": resamples}
    _show(score_leaderboard_figure, data, task, images, fidelity, form, out, **how)


def _measured(targets: str) -> Sequence[str]:
    return image_names(targets) or VERDICT_TARGETS


def _show(
    figure: Callable[..., Exhibit],
    data: Path | None,
    task: str,
    images: str,
    fidelity: str | None,
    form: str,
    out: Path | None,
    **how: Any,
) -> None:
    """Show a figure of a statistic; ``how`` holds arguments that only some of them have."""
    check_form(form, out)
    made = figure(NASDIPBench(data), task, images=image_names(images), fidelity=fidelity, **how)
    show(made, form, out)


def add_commands(app: typer.Typer) -> None:
    """Register the commands of this module."""
    leaderboard = new_app("Leaderboards that include trivial entries.")
    leaderboard.command("scores")(score_leaderboard_command)
    leaderboard.command("search")(search_leaderboard_command)
    app.add_typer(leaderboard, name="leaderboard")
    app.command("stopping")(stopping_command)
    app.command("early")(early_command)
    app.command("gain")(gain_command)
    app.command("noise")(noise_command)
    app.command("agreement")(agreement_command)
    app.command("proxies")(proxies_command)
    app.command("selection")(selection_command)
