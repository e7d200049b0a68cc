"""Commands that write the paper's tables and figures, all exhibits, and the offline page."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from nasdip_bench.console.app import new_app
from nasdip_bench.console.options import split

from ..benchmark import NASDIPBench
from ..exhibits.exhibit import FORMS
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
    exhibit_command,
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
SeedOfSearch = Annotated[
    int | None, typer.Option("--seed", help="Default: the lowest that a search has.")
]
Inits = Annotated[int, typer.Option(help="Number of initialisations to average.")]
Device = Annotated[str, typer.Option(help="Where to run the networks: cpu, cuda ...")]


@table.command("1")
@exhibit_command(table1, images=False, out=TableFile)
def table1_command(
    target: Target = PAPER_TARGET, seed: Seed = None, all_scores: AllScores = False
) -> dict[str, Any]:
    """Kendall's tau between PSNR and training-free scores."""
    return {"target": target, "seed": seed, "all_scores": all_scores}


@table.command("3", help="PSNR by selection on the resized and on the full image.")
@table.command("2", help="PSNR of ISNAS, DIP and NAS-DIP on test sets.")
def comparison_command(
    context: typer.Context,
    experiments: Experiments = EXPERIMENTS,
    seed: SeedOfSearch = None,
    form: Form = "",
    out: TableFile = None,
) -> None:
    """Table 2 or 3, by the name of the command."""
    from nasdip_bench.experiments.results import read_results

    from ..paper.tables23 import comparison

    check_form(form, out)
    show(comparison(read_results(experiments), str(context.info_name), seed), form, out)


@table.command("best-iteration")
@exhibit_command(table1, images=False, out=TableFile)
def best_iteration_command(seed: Seed = None, all_scores: AllScores = False) -> dict[str, Any]:
    """Table 1 with the best iteration, section 5."""
    return {"target": BEST_ITERATION, "seed": seed, "all_scores": all_scores}


@figure.command("1")
@exhibit_command(figure1, images=False)
def figure1_command(
    k: TopK = 10, target: Target = PAPER_TARGET, seed: Seed = None
) -> dict[str, Any]:
    """How many of their best architectures images share."""
    return {"k": k, "target": target, "seed": seed}


@figure.command("2")
def figure2_command(
    task: Task = "denoise",
    fidelity: FidelityName = None,
    score: Annotated[
        str,
        typer.Option(help="Score (name or name/reference) whose lowest and highest are shown."),
    ] = PROXY,
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


def _cohorts(
    target: Target = PAPER_TARGET, seed: Seed = None, score: ScoreName = PROXY
) -> dict[str, Any]:
    """The options of Figures 3 and 4."""
    return {"target": target, "seed": seed, "score": score}


figure.command("3", help="PSNR against a score.")(exhibit_command(figure3, images=False)(_cohorts))
figure.command("4", help="Histograms of PSNR with the best of each cohort.")(
    exhibit_command(figure4, images=False)(_cohorts)
)


@figure.command("5")
def figure5_command(
    experiments: Experiments = EXPERIMENTS,
    seed: SeedOfSearch = None,
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
    score: Annotated[
        str, typer.Option(help="Score (name or name/reference) of Figures 2 to 4.")
    ] = PROXY,
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


def report_command(
    out: Annotated[
        Path,
        typer.Option(help="File (.html) to write or replace.", callback=ends_in(".html", ".htm")),
    ] = Path("report.html"),
    fidelity: FidelityName = None,
    data: Data = None,
) -> None:
    """Write an offline page: architectures, curves, scores, coverage."""
    from ..report.page import write_report

    size = write_report(NASDIPBench(data), out, fidelity)
    print(f"written: {out}, {size / 2**20:.1f} MiB")
