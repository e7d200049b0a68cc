"""The example and the commands of docs/statistics.md run on the shipped data."""

from __future__ import annotations

import re

import pytest

from nasdip_bench.api import NASDIPBench
from tests.docs.pages import ROOT, blocks, run_code, run_line, text_of

PAGE = text_of("statistics")
COMMANDS = re.findall(r"^\|.*`(nasdip-bench [^`]*)` \|$", PAGE, re.MULTILINE)


EXAMPLE, OWN_RULE = blocks(PAGE, "python")


def test_the_example():
    assert "architectures to come within a tenth of a dB" in run_code(ROOT, EXAMPLE)


def test_a_rule_of_ones_own_in_ten_lines(workplace):
    pytest.importorskip("matplotlib")
    named = "from nasdip_bench.stopping import parse_rule\nprint(parse_rule('gap(gap_db=3.5)'))"
    printed = run_code(workplace, f"{OWN_RULE}\n{named}").splitlines()
    assert printed[-1] == "gap(gap_db=3.5)"
    rules = [line.split()[0] for line in printed if line.endswith(tuple("0123456789"))]
    assert rules[0] == "oracle"
    assert "gap" in rules
    assert (workplace / "stopping.png").read_bytes().startswith(b"\x89PNG")
    rule = OWN_RULE.partition("@dataclass")[2].partition("\nbench =")[0]
    assert len([line for line in rule.splitlines() if line.strip()]) <= 11


def test_every_question_has_a_call():
    calls = re.findall(r"^\| .*\? \| `bench\.(\w+)\(.*\)` \|", PAGE, re.MULTILINE)
    assert (len(calls), len(COMMANDS)) == (12, 11)
    assert all(hasattr(NASDIPBench, call) for call in calls)


@pytest.mark.parametrize("command", COMMANDS)
def test_commands(command: str):
    shorter = " --images lena,boat" * command.startswith(("nasdip-bench lead", "nasdip-bench pred"))
    assert len(run_line(ROOT, command + shorter).splitlines()) > 5
