"""Commands that regenerate the paper: a table, a figure, everything at once."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from nasdip_bench.console.app import new_app
from nasdip_bench.console.options import split

from ..benchmark import NASDIPBench
from ..exhibits.exhibit import FORMS, Figure
from ..gallery.catalogue import PaperOptions
from ..gallery.folder import PAGE, write_paper
from ..paper.figure1 import figure1
from ..paper.figure2 import INITS, figure2, figure2_images
from ..paper.figure3 import figure3
from ..paper.figure4 import figure4
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
    ends_in,
    image_names,
    show,
)

table = new_app("Regenerate a table of the paper.")
figure = new_app("Regenerate a figure of the paper.")

ScoreName = Annotated[
    str, typer.Option(help="Score (name or name/reference) whose lowest values make a cohort.")
]
AllScores = Annotated[
    bool, typer.Option("--all", help="Also show the scores that the paper's table lacks.")
]
ImagesDir = Annotated[Path | None, typer.Option(help="Folder of the images.")]
TableFile = Annotated[
    Path | None,
    typer.Option(
        "--out",
        help="File (.txt, .csv, .tex) to write or replace. Default: print.",
        callback=ends_in(*FORMS.values()),
    ),
]
ImageSet = Annotated[
    str | None,
    typer.Option(help="skimage (stand-ins), or nasdip (downloads the images)."),
]
Experiments = Annotated[Path, typer.Option(help="A build of experiments.")]
EXPERIMENTS = Path("builds/experiments")
Inits = Annotated[int, typer.Option(help="Number of initialisations to average.")]
Device = Annotated[str, typer.Option(help="Where to run the networks: cpu, cuda ...")]


@table.command("1")
def table1_command(
    task: Task = "denoise",
    target: Target = PAPER_TARGET,
    fidelity: FidelityName = None,
    seed: Seed = None,
    all_scores: AllScores = False,
    form: Form = "",
    out: TableFile = None,
    data: Data = None,
) -> None:
    """Kendall's tau between PSNR and training-free scores."""
    check_form(form, out)
    bench = NASDIPBench(data)
    made = table1(bench, task, target=target, fidelity=fidelity, seed=seed, all_scores=all_scores)
    show(made, form, out)


@table.command("3", help="PSNR by selection on the resized and on the full image.")
@table.command("2", help="PSNR of ISNAS, DIP and NAS-DIP on test sets.")
def comparison_command(
    context: typer.Context,
    experiments: Experiments = EXPERIMENTS,
    seed: Seed = None,
    form: Form = "",
    out: TableFile = None,
) -> None:
    """Table 2 or 3, by the name of the command."""
    from nasdip_bench.experiments.results import read_results

    from ..paper.tables23 import comparison

    check_form(form, out)
    show(comparison(read_results(experiments), str(context.info_name), seed), form, out)


@table.command("best-iteration")
def best_iteration_command(
    task: Task = "denoise",
    fidelity: FidelityName = None,
    seed: Seed = None,
    all_scores: AllScores = False,
    form: Form = "",
    out: TableFile = None,
    data: Data = None,
) -> None:
    """Table 1 with the best iteration, section 5."""
    table1_command(task, BEST_ITERATION, fidelity, seed, all_scores, form, out, data)


@figure.command("1")
def figure1_command(
    task: Task = "denoise",
    k: TopK = 10,
    target: Target = PAPER_TARGET,
    fidelity: FidelityName = None,
    seed: Seed = None,
    form: Form = "",
    out: Picture = None,
    data: Data = None,
) -> None:
    """How many of their best architectures images share."""
    check_form(form, out)
    bench = NASDIPBench(data)
    show(figure1(bench, task, k=k, target=target, fidelity=fidelity, seed=seed), form, out)


@figure.command("2")
def figure2_command(
    task: Task = "denoise",
    fidelity: FidelityName = None,
    score: ScoreName = PROXY,
    images_dir: ImagesDir = None,
    image_set: ImageSet = None,
    inits: Inits = INITS,
    device: Device = "cpu",
    form: Form = "",
    out: Picture = None,
    data: Data = None,
) -> None:
    """Power spectra of images and untrained networks."""
    check_form(form, out)
    bench = NASDIPBench(data)
    images = figure2_images(bench, images_dir, image_set)
    made = figure2(bench, images, task, fidelity, score=score, inits=inits, device=device)
    show(made, form, out)


@figure.command("4", help="Histograms of PSNR with the best of each cohort.")
@figure.command("3", help="PSNR against a score.")
def cohorts_command(
    context: typer.Context,
    task: Task = "denoise",
    target: Target = PAPER_TARGET,
    fidelity: FidelityName = None,
    seed: Seed = None,
    score: ScoreName = PROXY,
    form: Form = "",
    out: Picture = None,
    data: Data = None,
) -> None:
    """Figure 3 or 4, by the name of the command."""
    check_form(form, out)
    make: Callable[..., Figure] = figure3 if context.info_name == "3" else figure4
    bench = NASDIPBench(data)
    show(make(bench, task, target=target, fidelity=fidelity, seed=seed, score=score), form, out)


@figure.command("5")
def figure5_command(
    experiments: Experiments = EXPERIMENTS,
    seed: Seed = None,
    images_dir: ImagesDir = None,
    images: Annotated[
        str,
        typer.Option(
            "--image",
            "--images",
            help="Names, comma-separated. Default: the first of each task.",
        ),
    ] = "",
    form: Form = "",
    out: Picture = None,
) -> None:
    """Restored images side by side."""
    from ..paper.figure5 import figure5

    check_form(form, out)
    show(figure5(experiments, images_dir, seed, images=split(images)), form, out)


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
    made = write_paper(
        NASDIPBench(data), out, options, lambda line: print(line, file=sys.stderr, flush=True)
    )
    for problem in (problem for one in made for problem in one.problems):
        print(problem, file=sys.stderr)
    files = sum(len(one.files) for one in made)
    print(f"written: {out / PAGE} and {files} other files")
