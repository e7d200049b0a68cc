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

APPS = {"nasdip-bench": bench_app, "nasdip-build": build_app, "nasdip-restore": restore_app}
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
    """The text of the README, or of a page of ``docs/`` by its name without the ending."""
    path = README if page == "README" else ROOT / "docs" / f"{page}.md"
    return path.read_text(encoding="utf-8")


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


def run_line(folder: Path, line: str) -> tuple[int, str, str]:
    """Run a command line of ours in this process; its status, stdout and stderr."""
    program, *arguments = shlex.split(line)
    out, err = io.StringIO(), io.StringIO()
    threads = torch.get_num_threads()
    with chdir(folder), redirect_stdout(out), redirect_stderr(err):
        status = run(program, APPS[program], arguments)
    torch.set_num_threads(threads)  # as before: nasdip-restore chooses
    return status, out.getvalue(), err.getvalue()


def run_code(folder: Path, code: str, *options: str) -> str:
    """Run Python code, warnings being errors unless there are other options; what it prints."""
    done = subprocess.run(
        [sys.executable, *(options or ("-W", "error")), "-c", code],
        cwd=folder,
        env=os.environ | {"HOME": str(folder)},  # where some libraries write
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, f"{code}\n{done.stderr}"
    return done.stdout
