"""Commands that regenerate the paper: a table, a figure, everything at once."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from nasdip_bench.console.app import given
from nasdip_bench.console.options import split
from nasdip_bench.errors import ConfigError, unknown_name

from ..benchmark import NASDIPBench
from ..gallery.catalogue import PaperOptions, catalogue
from ..gallery.folder import PAGE, write_paper
from ..paper.figure2 import INITS
from ..paper.table1 import BEST_ITERATION, table1
from ..reading.arrays.targets import PAPER_TARGET
from ..statistics.choosing.cohorts import PROXY
from .options import (
    Data,
    FidelityName,
    Form,
    Picture,
    Repeats,
    Seed,
    Target,
    Task,
    TopK,
    check_form,
    image_names,
    show,
)

TABLES = {
    "1": "Kendall's tau between PSNR and training-free scores",
    "2": "PSNR of ISNAS, DIP and NAS-DIP on test sets",
    "3": "PSNR by selection on the resized and on the full image",
    "best-iteration": "Table 1 with the best iteration, section 5",
}
FIGURES = {
    "1": "how many of their best architectures images share",
    "2": "power spectra of images and untrained networks",
    "3": "PSNR against a score",
    "4": "histograms of PSNR with the best of each cohort",
    "5": "restored images side by side",
}
_RUNS = ("task", "target", "fidelity", "seed", "data")
_OPTIONS = {
    "table": {
        "1": (*_RUNS, "all_scores"),
        "2": ("experiments", "seed"),
        "3": ("experiments", "seed"),
        "best-iteration": (*_RUNS, "all_scores"),
    },
    "figure": {
        "1": (*_RUNS, "k"),
        "2": ("task", "fidelity", "score", "images_dir", "image_set", "inits", "device", "data"),
        "3": (*_RUNS, "score"),
        "4": (*_RUNS, "score"),
        "5": ("experiments", "seed", "images", "images_dir"),
    },
}
"""The options that have an effect on each exhibit; all have those of the output."""

ScoreName = Annotated[
    str, typer.Option(help="Score (name or name/reference) whose lowest values make a cohort.")
]
ImagesDir = Annotated[Path | None, typer.Option(help="Folder of the images, for Figures 2 and 5.")]
ImageSet = Annotated[
    str | None,
    typer.Option(help="For Figure 2: skimage (stand-ins), or nasdip (downloads the images)."),
]
Experiments = Annotated[
    Path,
    typer.Option(help="For Tables 2, 3 and Figure 5: a build of experiments."),
]
EXPERIMENTS = Path("builds/experiments")
Inits = Annotated[int, typer.Option(help="Number of initialisations averaged in Figure 2.")]
Device = Annotated[str, typer.Option(help="Where Figure 2 runs its networks: cpu, cuda ...")]


def table_command(
    context: typer.Context,
    number: Annotated[str, typer.Argument(help=f"Available: {', '.join(TABLES)}.")],
    task: Task = "denoise",
    target: Annotated[
        str, typer.Option(help="Column of runs.parquet. Default: that of the paper's notebooks.")
    ] = "",
    fidelity: FidelityName = None,
    seed: Seed = None,
    form: Form = "",
    out: Picture = None,
    all_scores: Annotated[
        bool, typer.Option("--all", help="Also show the scores that the paper's table lacks.")
    ] = False,
    experiments: Experiments = EXPERIMENTS,
    data: Data = None,
) -> None:
    """Regenerate a table of the paper."""
    _known("table", number, TABLES)
    check_form(form, out)
    _refuse_options(context, "table", number)
    if number in ("2", "3"):
        from nasdip_bench.experiments.results import read_results

        from ..paper.tables23 import comparison

        show(comparison(read_results(experiments), number, seed), form, out)
        return
    chosen = target or (PAPER_TARGET if number == "1" else BEST_ITERATION)
    bench = NASDIPBench(data)
    made = table1(bench, task, target=chosen, fidelity=fidelity, seed=seed, all_scores=all_scores)
    show(made, form, out)


def figure_command(
    context: typer.Context,
    number: Annotated[str, typer.Argument(help=f"Number; available: {', '.join(FIGURES)}.")],
    task: Task = "denoise",
    k: TopK = 10,
    target: Target = PAPER_TARGET,
    fidelity: FidelityName = None,
    seed: Seed = None,
    score: ScoreName = PROXY,
    images_dir: ImagesDir = None,
    image_set: ImageSet = None,
    images: Annotated[
        str,
        typer.Option(
            "--image",
            "--images",
            help="Names for Figure 5, comma-separated. Default: the first of each task.",
        ),
    ] = "",
    inits: Inits = INITS,
    device: Device = "cpu",
    experiments: Experiments = EXPERIMENTS,
    form: Form = "",
    out: Picture = None,
    data: Data = None,
) -> None:
    """Regenerate a figure of the paper."""
    _known("figure", number, FIGURES)
    check_form(form, out)
    _refuse_options(context, "figure", number)
    if number == "5":
        from ..paper.figure5 import figure5

        show(figure5(experiments, images_dir, seed, images=split(images)), form, out)
        return
    options = PaperOptions(
        target=target,
        fidelity=fidelity,
        seed=seed,
        k=k,
        score=score,
        images_dir=images_dir,
        image_set=image_set,
        inits=inits,
        device=device,
    )
    made = {entry.name: entry.make for entry in catalogue(NASDIPBench(data), task, options)}
    show(made[f"figure{number}"](), form, out)


def paper_command(
    out: Annotated[Path, typer.Option(help="Folder to write to; other files in it are kept.")],
    tasks: Annotated[str, typer.Option(help="Names, comma-separated, or 'all'.")] = "all",
    k: TopK = 10,
    target: Target = PAPER_TARGET,
    fidelity: FidelityName = None,
    seed: Seed = None,
    score: ScoreName = PROXY,
    images_dir: ImagesDir = None,
    image_set: ImageSet = None,
    inits: Inits = INITS,
    device: Device = "cpu",
    repeats: Repeats = 100,
    data: Data = None,
) -> None:
    """Write all tables and figures, the paper's and more, and a page that shows them."""
    options = PaperOptions(
        tasks=image_names(tasks),
        target=target,
        fidelity=fidelity,
        seed=seed,
        k=k,
        score=score,
        images_dir=images_dir,
        image_set=image_set,
        inits=inits,
        device=device,
        repeats=repeats,
    )
    result = write_paper(
        NASDIPBench(data), out, options, lambda line: print(line, file=sys.stderr, flush=True)
    )
    for problem in result.problems:
        print(problem, file=sys.stderr)
    files = sum(len(one.files) for one in result.made)
    print(f"written: {out / PAGE} and {files} other files")


def _refuse_options(context: typer.Context, kind: str, number: str) -> None:
    """Reject options that have no effect on an exhibit.

    Raises:
        ConfigError: one was given.
    """
    used = {"number", "form", "out", *_OPTIONS[kind][number]}
    for name in context.params:
        if name not in used and given(context, name):
            option = {"all_scores": "all"}.get(name, name.replace("_", "-"))
            raise ConfigError(f"--{option} has no effect on {kind} {number}: leave it out")


def _known(kind: str, number: str, there: dict[str, str]) -> None:
    if number not in there:
        raise unknown_name(kind, number, [f"{n} ({what})" for n, what in there.items()])
