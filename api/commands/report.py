"""The command that writes a release as an offline page."""

from __future__ import annotations

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
    """Write an offline page: architectures, curves, scores, coverage."""
    from ..report.page import write_report

    size = write_report(NASDIPBench(data), out, fidelity)
    print(f"written: {out}, {size / 2**20:.1f} MiB")
