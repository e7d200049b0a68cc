"""The command that writes a release as an offline page."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from ..benchmark import NASDIPBench
from .options import Data, FidelityName, ends_in


def report_command(
    out: Annotated[
        Path,
        typer.Option(help="File (.html) to write or replace.", callback=ends_in(".html", ".htm")),
    ] = Path("report.html"),
    fidelity: FidelityName = None,
    data: Data = None,
) -> None:
    """Write an offline page: architectures, curves, scores, overlap, verdicts, coverage."""
    from ..report.page import write_report

    def progress(line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    size = write_report(NASDIPBench(data), out, fidelity, progress)
    print(f"written: {out}, {size / 2**20:.1f} MiB")
