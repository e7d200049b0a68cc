"""``nasdip-bench``: parses, calls, prints. An error is one line and exit status 2."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from nasdip_bench.console.app import new_app, run, version_option
from nasdip_bench.dataset.manifest import MANIFEST, distance_path, read_manifest
from nasdip_bench.verify import verify

from .benchmark import NASDIPBench
from .commands.options import (
    Data,
    FidelityName,
    Images,
    Out,
    Seed,
    Target,
    Task,
    TextForm,
    TopK,
    finish,
    image_names,
    show_frame,
)
from .commands.paper import figure, paper_command, report_command, table
from .commands.queries import best_command, curve_command, query_command
from .commands.search import replay_command, search_command, search_leaderboard_command
from .commands.statistics import (
    agreement_command,
    early_command,
    gain_command,
    noise_command,
    predictors_command,
    score_leaderboard_command,
    stopping_command,
)
from .reading.arrays.targets import TARGET
from .reading.release import default_dataset
from .statistics.tau_frame import MEAN

EXIT_PROBLEMS = 1
"""Exit status if ``verify`` finds a problem."""

app = new_app()


@app.callback()
def root(
    version: Annotated[bool, version_option("nasdip-bench")] = False,
) -> None:
    """Query a NASDIP-Bench dataset and regenerate the paper's tables and figures."""


@app.command("info")
def info_command(data: Data = None) -> None:
    """Summarise a dataset."""
    bench = NASDIPBench(data)
    manifest = bench.manifest
    size = sum(record.size for record in manifest.files.values()) / 2**20
    print(
        f"dataset {manifest.name}, release {manifest.version} of {manifest.created}, "
        f"{size:.1f} MiB in {bench.path}"
    )
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
            scored = bench.runs.scores(task, fidelity)[1].present.any(axis=(1, 2)).sum()
            default = " [default]" if manifest.default_fidelity.get(task) == fidelity else ""
            print(
                f"  {task}{default}: {record.iterations} iterations, stop at {record.stop}; "
                f"{seeds or 'no runs'}; scores of {scored} architectures"
                + ("; distances" if distance_path(fidelity, task) in manifest.files else "")
            )
    print(f"trained on: {', '.join(manifest.devices) or 'nothing'}")


@app.command("kendall")
def kendall_command(
    task: Task = "denoise",
    images: Images = "all",
    target: Target = TARGET,
    fidelity: FidelityName = None,
    seed: Seed = None,
    form: TextForm = "",
    out: Out = None,
    data: Data = None,
) -> None:
    """Print Kendall's tau-b between a target and all scores, by image and averaged."""
    frame = NASDIPBench(data).kendall(
        task, target=target, fidelity=fidelity, seed=seed, images=image_names(images)
    )
    frame.columns = ["/".join(column) for column in frame.columns]
    frame.loc[MEAN] = frame.mean(skipna=False)
    show_frame(frame, form, out, text=frame.T.rename_axis("score"))


@app.command("overlap")
def overlap_command(
    task: Task = "denoise",
    images: Images = "all",
    k: TopK = 10,
    target: Target = TARGET,
    fidelity: FidelityName = None,
    seed: Seed = None,
    form: TextForm = "",
    out: Out = None,
    data: Data = None,
) -> None:
    """Print how many of their k best architectures each pair of images shares."""
    frame = NASDIPBench(data).overlap(
        task, k=k, target=target, fidelity=fidelity, seed=seed, images=image_names(images)
    )
    show_frame(frame, form, out)


@app.command("coverage")
def coverage_command(form: TextForm = "", out: Out = None, data: Data = None) -> None:
    """Print how many runs are ok, diverged, failed or missing."""
    show_frame(NASDIPBench(data).coverage(), form, out, index=False)


@app.command("verify")
def verify_command(data: Data = None) -> None:
    """Check all files, tables and curves of a dataset; exit status 1 if there is a problem."""
    path = default_dataset() if data is None else data
    if not (path / MANIFEST).exists():
        read_manifest(path)  # raises, with the remedy
    problems = verify(path)
    for problem in problems:
        print(problem)
    if problems:
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        print(f"{path}: {count}", file=sys.stderr)
        raise typer.Exit(EXIT_PROBLEMS)
    print(f"{path}: no problems")


app.command("query")(query_command)
app.command("best")(best_command)
app.command("curve")(curve_command)
app.add_typer(table, name="table")
app.add_typer(figure, name="figure")
app.command("paper")(paper_command)
app.command("replay")(replay_command)
app.command("report")(report_command)
app.command("search")(search_command)
leaderboard = new_app("Leaderboards that include trivial entries.")
leaderboard.command("scores")(score_leaderboard_command)
leaderboard.command("search")(search_leaderboard_command)
app.add_typer(leaderboard, name="leaderboard")
app.command("stopping")(stopping_command)
app.command("early")(early_command)
app.command("gain")(gain_command)
app.command("noise")(noise_command)
app.command("agreement")(agreement_command)
app.command("predictors")(predictors_command)
finish(app)


def main() -> None:
    """Entry point."""
    sys.exit(run("nasdip-bench", app))
