"""Shares of a build: disjoint, together everything, of similar cost."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nasdip_bench.builder.plan.config import BuildConfig
from nasdip_bench.builder.plan.cost import unit_cost
from nasdip_bench.builder.plan.shares import MAX_SHARES, Share, parse_share, part_of
from nasdip_bench.builder.plan.units import make_plan
from nasdip_bench.builder.work.build import build
from nasdip_bench.errors import ConfigError
from nasdip_bench.fidelity import get_fidelity
from nasdip_bench.images import load_images
from nasdip_bench.space.paper_lists import paper_architectures
from tests.builds import run_rows, score_rows, small_config


def planned(config: BuildConfig) -> Counter:
    """How often each key of a run or of scores is planned."""
    return Counter(key for unit in make_plan(config, stack=2) for key in unit.keys)


@given(data=st.data(), architectures=st.integers(1, 20), device=st.sampled_from(["cpu", "cuda"]))
@settings(deadline=None, max_examples=30)
def test_shares_are_disjoint_and_together_the_build(data, architectures, device):
    config = small_config(
        architectures=tuple(paper_architectures(architectures)),
        seeds=tuple(range(data.draw(st.integers(1, 2)))),
        device=device,
        train=data.draw(st.booleans()),
    )
    count = data.draw(st.integers(1, architectures))
    shares = [planned(part_of(config, Share(index, count))) for index in range(1, count + 1)]
    assert sum(shares, Counter()) == planned(config)
    with pytest.raises(ConfigError, match=f"the build has {architectures}; use no more shares"):
        part_of(config, Share(1, architectures + 1))


def test_shares_of_the_whole_benchmark_cost_about_the_same():
    config = small_config(
        images=tuple(load_images("skimage")),
        architectures=tuple(paper_architectures()),
        fidelity=get_fidelity("r512"),
    )
    costs = [
        sum(unit_cost(unit, "cpu") for unit in make_plan(part_of(config, Share(i, 8))))
        for i in range(1, 9)
    ]
    assert max(costs) <= 1.01 * sum(costs) / 8


def test_shares_built_into_one_folder_are_the_build(small_build, tmp_path):
    config = small_config()
    outcomes = [
        build(config, tmp_path, workers=1, stack=1, share=Share(index, 2)) for index in (2, 1)
    ]
    assert sum(outcome.finished for outcome in outcomes) == 10
    assert all(outcome.finished and not outcome.left for outcome in outcomes)
    whole = build(config, tmp_path, workers=1, stack=1)
    assert (whole.finished, whole.left) == (0, 0)
    assert run_rows(tmp_path) == run_rows(small_build)
    assert score_rows(tmp_path) == score_rows(small_build)


def test_shares_are_read_as_they_are_printed():
    for text in ("", "3", "0/4", "5/4", "-1/4", "1/0", "1/1e3", "a/b", "1/2/3"):
        with pytest.raises(ConfigError, match="must be I/N"):
            parse_share(text)
    assert parse_share(" 3 / 8 ") == Share(3, 8)
    assert str(parse_share("3/8")) == "3/8"
    parse_share(f"1/{MAX_SHARES}")
    with pytest.raises(ConfigError, match="1024"):
        parse_share(f"1/{MAX_SHARES + 1}")
