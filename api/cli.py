"""``nasdip-bench``: parses, calls, prints. Errors are one line and exit status 2."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from nasdip_bench._version import __version__
from nasdip_bench.api.benchmark import NASDIPBench
from nasdip_bench.api.exhibit import FORMS, Exhibit, write_text
from nasdip_bench.api.records import as_json
from nasdip_bench.command import new_app, run
from nasdip_bench.errors import unknown_name
from nasdip_bench.verify import verify

TABLES = {"1": "Kendall's tau between PSNR and training-free scores"}
FIGURES = {"1": "how many of their best architectures images share"}
EXIT_PROBLEMS = 1
"""``verify`` found something wrong."""

app = new_app()

Data = Annotated[Path, typer.Option("--data", help="Folder of the dataset.")]
TaskName = Annotated[str, typer.Option("--task", help="denoise, inpaint ...")]
TaskArgument = Annotated[str, typer.Argument(metavar="[TASK]", help="denoise, inpaint ...")]
Target = Annotated[str, typer.Option(help="Column of runs.parquet.")]
FidelityName = Annotated[
    str | None, typer.Option("--fidelity", help="Default: what the release declares.")
]
Seed = Annotated[int | None, typer.Option(help="Default: the release's default seeds.")]
Form = Annotated[str, typer.Option("--format", help="text, csv or latex.")]
Picture = Annotated[
    Path | None, typer.Option("--out", help=".png, .pdf, .txt, .csv or .tex; default: print.")
]
Out = Annotated[Path | None, typer.Option(help="File to write instead of printing.")]
TopK = Annotated[int, typer.Option("--k", "-k", help="How many are the best.")]

DATA = Path("data")
TARGET = "best_psnr_smooth_db"


def _version(show: bool) -> None:
    if show:
        print(f"nasdip-bench {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Query a dataset of NASDIP-Bench and regenerate the paper's tables and figures from it."""


@app.command("info")
def info_command(data: Data = DATA) -> None:
    """Say what a dataset holds."""
    manifest = NASDIPBench(data).manifest
    size = sum(record.size for record in manifest.files.values()) / 2**20
    print(f"{manifest.name} {manifest.version}, of {manifest.created}, {size:.1f} MiB in {data}")
    print(f"{manifest.architectures} architectures")
    print(f"{len(manifest.images)} images ({manifest.image_set}): {', '.join(manifest.images)}")
    most = manifest.architectures * len(manifest.images)
    for fidelity, facts in manifest.fidelities.items():
        print(f"fidelity {fidelity}: {facts['resolution']} pixels, {facts['channels']} channels")
        for task in facts["tasks"]:
            record = manifest.task(fidelity, task)
            if record is None:
                continue
            seeds = ", ".join(
                f"seed {seed}: {count} of {most} runs ({count / most:.1%})"
                for seed, count in record.seeds.items()
            )
            default = " [default]" if manifest.default_fidelity.get(task) == fidelity else ""
            print(
                f"  {task}{default}: {record.iterations} iterations, stop at {record.stop}; "
                f"{seeds or 'no runs'}; {record.scored} architectures scored"
            )
    print(f"trained on: {', '.join(manifest.devices) or 'nothing'}")


@app.command("query")
def query_command(
    arch: Annotated[
        str, typer.Argument(help="Row number, '172-0000011001001001100111101', or a model's name.")
    ],
    image: Annotated[str, typer.Argument(help="Name of an image.")],
    task: Annotated[str, typer.Argument(help="denoise, inpaint ...")],
    fidelity: FidelityName = None,
    seed: Seed = None,
    iteration: Annotated[int | None, typer.Option(help="Also the PSNR at this budget.")] = None,
    as_json_: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    data: Data = DATA,
) -> None:
    """Print the result of a run, or the mean over the default seeds."""
    bench = NASDIPBench(data)
    which = int(arch) if arch.strip().isascii() and arch.strip().isdigit() else arch
    record = bench.query(which, image, task, fidelity, seed, iteration)
    if as_json_:
        print(json.dumps(as_json(record)))
        return
    for name, value in record._asdict().items():
        if value is not None:
            print(f"{name:24} {_shown(value)}")


def _shown(value: Any) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return f"{value:.6g}" if isinstance(value, float) else str(value)


@app.command("table")
def table_command(
    number: Annotated[str, typer.Argument(help="Number in the paper; there is: 1.")],
    task: TaskName = "denoise",
    target: Target = TARGET,
    fidelity: FidelityName = None,
    seed: Seed = None,
    form: Form = "",
    out: Picture = None,
    all_scores: Annotated[
        bool, typer.Option("--all", help="Also the scores that the paper's table does not have.")
    ] = False,
    data: Data = DATA,
) -> None:
    """Regenerate a table of the paper."""
    _known("table", number, TABLES)
    _check_form(form)
    from nasdip_bench.api.tables import table1

    _show(table1(NASDIPBench(data), task, target, fidelity, seed, all_scores=all_scores), form, out)


@app.command("figure")
def figure_command(
    number: Annotated[str, typer.Argument(help="Number in the paper; there is: 1.")],
    task: TaskName = "denoise",
    k: TopK = 10,
    target: Target = TARGET,
    fidelity: FidelityName = None,
    seed: Seed = None,
    form: Form = "",
    out: Picture = None,
    data: Data = DATA,
) -> None:
    """Regenerate a figure of the paper."""
    _known("figure", number, FIGURES)
    _check_form(form)
    from nasdip_bench.api.figures import figure1

    _show(figure1(NASDIPBench(data), task, k, target, fidelity, seed), form, out)


@app.command("kendall")
def kendall_command(
    task: TaskArgument = "denoise",
    target: Target = TARGET,
    fidelity: FidelityName = None,
    seed: Seed = None,
    out: Out = None,
    data: Data = DATA,
) -> None:
    """Print Kendall's tau-b between a target and all scores, by image, as CSV."""
    frame = NASDIPBench(data).kendall(task, target, fidelity, seed)
    frame.columns = ["/".join(column) for column in frame.columns]
    _emit(frame.to_csv(lineterminator="\n"), out)


@app.command("overlap")
def overlap_command(
    task: TaskArgument = "denoise",
    k: TopK = 10,
    target: Target = TARGET,
    fidelity: FidelityName = None,
    seed: Seed = None,
    out: Out = None,
    data: Data = DATA,
) -> None:
    """Print how many of their k best architectures pairs of images share, as CSV."""
    frame = NASDIPBench(data).overlap(task, k, target, fidelity, seed)
    _emit(frame.to_csv(lineterminator="\n"), out)


@app.command("coverage")
def coverage_command(out: Out = None, data: Data = DATA) -> None:
    """Print what runs there are, diverged, failed or are missing, as CSV."""
    _emit(NASDIPBench(data).coverage().to_csv(index=False, lineterminator="\n"), out)


@app.command("verify")
def verify_command(data: Data = DATA) -> None:
    """Check all files, tables and curves of a dataset; exit status 1 if something is wrong."""
    problems = verify(data)
    for problem in problems:
        print(problem)
    if problems:
        print(f"{data}: {len(problems)} problems", file=sys.stderr)
        raise typer.Exit(EXIT_PROBLEMS)
    print(f"{data}: no problems")


def _known(kind: str, number: str, there: dict[str, str]) -> None:
    if number not in there:
        raise unknown_name(kind, number, [f"{n} ({what})" for n, what in there.items()])


def _check_form(form: str) -> None:
    if form and form not in FORMS:
        raise unknown_name("format", form, FORMS)


def _show(exhibit: Exhibit, form: str, out: Path | None) -> None:
    """Write it in the form asked for, else in that of the file's ending, else print its text."""
    if out is None or form:
        _emit(exhibit.written(form or "text"), out)
    else:
        exhibit.save(out)
        print(f"written: {out}")


def _emit(content: str, out: Path | None) -> None:
    if out is None:
        print(content, end="")
        return
    write_text(out, content)
    print(f"written: {out}")


def main() -> None:
    """Entry point."""
    sys.exit(run("nasdip-bench", app))
