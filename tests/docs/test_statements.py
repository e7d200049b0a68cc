"""What the pages state is what the code does."""

from __future__ import annotations

import re

import pandas as pd
import pytest

from nasdip_bench.api import NASDIPBench, figure1, table1
from nasdip_bench.api.paper.table1 import BEST_ITERATION
from nasdip_bench.builder.plan.shares import architecture_costs, divided
from nasdip_bench.fidelity import get_fidelity
from nasdip_bench.images import load_images
from nasdip_bench.isnas import paper_config, quick_config
from nasdip_bench.proxies import image_scores, network_scores
from nasdip_bench.space import paper_architectures
from nasdip_bench.stopping import RULES
from nasdip_bench.tasks import Denoise, Inpaint, SuperResolve
from tests.builds import small_config
from tests.docs.pages import ROOT, blocks, text_of


@pytest.fixture(scope="module")
def bench() -> NASDIPBench:
    return NASDIPBench(ROOT / "data")


def test_build_states_the_spread_of_shares():
    settings = {
        "images": tuple(load_images("skimage")),
        "architectures": tuple(paper_architectures()),
        "scoring_inits": 8,
    }
    costs_of = [
        architecture_costs(small_config(fidelity=get_fidelity(fidelity), device=device, **settings))
        for fidelity, device in (("r512", "cuda"), ("r64c16", "cuda"), ("r64c16", "cpu"))
    ]
    stated = re.findall(r"([\d.]+) % at N = (\d+)", text_of("build"))
    assert len(stated) == 2
    for text, count in stated:
        most = 0.0
        for costs in costs_of:
            shares = divided(costs, int(count))
            dearest = max(sum(costs[name] for name in share) for share in shares)
            most = max(most, dearest / sum(costs.values()) * int(count) - 1)
        assert f"{most:.2%}" == f"{text}%"


def test_paper_has_calls_that_give_the_numbers_of_the_commands_beside_them(bench):
    shown = {
        "Table 1": table1(bench),
        "Figure 1": figure1(bench),
        "section 5": table1(bench, target=BEST_ITERATION),
    }
    calls = re.findall(r"^\| ([^|]+) \|.* `(bench\.[^`]+)` \|$", text_of("paper"), re.MULTILINE)
    assert {name for name, _ in calls} == {*shown}
    for name, call in calls:
        found = eval(call, {"bench": bench, "task": "denoise"})
        pd.testing.assert_frame_equal(found, shown[name].frame)


def test_protocol_names_the_scores_that_the_release_lacks(bench):
    said = re.findall(r"^The shipped release does not have .* yet\.$", text_of("protocol"), re.M)
    there = {name.partition("/")[0] for name in bench.proxies}
    lacking = {*image_scores(), *network_scores()} - there
    assert set(re.findall(r"`(\w+)`", "".join(said))) == lacking


def test_restore_states_the_presets():
    cells = re.findall(r"^\| ([^|]+)\|([^|]+)\|([^|]+)\|$", text_of("restore"), re.MULTILINE)
    rows = {name.strip(): (paper.strip(), quick.strip()) for name, paper, quick in cells}
    tasks = (Denoise(), Inpaint(), SuperResolve(4))
    for place, make in enumerate((paper_config, quick_config)):
        config = make(Denoise())
        for name, value in {
            "candidates × initialisations of a score": f"{config.candidates} × {config.inits}",
            "cohort": config.cohort,
            "channels of ranked and trained networks": config.search_channels,
            "channels of the restoring network": config.channels,
            "iterations, denoise, inpaint, super-resolve": ", ".join(
                str(make(task).iterations) for task in tasks
            ),
        }.items():
            assert rows[name][place] == str(value)
    assert quick_config(SuperResolve(4)).cohort_iterations == 200


def test_restore_lists_every_rule():
    section = text_of("restore").split("\n## Stopping\n")[1].split("\n## ")[0]
    assert set(re.findall(r"^\| `([\w-]+)` \|", section, re.MULTILINE)) == set(RULES)


def test_search_has_steps_of_optuna_that_are_kept(bench):
    (steps,) = re.findall(r"`steps=\[(.*)\]`", text_of("search"))
    assert set(map(int, steps.split(", "))) <= set(bench.simulator("lena", "denoise").iterations)


def test_statistics_answers_every_question_with_a_call():
    calls = re.findall(r"^\| .*\? \| `bench\.(\w+)\(.*\)` \|", text_of("statistics"), re.MULTILINE)
    assert len(calls) == 12
    assert all(hasattr(NASDIPBench, call) for call in calls)


def test_statistics_writes_a_rule_in_eleven_lines():
    (rule,) = re.findall(
        r"@dataclass.*\n\n\n(?=bench =)", blocks(text_of("statistics"), "python")[1], re.DOTALL
    )
    assert len([line for line in rule.splitlines() if line.strip()]) <= 11
