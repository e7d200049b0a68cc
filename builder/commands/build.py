"""``nasdip-build`` without a subcommand: parse, call, report.

Must not import torch at module level.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nasdip_bench.console.app import EXIT_MORE_TO_DO, given, version_option
from nasdip_bench.console.options import integers, split
from nasdip_bench.console.progress import parse_duration
from nasdip_bench.errors import BuildError, ConfigError, check_whole
from nasdip_bench.fidelity import FIDELITIES, get_fidelity
from nasdip_bench.images import load_images
from nasdip_bench.proxies import info
from nasdip_bench.storage.files import check_folder
from nasdip_bench.tasks import BENCHMARK_TASKS, TASKS, get_task

from ..plan.config import DEFAULT_SCORING_INITS

if TYPE_CHECKING:
    from ..work.loop import Outcome

Out = Annotated[Path, typer.Option(help="Build folder: created, or resumed.")]
Device = Annotated[str, typer.Option(help="cpu, cuda or cuda:N; auto takes a GPU if there is one.")]
TimeLimit = Annotated[
    str, typer.Option(help="Stop after this long, such as 9m; exit 75 if work is left.")
]
Shard = Annotated[
    str, typer.Option(help="I/N: do only share I of N: 1/8 to 8/8 on 8 GPUs or cores.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and stop.")]

EXIT_FAILURES = 1
"""Everything was tried, and some runs or scores failed; the same command tries them again."""


def build_command(
    context: typer.Context,
    images: Annotated[str, typer.Option(help="Names, comma-separated, or 'all'.")] = "all",
    tasks: Annotated[str, typer.Option(help=f"Comma-separated: {', '.join(TASKS)}.")] = ",".join(
        BENCHMARK_TASKS
    ),
    architectures: Annotated[
        str, typer.Option(help="How many of the paper's 522, or a CSV file of lines cell,skip.")
    ] = "522",
    fidelity: Annotated[str, typer.Option(help=f"One of {', '.join(FIDELITIES)}.")] = "r512",
    seeds: Annotated[str, typer.Option(help="Comma-separated, or a range such as 0-2.")] = "0",
    iterations: Annotated[
        int, typer.Option(help="Train every task this long instead (0: as in the fidelity).")
    ] = 0,
    out: Out = Path("builds/nasdip"),
    image_set: Annotated[
        str,
        typer.Option(
            help="nasdip, skimage (stand-ins, no download) or user: those in --images-dir."
        ),
    ] = "nasdip",
    images_dir: Annotated[
        Path | None, typer.Option(help="Folder with the images, instead of downloading.")
    ] = None,
    device: Device = "auto",
    precision: Annotated[str, typer.Option(help="fp32, tf32 or bf16.")] = "fp32",
    workers: Annotated[int, typer.Option(help="Local processes (0: chosen).")] = 0,
    stack: Annotated[
        int, typer.Option(help="Most runs of an architecture trained as one (0: chosen).")
    ] = 0,
    plain: Annotated[
        bool, typer.Option("--plain", help="Train with plain layers: slower, for comparison.")
    ] = False,
    time_limit: TimeLimit = "",
    shard: Shard = "",
    scoring_inits: Annotated[
        int, typer.Option(help="Initialisations a score is averaged over (0: no scores).")
    ] = DEFAULT_SCORING_INITS,
    scores_only: Annotated[bool, typer.Option("--scores-only", help="Train nothing.")] = False,
    scores: Annotated[
        str, typer.Option(help="Only these, comma-separated, such as snip,synflow.  [default: all]")
    ] = "",
    skip: Annotated[
        Path | None, typer.Option(help="Dataset folder: skip what is finished there.")
    ] = None,
    dry_run: DryRun = False,
    version: Annotated[bool, version_option("nasdip-build")] = False,
) -> None:
    """Train sampled architectures on images and record their curves and scores.

    The same command resumes: what is finished is kept, whatever stopped the build. Then
    'nasdip-build release BUILD --out data/' makes the dataset.
    """
    if context.invoked_subcommand is not None:
        _refuse_lost_options(context)
        return
    check_whole("iterations", iterations, 0)
    check_whole("workers", workers, 0)
    check_whole("stack", stack, 0)
    chosen = get_fidelity(fidelity)
    if iterations:
        chosen = chosen.shortened(iterations)
    limit = parse_duration(time_limit) if time_limit else None
    seed_numbers = integers("--seeds", seeds)
    task_names = split(tasks)
    for name in task_names:
        chosen.iterations_for(get_task(name).kind)
    check_folder(out)
    score_names = split(scores)
    for name in score_names:
        info(name)

    # Importing torch takes seconds and images may have to be downloaded, so do the cheap checks
    # first.
    from nasdip_bench.fit.devices import local_device

    from ..plan.config import BuildConfig
    from ..plan.shares import parse_share
    from ..work.build import build
    from .architectures import read_architectures

    share = parse_share(shard) if shard else None
    processor = local_device(device)
    listed = read_architectures(architectures)
    names = None if images == "all" else split(images)
    config = BuildConfig(
        images=tuple(load_images(image_set, names, images_dir)),
        tasks=tuple(task_names),
        architectures=listed,
        fidelity=chosen,
        seeds=seed_numbers,
        precision=precision,
        device=processor,
        scoring_inits=scoring_inits,
        scores=tuple(score_names),
        train=not scores_only,
    )
    how: dict[str, Any] = {
        "workers": workers,
        "stack": stack,
        "plain": plain,
        "share": share,
        "skip": skip,
    }
    if dry_run:
        from ..work.dry_run import preview

        print(preview(config, out, **how))
        return
    outcome = build(config, out, time_limit=limit, **how)
    report(
        outcome,
        f"build folder: {out}",
        time_limit,
        "give a longer one, or smaller units of work (--stack 1)",
    )


def report(outcome: Outcome, where: str, time_limit: str, remedy: str) -> None:
    """Report how a build ended and where its results are, and exit with the matching status."""
    for name in outcome.damaged:
        print(f"damaged, and made again: {name}", file=sys.stderr)
    print(
        f"{outcome.finished} units finished, {outcome.left} left, {outcome.diverged} diverged, "
        f"{outcome.failed} failed; {where}"
    )
    for line in outcome.coverage:
        print(f"  {line}")
    if outcome.trouble:
        raise BuildError(outcome.trouble)
    if outcome.signal is not None:
        print("stopped by a signal; the same command goes on from here", file=sys.stderr)
        raise typer.Exit(128 + outcome.signal)
    if outcome.left and not outcome.progressed:
        raise ConfigError(
            f"nothing could be finished within the time limit {time_limit!r}: {remedy}"
        )
    if outcome.left:
        print("stopped at the time limit; the same command goes on from here", file=sys.stderr)
        raise typer.Exit(EXIT_MORE_TO_DO)
    if outcome.failed:
        print("some failed (see above); the same command tries them again", file=sys.stderr)
        raise typer.Exit(EXIT_FAILURES)


def _refuse_lost_options(context: typer.Context) -> None:
    """Refuse options before a command: they belong to building and would be silently dropped."""
    for name in context.params:
        if given(context, name):
            raise ConfigError(
                f"--{name.replace('_', '-')} comes before the command "
                f"{context.invoked_subcommand!r}, where it has no effect; put options after it"
            )
