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

from nasdip_bench.api.cli import app
from nasdip_bench.console.app import run

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
    """Run a command line; ``nasdip-bench`` in this process, which spares a second each time."""
    program, *arguments = shlex.split(line)
    if program != "nasdip-bench":
        return run_in(folder, program, *arguments)
    out, err = io.StringIO(), io.StringIO()
    with chdir(folder), redirect_stdout(out), redirect_stderr(err):
        status = run(program, app, arguments)
    assert status == 0, f"{line}: {err.getvalue()}"
    return out.getvalue()


def run_code(folder: Path, code: str, *options: str, **environment: str) -> str:
    """Run Python code, warnings being errors unless there are other options."""
    return run_in(folder, "python", *(options or ("-W", "error")), "-c", code, **environment)
