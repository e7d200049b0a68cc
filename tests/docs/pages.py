"""Code and commands of the pages, taken out of the Markdown and run as a reader runs them."""

from __future__ import annotations

import io
import os
import re
import shlex
import subprocess
import sys
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path

import torch

from nasdip_bench.api.cli import app as bench_app
from nasdip_bench.builder.cli import app as build_app
from nasdip_bench.console.app import run
from nasdip_bench.isnas.cli import app as restore_app

_APPS = {"nasdip-bench": bench_app, "nasdip-build": build_app, "nasdip-restore": restore_app}
_ALONE = {"--dry-run", "--workers=1", "release"}
"""What shows that nasdip-build needs no other process."""

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
README = ROOT / "README.md"
PAGES = (
    README,
    ROOT / "CONTRIBUTING.md",
    *sorted(ROOT.glob("docs/*.md")),
    *sorted(ROOT.glob("data/*.md")),
    *sorted(ROOT.glob("benchmarks/*.md")),
)


def text_of(page: str) -> str:
    """The text of a page of ``docs/``, by its name without the ending."""
    return (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8")


def blocks(text: str, language: str) -> list[str]:
    """The code blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def commands(text: str) -> list[str]:
    """What the console blocks say to type, without comments."""
    return [
        line[2:].split("  #")[0].strip()
        for block in blocks(text, "console")
        for line in block.replace("\\\n", " ").splitlines()
        if line.startswith("$ ")
    ]


def run_in(folder: Path, *command: str, **environment: str) -> str:
    """Run a program of the environment; what it prints, if it succeeds."""
    done = subprocess.run(
        [str(BIN / command[0]), *command[1:]],
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, f"{command}: {done.stderr}"
    return done.stdout


def run_line(folder: Path, line: str) -> str:
    """Run a command line, in this process unless it starts others: that spares seconds each."""
    program, *arguments = shlex.split(line)
    starts_workers = program == "nasdip-build" and not _ALONE & {*arguments}
    if program not in _APPS or starts_workers:
        return run_in(folder, program, *arguments)
    out, err = io.StringIO(), io.StringIO()
    threads = torch.get_num_threads()
    with chdir(folder), redirect_stdout(out), redirect_stderr(err):
        status = run(program, _APPS[program], arguments)
    torch.set_num_threads(threads)  # as before: nasdip-restore chooses
    assert status == 0, f"{line}: {err.getvalue()}"
    return out.getvalue()


def run_code(folder: Path, code: str, *options: str, **environment: str) -> str:
    """Run Python code, warnings being errors unless there are other options."""
    return run_in(folder, "python", *(options or ("-W", "error")), "-c", code, **environment)
