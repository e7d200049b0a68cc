"""The example and the commands of docs/statistics.md run on the shipped data."""

from __future__ import annotations

import re
import sys

import pytest

from nasdip_bench.api import NASDIPBench, cli
from tests.docs.pages import ROOT, blocks, run_code, text_of

PAGE = text_of("statistics")
COMMANDS = re.findall(r"^\|.*`(nasdip-bench [^`]*)` \|$", PAGE, re.MULTILINE)


def test_the_example():
    (example,) = blocks(PAGE, "python")
    assert "architectures to come within a tenth of a dB" in run_code(ROOT, example)


def test_every_question_has_a_call():
    calls = re.findall(r"^\| .*\? \| `bench\.(\w+)\(.*\)` \|", PAGE, re.MULTILINE)
    assert (len(calls), len(COMMANDS)) == (11, 9)
    assert all(hasattr(NASDIPBench, call) for call in calls)


@pytest.mark.parametrize("command", COMMANDS)
def test_commands(command: str, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", [*command.split(), "--data", str(ROOT / "data")])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    printed = capsys.readouterr()
    assert ended.value.code == 0, printed.err
    assert len(printed.out.splitlines()) > 5
