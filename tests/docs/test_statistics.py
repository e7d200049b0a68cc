"""The example and the commands of docs/statistics.md run on the shipped data."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from nasdip_bench.api import cli

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "statistics.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
COMMANDS = re.findall(r"`(nasdip-bench [^`]*)`", PAGE)


def test_there_is_something_to_test():
    assert len(EXAMPLES) == 1
    assert len(COMMANDS) == 7


@pytest.mark.parametrize("example", EXAMPLES, ids=range(len(EXAMPLES)))
def test_examples(example: str):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", example],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert "architectures to come within a tenth of a dB" in done.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_commands(command: str, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", [*command.split(), "--data", str(ROOT / "data")])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    printed = capsys.readouterr()
    assert ended.value.code == 0, printed.err
    assert len(printed.out.splitlines()) > 5
