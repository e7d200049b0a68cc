"""``nasdip-build recompute``: trains a few runs of a dataset again and compares them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nasdip_bench.console.progress import Progress
from nasdip_bench.errors import check_whole

from ..plan.units import RunKey

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
    """Train a few runs of a dataset again and compare.

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

    if save is not None:
        add_reruns(save, [])  # fails now, not after hours, if it cannot be written
    counts: Counter[str] = Counter()
    for run in recompute(folder, rows, images, iterations=iterations, device=device, alone=alone):
        counts[run.row["verdict"]] += 1
        progress.finished(1.0, _name(run))
        print(_line(run), flush=True)
        if save is not None:
            add_reruns(save, [run.row])
    progress.close()
    print(", ".join(f"{verdict}: {count}" for verdict, count in counts.items()))
    if counts[BEYOND]:
        raise typer.Exit(EXIT_DIFFERENT)


def _line(run: Recomputed) -> str:
    row, seeds_db = run.row, run.seeds_db
    parts = [
        f"{_name(run)}: {row['verdict']}",
        f"{row['points'] - row['differing']} of {row['points']} kept points equal in "
        f"{row['iterations']} iterations",
    ]
    if run.columns:
        parts.append(f"columns that differ: {', '.join(run.columns)}")
    if row["differing"]:
        between = "one seed"
        if len(seeds_db):
            rms = (seeds_db**2).mean() ** 0.5
            between = f"seeds: {rms:.3f} dB rms of {len(seeds_db)} pairs"
        parts.append(
            f"first iterations within {row['early_db']:.4f} dB, smoothed PSNR at the end "
            f"{row['difference_db']:+.3f} dB ({between})"
        )
    if run.unlike:
        parts.append(run.unlike)
    return "; ".join(parts)


def _name(run: Recomputed) -> str:
    return "/".join(str(run.row[name]) for name in RunKey._fields)
