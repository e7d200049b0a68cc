"""Commands that regenerate the paper: a table, a figure, everything at once."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from nasdip_bench.errors import ConfigError, unknown_name

from ..benchmark import NASDIPBench
from ..reading.arrays.targets import PAPER_TARGET
from ..reading.release import default_dataset
from .options import (
    DATA,
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
_OF_EXPERIMENTS = {"table": ("2", "3"), "figure": ("5",)}
"""Exhibits made from results of experiments, not from a release."""
_SCORE = "psd_db_strip_mse/corrupted"

ScoreName = Annotated[
    str, typer.Option(help="Score (name or name/reference) whose lowest values make a cohort.")
]
ImagesDir = Annotated[Path | None, typer.Option(help="Folder of the images, for Figures 2 and 5.")]
ImageSet = Annotated[
    str | None,
    typer.Option(help="For Figure 2: skimage (stand-ins), or nasdip (downloads the images)."),
]
Experiments = Annotated[
    Path | None,
    typer.Option(
        help="For Tables 2 and 3 and Figure 5: a build of experiments, or its results "
        "(tables: DATA/experiments; figure: builds/experiments)."
    ),
]
SettingName = Annotated[
    str | None, typer.Option("--setting", help="Setting of the experiments: paper, quick ...")
]
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
    experiments: Experiments = None,
    setting: SettingName = None,
    data: Data = DATA,
) -> None:
    """Regenerate a table of the paper."""
    _known("table", number, TABLES)
    check_form(form, out)
    _refuse_options(context, "table", number)
    if number in _OF_EXPERIMENTS["table"]:
        from nasdip_bench.experiments.results import read_results

        from ..paper.tables23 import comparison

        results = read_results(experiments or (data or default_dataset()) / "experiments")
        show(comparison(results, number, setting, seed), form, out)
        return
    from ..paper.table1 import BEST_ITERATION, table1

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
    score: ScoreName = _SCORE,
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
    inits: Inits = 8,
    device: Device = "cpu",
    experiments: Experiments = None,
    setting: SettingName = None,
    form: Form = "",
    out: Picture = None,
    data: Data = DATA,
) -> None:
    """Regenerate a figure of the paper."""
    _known("figure", number, FIGURES)
    check_form(form, out)
    _refuse_options(context, "figure", number)
    if number in _OF_EXPERIMENTS["figure"]:
        from ..paper.figure5 import figure5

        named = [name.strip() for name in images.split(",") if name.strip()]
        folder = experiments or Path("builds/experiments")
        show(figure5(folder, images_dir, setting, seed, images=named), form, out)
        return
    from ..exhibits.exhibit import Exhibit

    bench = NASDIPBench(data)
    of: dict[str, Any] = {"target": target, "fidelity": fidelity, "seed": seed}
    figure: Exhibit
    if number == "1":
        from ..paper.figure1 import figure1

        figure = figure1(bench, task, k=k, **of)
    elif number == "2":
        from ..paper.figure2 import figure2, figure2_images

        pictures = figure2_images(bench, images_dir, image_set)
        figure = figure2(bench, pictures, task, fidelity, score=score, inits=inits, device=device)
    elif number == "3":
        from ..paper.figure3 import figure3

        figure = figure3(bench, task, score=score, **of)
    elif number == "4":
        from ..paper.figure4 import figure4

        figure = figure4(bench, task, score=score, **of)
    else:
        raise AssertionError(f"Figure {number} is listed in FIGURES and not drawn here")
    show(figure, form, out)


def paper_command(
    out: Annotated[Path, typer.Option(help="Folder to write to; other files in it are kept.")],
    tasks: Annotated[str, typer.Option(help="Names, comma-separated, or 'all'.")] = "all",
    k: TopK = 10,
    target: Target = PAPER_TARGET,
    fidelity: FidelityName = None,
    seed: Seed = None,
    score: ScoreName = _SCORE,
    images_dir: ImagesDir = None,
    image_set: ImageSet = None,
    inits: Inits = 8,
    device: Device = "cpu",
    repeats: Repeats = 100,
    data: Data = DATA,
) -> None:
    """Write all tables and figures, the paper's and more, and a page that shows them."""
    from ..gallery.catalogue import PaperOptions
    from ..gallery.folder import PAGE, write_paper

    named = None if tasks == "all" else [name.strip() for name in tasks.split(",") if name.strip()]
    options = PaperOptions(
        tasks=named,
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
    """Reject options for releases on exhibits of experiments, and the reverse.

    Raises:
        ConfigError: an option was given that would have no effect.
    """
    both = {"number", "form", "out", "seed", "data"}
    of_experiments = both | {"experiments", "setting"} | {"images", "images_dir"}
    chosen = number in _OF_EXPERIMENTS[kind]
    for name in context.params:
        source = context.get_parameter_source(name)
        meant = (
            name in of_experiments if chosen else name not in {"experiments", "setting", "images"}
        )
        if not meant and source is not None and source.name == "COMMANDLINE":
            option = {"all_scores": "all", "form": "format"}.get(name, name.replace("_", "-"))
            raise ConfigError(f"--{option} has no effect on {kind} {number}: leave it out")


def _known(kind: str, number: str, there: dict[str, str]) -> None:
    if number not in there:
        raise unknown_name(kind, number, [f"{n} ({what})" for n, what in there.items()])


def add_commands(app: typer.Typer) -> None:
    """Register the commands."""
    app.command("table")(table_command)
    app.command("figure")(figure_command)
    app.command("paper")(paper_command)
