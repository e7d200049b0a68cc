"""Every example and command of docs/search.md runs."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

from nasdip_bench import NASDIPBench
from tests.docs.pages import ROOT, blocks, commands, run_code, run_line, text_of

PAGE = text_of("search")
EXAMPLES = blocks(PAGE, "python")
EXTRAS = {
    "adapters.configspace": "ConfigSpace",
    "import optuna": "optuna",
    "syne_tune": "syne_tune",
}


@pytest.mark.parametrize("place", range(len(EXAMPLES)))
def test_examples(place: int, workplace: Path):
    example, home = EXAMPLES[place], str(workplace)  # some libraries write to HOME
    for needle, module in EXTRAS.items():
        if needle in example and importlib.util.find_spec(module) is None:
            pytest.skip(f"{module} is not installed: make test-adapters")
    if 'deserialize("blackbox")' in example and not (workplace / "blackbox").exists():
        (export,) = (one for one in EXAMPLES if "export_blackbox" in one)
        run_code(workplace, export)
    # Libraries of others warn of what is theirs to mend.
    theirs = any(needle in example for needle in EXTRAS)
    run_code(workplace, example, *(["-W", "default"] if theirs else []), HOME=home)


def test_commands(workplace: Path):
    lines = commands(PAGE)
    assert len(lines) == 4
    for line in lines:
        assert line.startswith(("nasdip-bench search ", "nasdip-bench leaderboard search "))
        assert run_line(workplace, line)
    assert (workplace / "searches.png").read_bytes().startswith(b"\x89PNG")
    assert (workplace / "regret.png").read_bytes().startswith(b"\x89PNG")
    assert (workplace / "regret.csv").read_text().startswith("image,method,seconds,track,")


def test_the_steps_of_optuna_are_kept_iterations():
    (steps,) = re.findall(r"`steps=\[(.*)\]`", PAGE)
    kept = NASDIPBench(ROOT / "data").simulator("lena", "denoise").iterations
    assert set(map(int, steps.split(", "))) <= set(kept)
