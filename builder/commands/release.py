"""Commands that make datasets from builds, earlier releases and others' results."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from nasdip_bench.dataset import Manifest

Out = Annotated[Path, typer.Option(help="The dataset folder to create or replace.")]
Version = Annotated[
    str | None,
    typer.Option(
        help="Version of the release, preferably like 1.2.3. Default: that of the dataset in the "
        "folder if its files stay the same, else required; 0 (unnumbered) in a new folder."
    ),
]
Replace = Annotated[
    bool, typer.Option("--replace", help="Discard a dataset in the folder that is no source.")
]


def release_command(
    sources: Annotated[
        list[Path], typer.Argument(help="Build folders and earlier releases, one or more.")
    ],
    out: Out,
    architectures: Annotated[
        str,
        typer.Option(
            help="List these too, in this order: a number of the paper's 522, or a CSV file."
        ),
    ] = "",
    name: Annotated[
        str | None,
        typer.Option(
            help="Name of the release. Default: that of the dataset in the folder, else "
            "nasdip-bench."
        ),
    ] = None,
    release_version: Version = None,
    licence: Annotated[
        str | None,
        typer.Option(help="Licence of the results, an SPDX identifier. Default: MIT."),
    ] = None,
    creator: Annotated[
        str | None,
        typer.Option(help="Who made the dataset. Default: the NASDIP-Bench authors."),
    ] = None,
    url: Annotated[
        str | None,
        typer.Option(help="Address of the dataset's page. Default: none."),
    ] = None,
    reruns: Annotated[
        Path | None,
        typer.Option(help="File to add, written by 'nasdip-build recompute --save'."),
    ] = None,
    replace: Replace = False,
) -> None:
    """Compact builds into a dataset folder and verify it.

    Several sources are merged; a run in two of them must have the same numbers in both. A dataset
    in the folder must be one of them, or it is replaced only with --replace.
    """
    from ..release.release import release
    from .architectures import read_architectures

    manifest = release(
        sources,
        out,
        architectures=read_architectures(architectures) if architectures else (),
        name=name,
        version=release_version,
        licence=licence,
        creator=creator,
        url=url,
        reruns=reruns,
        replace=replace,
    )
    _show(manifest, out)


def import_released_command(
    results: Annotated[Path, typer.Argument(help="The folder that holds 'benchmark'.")],
    out: Out,
    name: Annotated[str, typer.Option(help="Name of the release.")] = "released-results",
    release_version: Version = None,
    replace: Replace = False,
) -> None:
    """Make a dataset from the released code's results.

    Pickles are read without running any code.
    """
    from ..released_code.dataset import import_released

    manifest, left_out = import_released(
        results, out, name=name, version=release_version, replace=replace
    )
    for line in left_out:
        print(f"left out: {line}", file=sys.stderr)
    _show(manifest, out)


def _show(manifest: Manifest, out: Path) -> None:
    """Report what the written dataset holds."""
    from nasdip_bench.dataset import DatasetFolder
    from nasdip_bench.dataset.manifest import distance_path
    from nasdip_bench.images import RELEASED_SET

    size = sum(record.size for record in manifest.files.values())
    print(
        f"{out}: {manifest.architectures} architectures, {len(manifest.images)} images "
        f"({manifest.image_set}), {size / 2**20:.1f} MiB, verified"
    )
    for fidelity, record in manifest.fidelities.items():
        for task, facts in record["tasks"].items():
            images, scored = len(manifest.images), facts["scored"]
            if manifest.image_set == RELEASED_SET:  # each task has its own images
                tables = {n: DatasetFolder(out).table(n).to_pandas() for n in ("runs", "scores")}
                mine = {n: table[table["task"] == task] for n, table in tables.items()}
                images = mine["runs"]["image"].nunique()
                scored = int((mine["scores"].groupby("arch_id")["image"].nunique() == images).sum())
            expected = manifest.architectures * images
            seeds = ", ".join(
                f"seed {seed}: {count} of {expected} runs" for seed, count in facts["seeds"].items()
            )
            kept = "; distances" if distance_path(fidelity, task) in manifest.files else ""
            print(f"  {fidelity} {task}: {seeds or 'no runs'}; {scored} scored{kept}")
