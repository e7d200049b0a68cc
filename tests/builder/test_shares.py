"""Shares of a build: disjoint, together everything, the same whenever they are worked out, even."""

from __future__ import annotations

import itertools
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nasdip_bench.builder.plan.config import BuildConfig
from nasdip_bench.builder.plan.cost import unit_cost
from nasdip_bench.builder.plan.shares import MAX_SHARES, Share, Shares, parse_share, plan_share
from nasdip_bench.builder.plan.units import make_plan
from nasdip_bench.builder.work.build import build
from nasdip_bench.builder.work.dry_run import preview
from nasdip_bench.errors import ConfigError
from nasdip_bench.fidelity import get_fidelity
from nasdip_bench.images import load_images
from nasdip_bench.space.paper_lists import paper_architectures
from tests.builds import run_rows, score_rows, small_config


@pytest.fixture(scope="module")
def whole_build() -> BuildConfig:
    """As many runs as the benchmark has: ten images, 522 architectures, two tasks, three seeds."""
    return small_config(
        images=tuple(load_images("skimage")),
        architectures=tuple(paper_architectures()),
        fidelity=get_fidelity("r512"),
        seeds=(0, 1, 2),
    )


def planned(config: BuildConfig, share: Share | None = None, done=frozenset()) -> Counter:
    """How often each key of a run or of scores is planned."""
    units = plan_share(config, share, done, stack=2)
    return Counter(key for unit in units for key in (*unit.runs, *unit.scores))


@given(
    count=st.integers(1, 70),
    architectures=st.integers(1, 5),
    seeds=st.integers(1, 2),
    device=st.sampled_from(["cpu", "cuda"]),
    train=st.booleans(),
)
@settings(deadline=None, max_examples=30)
def test_shares_are_disjoint_and_together_the_build(count, architectures, seeds, device, train):
    config = small_config(
        architectures=tuple(paper_architectures(architectures)),
        seeds=tuple(range(seeds)),
        device=device,
        train=train,
    )
    shares = [planned(config, Share(index, count)) for index in range(1, count + 1)]
    assert sum(shares, Counter()) == planned(config)


def test_a_share_does_not_depend_on_what_is_finished():
    config = small_config(architectures=tuple(paper_architectures(4)))
    share = Share(2, 3)
    mine = planned(config, share)
    units = list(make_plan(config))
    runs = frozenset(run for unit in units[::2] for run in unit.runs)
    scores = frozenset(score for unit in units[::3] for score in unit.scores)
    left = planned(config, share, runs | scores)
    assert left.keys() == mine.keys() - runs - scores
    assert left.keys() < mine.keys()


def test_shares_of_the_whole_benchmark_cost_the_same_within_5_percent(whole_build):
    for device, fidelity in itertools.product(("cpu", "cuda"), ("r512", "r64")):
        changes = {"fidelity": get_fidelity(fidelity), "device": device, "seeds": (0,)}
        config = BuildConfig(**(vars(whole_build) | changes))
        whole = sum(unit_cost(unit, device) for unit in make_plan(config))
        for count in (2, 8, 33, 64):
            shares = Shares(config, count)
            mean = sum(shares.costs) / count
            assert max(abs(cost / mean - 1) for cost in shares.costs) <= 0.05
            assert shares.spread == pytest.approx(max(shares.costs) / mean - 1)
            assert sum(shares.costs) == pytest.approx(whole)


def test_the_cost_of_a_share_is_that_of_its_units(whole_build):
    shares = Shares(whole_build, 64)
    units = plan_share(whole_build, Share(7, 64))
    assert sum(unit_cost(unit, "cpu") for unit in units) == pytest.approx(shares.costs[6])


def test_stacks_stay_together_where_they_are_small_beside_a_share(whole_build):
    units = plan_share(whole_build, Share(1, 2), stack=10)
    assert {len(unit.runs) for unit in units if unit.runs} == {10}


def test_a_small_build_is_divided_by_image():
    config = small_config(architectures=tuple(paper_architectures(1)), scoring_inits=0)
    assert [planned(config, Share(i, 4)).total() for i in range(1, 5)] == [1, 1, 1, 1]
    assert planned(config, Share(5, 5)).total() == 0


def test_shares_built_into_one_folder_are_the_build(small_build, tmp_path):
    config = small_config()
    outcomes = [
        build(config, tmp_path, workers=1, stack=1, share=Share(index, 3)) for index in (3, 1, 2)
    ]
    assert sum(outcome.finished for outcome in outcomes) == 10
    assert all(outcome.finished and not outcome.left for outcome in outcomes)
    whole = build(config, tmp_path, workers=1, stack=1)
    assert (whole.finished, whole.left) == (0, 0)
    assert run_rows(tmp_path) == run_rows(small_build)
    assert score_rows(tmp_path) == score_rows(small_build)


def test_the_preview_is_of_the_share(tmp_path):
    config = small_config()
    text = preview(config, tmp_path / "none", workers=1, stack=1, share=Share(1, 2))
    assert "share 1/2: 5" in text
    assert "split" not in text
    runs = small_config(scoring_inits=0)
    text = preview(runs, tmp_path / "none", workers=1, stack=2, share=Share(1, 2))
    assert "\n4 stacks are split: runs alone take longer, so use fewer shares\n" in text
    assert " of 8 runs" not in text


def test_shares_are_read_as_they_are_printed():
    for text in ("", "3", "0/4", "5/4", "-1/4", "1/0", "1/1e3", "a/b", "1/2/3"):
        with pytest.raises(ConfigError, match="must be I/N"):
            parse_share(text)
    assert parse_share(" 3 / 8 ") == Share(3, 8)
    assert str(parse_share("3/8")) == "3/8"
    parse_share(f"1/{MAX_SHARES}")
    with pytest.raises(ConfigError, match="1024"):
        parse_share(f"1/{MAX_SHARES + 1}")
