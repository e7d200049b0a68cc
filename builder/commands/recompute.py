"""``nasdip-build recompute``: trains a few runs of a dataset again and compares them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nasdip_bench.console.progress import Progress
from nasdip_bench.errors import check_whole

if TYPE_CHECKING:
    from ..recompute.verdict import Recomputed

EXIT_DIFFERENT = 1
"""A run differs from its row."""


def recompute_command(
    dataset: Annotated[Path, typer.Argument(help="The dataset folder.")] = Path("data"),
    runs: Annotated[int, typer.Option(help="How many to take at random.")] = 5,
    iterations: Annotated[
        int, typer.Option(help="Train only the first iterations, this many (0: whole runs).")
    ] = 20,
    fidelity: Annotated[
        str | None, typer.Option(help="Take runs at this fidelity only; else at any.")
    ] = None,
    images_dir: Annotated[
        Path | None, typer.Option(help="Folder with the dataset's images, instead of downloading.")
    ] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda or cuda:N.")] = "cpu",
    alone: Annotated[
        bool, typer.Option("--alone", help="Train each run alone, even if it was stacked.")
    ] = False,
    save: Annotated[
        Path | None,
        typer.Option(help="Add the results to this file, for 'release --reruns'."),
    ] = None,
) -> None:
    """Train a few runs of a dataset again, and compare them with its numbers.

    The choice is random, but always the same for one dataset. Exit status 1 if a run differs by
    more than rounding or another seed.
    """
    check_whole("runs", runs, 1)
    check_whole("iterations", iterations, 0)
    from nasdip_bench.dataset import DatasetFolder
    from nasdip_bench.fit.devices import check_device
    from nasdip_bench.images import load_images

    from ..recompute.run import pick, recompute
    from ..recompute.verdict import BEYOND
    from ..release.sources.reruns import add_reruns

    check_device(device)
    folder = DatasetFolder(dataset)
    rows = pick(folder, runs, fidelity)
    images = load_images(folder.manifest.image_set, folder.manifest.images, images_dir)
    progress = Progress(len(rows), float(len(rows)))

    def show(run: Recomputed) -> None:
        progress.finished(1.0, "/".join(map(str, run.key)))
        print(_line(run), flush=True)
        if save is not None:
            add_reruns(save, [run.row()])

    if save is not None:
        add_reruns(save, [])  # fails now, not after hours, if it cannot be written
    found = recompute(
        folder, rows, images, iterations=iterations, device=device, alone=alone, on_run=show
    )
    progress.close()
    counts = Counter(one.verdict for one in found)
    print(", ".join(f"{verdict}: {count}" for verdict, count in counts.items()))
    if counts[BEYOND]:
        raise typer.Exit(EXIT_DIFFERENT)


def _line(run: Recomputed) -> str:
    equal = run.points - run.differing
    parts = [
        f"{'/'.join(map(str, run.key))}: {run.verdict}",
        f"{equal} of {run.points} kept points equal in {run.iterations} iterations",
    ]
    if run.whole and run.columns:
        parts.append(f"columns that differ: {', '.join(run.columns)}")
    if run.differing:
        between = (
            f"seeds: {run.spread_db:.3f} dB rms of {run.pairs} pairs" if run.pairs else "one seed"
        )
        parts.append(
            f"first iterations within {run.early_db:.4f} dB, smoothed PSNR at the end "
            f"{run.difference_db:+.3f} dB ({between})"
        )
    if run.unlike:
        parts.append(run.unlike)
    return "; ".join(parts)
