"""``nasdip-restore``: parses, calls, reports. Errors are one line and exit status 2."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nasdip_bench.console.app import EXIT_MORE_TO_DO, given, new_app, run, version_option
from nasdip_bench.console.interruption import Interrupted, Interruption
from nasdip_bench.console.progress import parse_duration
from nasdip_bench.errors import ConfigError, NasdipError, check_name
from nasdip_bench.storage.files import check_folder
from nasdip_bench.tasks import Denoise, Inpaint, SuperResolve, Task

if TYPE_CHECKING:
    from .config import SearchConfig
    from .image import Degraded

TASKS = ("denoise", "inpaint", "super-resolve")

app = new_app()


@app.command()
def restore_command(
    context: typer.Context,
    image: Annotated[Path, typer.Argument(help="PNG, JPEG, TIFF, GIF, BMP, PGM or PPM.")],
    task: Annotated[str, typer.Option(help=f"One of {', '.join(TASKS)}.")],
    out: Annotated[
        Path | None,
        typer.Option(help="Folder of the results: created, or resumed [IMAGE-restored]."),
    ] = None,
    corrupt: Annotated[
        bool, typer.Option("--corrupt", help="IMAGE is clean: corrupt it first, and measure PSNR.")
    ] = False,
    sigma: Annotated[
        float,
        typer.Option(
            help="Denoising: the noise, in grey levels of 255; with --corrupt, what to add. Else "
            "only rules with sigma=known use it."
        ),
    ] = 25.0,
    missing: Annotated[
        float, typer.Option(help="Inpainting with --corrupt: fraction of pixels to remove.")
    ] = 0.5,
    mask: Annotated[
        Path | None, typer.Option(help="Inpainting: white is known, black is missing.")
    ] = None,
    factor: Annotated[int, typer.Option(help="Super-resolution: 2, 4 or 8.")] = 4,
    ground_truth: Annotated[
        Path | None, typer.Option(help="The clean image, to measure PSNR.")
    ] = None,
    preset: Annotated[
        str, typer.Option(help="paper, or quick: fewer candidates and narrower networks.")
    ] = "paper",
    score: Annotated[str, typer.Option(help="Name of the score to rank by.")] = "psd_db_strip_mse",
    candidates: Annotated[
        int, typer.Option(help="Number of the paper's 4592 to rank; above, a draw (0: preset's).")
    ] = 0,
    cohort: Annotated[int, typer.Option(help="Best-ranked networks to train (0: preset's).")] = 0,
    scoring_inits: Annotated[
        int, typer.Option(help="Initialisations to average a score over (0: preset's).")
    ] = 0,
    selection: Annotated[
        str, typer.Option(help="full or resized: what the cohort is trained on [preset's].")
    ] = "",
    weighting: Annotated[
        str, typer.Option(help="Weights of the cohort's average: paper, released or equal.")
    ] = "paper",
    selector: Annotated[
        str, typer.Option(help="closest (the paper's), best-score, random or oracle.")
    ] = "closest",
    channels: Annotated[int, typer.Option(help="For the restoring network (0: preset's).")] = 0,
    search_channels: Annotated[
        int, typer.Option(help="For ranked and cohort networks (0: preset's).")
    ] = 0,
    iterations: Annotated[int, typer.Option(help="For the restoration (0: preset's).")] = 0,
    cohort_iterations: Annotated[int, typer.Option(help="For the cohort (0: preset's).")] = 0,
    stop: Annotated[
        str,
        typer.Option(
            help="Rule that ends the restoration: last (the paper's: all iterations), fixed, "
            "discrepancy, neighbour, es-wmv, es-emv or plateau; with parameters as in "
            "'es-wmv(patience=1000)'."
        ),
    ] = "last",
    precision: Annotated[str, typer.Option(help="fp32, tf32 or bf16.")] = "fp32",
    seed: Annotated[int, typer.Option(help="Seed of weights and inputs.")] = 0,
    device: Annotated[
        str, typer.Option(help="cpu, cuda or cuda:N; auto uses a GPU if there is one.")
    ] = "auto",
    time_limit: Annotated[
        str, typer.Option(help="Stop after this long, such as 2h; exit 75 if work is left.")
    ] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be done and how long it takes.")
    ] = False,
    version: Annotated[bool, version_option("nasdip-restore")] = False,
) -> None:
    """Find a network for one image and restore it: denoise, inpaint or super-resolve.

    Ranks untrained networks, trains the best, and restores with the one that comes closest to their
    average. The same command resumes a stopped search.
    """
    del version
    chosen = _task(task, sigma, missing, factor)
    _refuse_unused(context, chosen, corrupt, mask)
    limit = parse_duration(time_limit) if time_limit else None

    from .image import read_problem

    folder = out or image.parent / f"{image.stem}-restored"
    check_folder(folder)
    noise = sigma if given(context, "sigma") else None
    problem = read_problem(
        image, chosen, clean=corrupt, mask=mask, truth=ground_truth, sigma_255=noise
    )

    # Torch takes seconds to import: make the cheap checks first.
    from nasdip_bench.fit.devices import local_device

    from .config import PRESETS
    from .ranking import searched_score

    asked: dict[str, Any] = {
        "score": searched_score(score),
        "candidates": candidates,
        "inits": scoring_inits,
        "cohort": cohort,
        "selection": selection,
        "weighting": weighting,
        "selector": selector,
        "search_channels": search_channels,
        "channels": channels,
        "cohort_iterations": cohort_iterations,
        "iterations": iterations,
        "stop": stop,
        "precision": precision,
        "seed": seed,
    }
    changes = {name: value for name, value in asked.items() if value}  # the others: the preset's
    config = PRESETS[check_name("preset", preset, PRESETS)](chosen, **changes)
    _restore(problem, config, folder, local_device(device), limit, dry_run)


def _task(name: str, sigma: float, missing: float, factor: int) -> Task:
    if check_name("task", name, TASKS) == "denoise":
        return Denoise(sigma)
    return Inpaint(missing) if name == "inpaint" else SuperResolve(factor)


def _refuse_unused(context: typer.Context, task: Task, corrupt: bool, mask: Path | None) -> None:
    """Reject options that would have no effect."""
    drawn_mask = corrupt and mask is None
    for name, used, where in (
        ("sigma", isinstance(task, Denoise), "for denoise"),
        ("missing", isinstance(task, Inpaint) and drawn_mask, "for inpaint, --corrupt and no mask"),
        ("factor", isinstance(task, SuperResolve), "for super-resolve"),
    ):
        if given(context, name) and not used:
            raise ConfigError(f"--{name} has an effect only {where}: leave it out")


def _restore(
    problem: Degraded,
    config: SearchConfig,
    folder: Path,
    device: str,
    limit: float | None,
    dry_run: bool,
) -> None:
    from nasdip_bench.network.fast import keep_freed_memory

    from .estimate import StageProgress, choose_threads, estimate, plan
    from .folder import kept_bytes, resumes
    from .results import RESULTS, classical_restoration, summary, write_results
    from .search import Search, asked_for

    if device == "cpu":
        keep_freed_memory()
        choose_threads(math.prod(problem.shape[1:]), config)
    interruption, kept = Interruption(limit), kept_bytes(folder)
    with interruption.handling_signals(), _explained(folder, device):
        resumes(folder, asked_for(problem, config, device))  # or is refused, before steps are timed
        try:
            times = estimate(problem, config, device=device, check=interruption.check)
            print(plan(problem, config, times, device), file=sys.stderr)
            if dry_run:
                return
            report = StageProgress(config, times)
            search = Search(
                problem,
                config,
                folder=folder,
                device=device,
                check=interruption.check,
                progress=report,
            )
            try:
                result = search.run()
            finally:
                report.close()
        except Interrupted:
            if interruption.signal is None and kept_bytes(folder) == kept:
                raise ConfigError(
                    "nothing could be finished within the time limit: give a longer one, or fewer "
                    "iterations"
                ) from None
            print("stopped; the same command goes on from here", file=sys.stderr)
            if interruption.signal is not None:
                raise typer.Exit(128 + interruption.signal) from None
            raise typer.Exit(EXIT_MORE_TO_DO) from None
        command = ["nasdip-restore", *sys.argv[1:]]
        facts = write_results(folder, search, result, classical_restoration(problem), command)
    print(summary(facts))
    for name, meaning in RESULTS.items():
        print(f"  {folder / name}: {meaning}")


@contextmanager
def _explained(folder: Path, device: str) -> Iterator[None]:
    """Say what to do if the disk or the device fails."""
    try:
        yield
    except (NasdipError, typer.Exit):  # some of these are RuntimeErrors
        raise
    except OSError as error:
        raise ConfigError(
            f"cannot write to the folder {str(folder)!r}: {error.strerror or error}; make room "
            f"there, and run the same command again, which goes on from here"
        ) from error
    except RuntimeError as error:  # what torch raises, out of memory included
        raise ConfigError(
            f"the computation failed on {device}: {' '.join(str(error).split())[:300]}; if memory "
            f"is short, give a smaller image or fewer channels"
        ) from error


def main() -> None:
    """Entry point."""
    sys.exit(run("nasdip-restore", app))
