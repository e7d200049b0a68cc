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
    Images,
    Level,
    Out,
    Resamples,
    Seed,
    Target,
    Targets,
    Task,
    TextForm,
    TopK,
    Within,
    exhibit_command,
    image_names,
    measured,
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


@exhibit_command(predictor_figure)
def predictors_command(
    sizes: Annotated[
        str | None,
        typer.Option(help="Sizes of the training set, comma-separated. Default: 10 to 200."),
    ] = None,
    repeats: Annotated[int, typer.Option(help="Training sets of each size.")] = 10,
    target: Target = TARGET,
    seed: Seed = None,
    level: Level = 0.95,
    resamples: Resamples = 1000,
) -> dict[str, Any]:
    """Print or draw how many trained architectures teach a predictor to rank the others."""
    how = {"sizes": integers("--sizes", sizes)} if sizes is not None else {}
    of_training = {"repeats": repeats, "target": target, "seed": seed}
    return how | of_training | {"level": level, "resamples": resamples}


@exhibit_command(stopping_figure)
def stopping_command(
    rule: Annotated[
        list[str] | None,
        typer.Option(
            metavar="RULE", help="Another, such as 'es-wmv(window=25,patience=0.3)'; repeatable."
        ),
    ] = None,
    seed: Seed = None,
    level: Level = 0.95,
    resamples: Resamples = 1000,
) -> dict[str, Any]:
    """Print or draw how much PSNR each stopping rule loses against the best of each run."""
    return {"rules": rule, "seed": seed, "level": level, "resamples": resamples}


@exhibit_command(early_figure)
def early_command(
    targets: Targets = "all", within: Within = False, level: Level = 0.95
) -> dict[str, Any]:
    """Print or draw how early PSNR ranks the end of fits, raw and smoothed, own and other seed."""
    return {"targets": measured(targets), "within": within, "level": level}


@exhibit_command(gain_figure)
def gain_command(
    targets: Targets = "all", level: Level = 0.95, resamples: Resamples = 1000
) -> dict[str, Any]:
    """Print or draw the gain of choosing by the image itself, judged on another seed."""
    return {"targets": measured(targets), "level": level, "resamples": resamples}


@exhibit_command(noise_figure)
def noise_command(targets: Targets = "all", level: Level = 0.95) -> dict[str, Any]:
    """Print or draw how far repeated rankings agree: scores, seeds, reruns."""
    return {"targets": measured(targets), "level": level}


@exhibit_command(score_leaderboard_figure)
def score_leaderboard_command(
    k: TopK = 10,
    target: Target = TARGET,
    seed: Seed = None,
    against: Annotated[
        str | None,
        typer.Option(help="Show by how much each leads an entry, such as 'sampling mean'."),
    ] = None,
    level: Level = 0.95,
) -> dict[str, Any]:
    """Print or draw all scores against trivial predictors, best tau first."""
    how = {"against": against} if against is not None else {}
    return how | {"k": k, "target": target, "seed": seed, "level": level}
