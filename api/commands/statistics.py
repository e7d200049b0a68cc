"""Commands of statistics: CSV, or a figure with its table if there is one."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from nasdip_bench.console.options import integers
from nasdip_bench.errors import ConfigError, check_name

from ..benchmark import NASDIPBench
from ..reading.arrays.targets import TARGET
from ..statistics.agreement.noise import noise_figure
from ..statistics.early import early_figure
from ..statistics.image_gain import gain_figure
from ..statistics.leaderboard.figure import score_leaderboard_figure
from ..statistics.predictors.figure import predictor_figure
from ..statistics.stopping.figure import stopping_figure
from .options import (
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
    Within,
    image_names,
    measured,
    show_figure,
    show_frame,
)

BETWEEN = ("scores", "seeds", "fidelities")


def agreement_command(
    task: Task = "denoise",
    images: Images = "all",
    between: Annotated[
        str, typer.Option(help="scores (with PSNR), seeds, or fidelities.")
    ] = "scores",
    target: Target = TARGET,
    fidelity: FidelityName = None,
    seed: Seed = None,
    within: Within = False,
    level: Level = 0.95,
    form: TextForm = "",
    out: Out = None,
    data: Data = None,
) -> None:
    """Print how far rankings agree: tau with pairs, ties and interval."""
    check_name("kind of agreement", between, BETWEEN)
    bench = NASDIPBench(data)
    if between in ("seeds", "fidelities") and seed is not None:
        raise ConfigError(f"--seed {seed} does not go with --between {between}: all are compared")
    if between == "fidelities" and fidelity is not None:
        raise ConfigError(f"--fidelity {fidelity} does not go with --between fidelities")
    how = dict[str, Any](images=image_names(images), target=target, within=within, level=level)
    if between == "scores":
        frame = bench.kendall_intervals(task, fidelity=fidelity, seed=seed, **how)
    elif between == "seeds":
        frame = bench.seed_agreement(task, fidelity=fidelity, **how)
    else:
        frame = bench.fidelity_agreement(task, **how)
    show_frame(frame, form, out)


def predictors_command(
    task: Task = "denoise",
    images: Images = "all",
    sizes: Annotated[
        str | None,
        typer.Option(help="Sizes of the training set, comma-separated. Default: 10 to 200."),
    ] = None,
    repeats: Annotated[int, typer.Option(help="Training sets of each size.")] = 10,
    target: Target = TARGET,
    fidelity: FidelityName = None,
    seed: Seed = None,
    level: Level = 0.95,
    resamples: Resamples = 1000,
    form: Form = "",
    out: Picture = None,
    data: Data = None,
) -> None:
    """Print or draw how many trained architectures teach a predictor to rank the others."""
    how: dict[str, Any] = {"repeats": repeats, "target": target, "seed": seed, "level": level}
    if sizes is not None:
        how["sizes"] = integers("--sizes", sizes)
    show_figure(
        predictor_figure, data, task, images, fidelity, form, out, resamples=resamples, **how
    )


def stopping_command(
    task: Task = "denoise",
    images: Images = "all",
    rule: Annotated[
        list[str] | None,
        typer.Option(
            metavar="RULE", help="Another, such as 'es-wmv(window=25,patience=0.3)'; repeatable."
        ),
    ] = None,
    fidelity: FidelityName = None,
    seed: Seed = None,
    level: Level = 0.95,
    resamples: Resamples = 1000,
    form: Form = "",
    out: Picture = None,
    data: Data = None,
) -> None:
    """Print or draw how much PSNR each stopping rule loses against the best of each run."""
    how = {"rules": rule, "seed": seed, "level": level, "resamples": resamples}
    show_figure(stopping_figure, data, task, images, fidelity, form, out, **how)


def early_command(
    task: Task = "denoise",
    images: Images = "all",
    targets: Targets = "all",
    fidelity: FidelityName = None,
    within: Within = False,
    level: Level = 0.95,
    form: Form = "",
    out: Picture = None,
    data: Data = None,
) -> None:
    """Print or draw how early PSNR ranks the end of fits, raw and smoothed, own and other seed."""
    how = {"targets": measured(targets), "within": within, "level": level}
    show_figure(early_figure, data, task, images, fidelity, form, out, **how)


def gain_command(
    task: Task = "denoise",
    images: Images = "all",
    targets: Targets = "all",
    fidelity: FidelityName = None,
    level: Level = 0.95,
    resamples: Resamples = 1000,
    form: Form = "",
    out: Picture = None,
    data: Data = None,
) -> None:
    """Print or draw the gain of choosing by the image itself, judged on another seed."""
    how = {"targets": measured(targets), "level": level, "resamples": resamples}
    show_figure(gain_figure, data, task, images, fidelity, form, out, **how)


def noise_command(
    task: Task = "denoise",
    images: Images = "all",
    targets: Targets = "all",
    fidelity: FidelityName = None,
    level: Level = 0.95,
    form: Form = "",
    out: Picture = None,
    data: Data = None,
) -> None:
    """Print or draw how far repeated rankings agree: scores, seeds, reruns."""
    how = {"targets": measured(targets), "level": level}
    show_figure(noise_figure, data, task, images, fidelity, form, out, **how)


def score_leaderboard_command(
    task: Task = "denoise",
    images: Images = "all",
    k: TopK = 10,
    target: Target = TARGET,
    fidelity: FidelityName = None,
    seed: Seed = None,
    against: Annotated[
        str | None,
        typer.Option(help="Show by how much each leads an entry, such as 'sampling mean'."),
    ] = None,
    level: Level = 0.95,
    form: Form = "",
    out: Picture = None,
    data: Data = None,
) -> None:
    """Print or draw all scores against trivial predictors, best tau first."""
    how = {"k": k, "target": target, "seed": seed, "level": level}
    if against is not None:
        how["against"] = against
    show_figure(score_leaderboard_figure, data, task, images, fidelity, form, out, **how)
