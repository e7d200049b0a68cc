"""Importing this builds and releases once: processes forked afterwards find all in memory."""

from __future__ import annotations

import io
import tempfile
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

from tests.faults.commands import call
from tests.faults.lab import ARCHITECTURES, build_arguments

with (
    tempfile.TemporaryDirectory() as _name,
    redirect_stdout(io.StringIO()),
    redirect_stderr(io.StringIO()),
):
    _folder = Path(_name)
    (_folder / "a.csv").write_text(ARCHITECTURES)
    call(build_arguments(_folder / "build", _folder / "a.csv"))
    call(["release", f"{_folder / 'build'}", f"--out={_folder / 'data'}"])
