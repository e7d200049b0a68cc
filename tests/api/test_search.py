"""Search algorithms and their comparison, against brute force and analytic expectations."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from nasdip_bench.api.search import (
    METHODS,
    Method,
    compare,
    hyperband,
    isnas,
    regularized_evolution,
    run_search,
    search_figure,
    successive_halving,
)
from nasdip_bench.api.search import figure as search_drawing
from nasdip_bench.api.search.algorithms import random_search, rungs
from nasdip_bench.api.search.comparison import COMPARED
from nasdip_bench.api.search.figure import in_words
from nasdip_bench.api.search.repeats import Resamples, keyed_generator
from nasdip_bench.api.simulation.opening import open_simulator, read_runs
from nasdip_bench.api.simulation.paid import BudgetExhaustedError
from nasdip_bench.api.simulation.prices import CostModel
from nasdip_bench.api.simulation.simulator import Simulator
from nasdip_bench.api.statistics.tau_frame import MEAN, Resampling
from nasdip_bench.errors import ConfigError, MissingRunError, UnknownNameError
from nasdip_bench.space import Neighbourhood
from tests.synthetic import LOW

LAST, COUNT = 40, 40
A_SECOND_EACH = CostModel(flops_per_second=1e30, overhead_seconds=1.0)


@pytest.fixture(scope="module")
def bench(low_release):
    return low_release(count=COUNT, tasks=("denoise",), distances=True)


@pytest.fixture(scope="module")
def partial(small):
    """One seed; on lena the best diverged and half of the architectures are missing."""
    return small(
        missing={(LOW, "denoise", a, "lena", 0) for a in range(6)},
        diverged={(LOW, "denoise", 11, "lena", 0)},
        unscored={7},
        distances=True,
    )


def simulator(bench, budget=None, **options) -> Simulator:
    return open_simulator(bench, "lena", "denoise", budget_seconds=budget, **options)


def order(sim: Simulator) -> list[int]:
    return sim.history().query("query == 'train'")["arch_id"].tolist()


def method_simulator(bench, name, budget=None) -> Simulator:
    return simulator(bench, budget, track=METHODS[name].track)


@pytest.mark.parametrize("name", METHODS)
def test_searches_end_within_the_budget_and_repeat_by_seed(bench, name):
    for budget in (0.5, 30, 300, None):
        sims = [run_search(method_simulator(bench, name, budget), name, 3) for _ in range(2)]
        assert sims[0].clock <= (budget or math.inf)
        pd.testing.assert_frame_equal(sims[0].history(), sims[1].history())
    assert sims[0].incumbent is not None
    assert sims[0].regret == 0 or name not in COMPARED[:-1]
    others = [run_search(method_simulator(bench, name), name, seed) for seed in range(4, 9)]
    same = all(other.history().equals(sims[0].history()) for other in others)
    assert same == METHODS[name].deterministic or name in ("transfer", "cell table")


@pytest.mark.parametrize("name", COMPARED)
def test_searches_of_a_partial_release_with_divergences(partial, name):
    sim = run_search(method_simulator(partial, name), name, 0)
    assert set(order(sim)) <= set(sim.space.tolist())
    assert sim.incumbent == 10 or name == "isnas"  # of 6..10, that did not diverge
    assert sim.incumbent in range(6, 11)


def test_an_algorithm_is_any_function(bench):
    def only_three(sim, rng):
        for arch in rng.choice(sim.space, 3, replace=False):
            sim.train(arch)

    assert run_search(simulator(bench), only_three, 0).trained == 3
    with pytest.raises(UnknownNameError, match=r"unknown method 'randm'.*'random'"):
        run_search(simulator(bench), "randm")
    with pytest.raises(ConfigError, match="rng 'a' must be a seed"):
        run_search(simulator(bench), "random", "a")
    with pytest.raises(ConfigError, match=r"returned 7, which is ignored: .*sim.choose\(arch\)"):
        run_search(simulator(bench), lambda sim, rng: 7)


def test_exhaustion_of_another_simulator_is_not_taken_for_the_end(bench):
    other = simulator(bench, 1e-9)

    def wrong(sim, rng):
        other.train(0)

    with pytest.raises(BudgetExhaustedError):
        run_search(simulator(bench, 100), wrong)


# Random search


def test_random_search_trains_each_once(bench):
    sim = run_search(simulator(bench), random_search, 0)
    assert sorted(order(sim)) == list(range(COUNT))


def test_random_search_can_choose_by_what_everybody_sees(bench, partial):
    """Here the observable is the smoothed PSNR plus a constant, so both rank alike."""
    for release in (bench, partial):
        sim = run_search(simulator(release, 200, track="deployable"), "random+neighbour", 5)
        best = np.nanmax(sim.runs.psnr_smooth_db[:, : sim.runs.point_of(sim.stop) + 1], axis=1)
        ok = [a for a in order(sim) if not np.isnan(sim.runs.psnr_db[sim.runs.place_of(a), -1])]
        assert len(ok) > 2
        assert sim.incumbent == max(ok, key=lambda a: best[sim.runs.place_of(a)])


# Evolution


def test_children_are_the_nearest_that_are_allowed(bench):
    near, rng = Neighbourhood(bench.codes), np.random.default_rng(0)
    allowed = rng.random(COUNT) < 0.5
    for _ in range(100):
        mutant = near.mutate(int(rng.integers(COUNT)), rng)
        place = near.nearest(mutant, allowed, rng)
        brute = [int((near.choices[i] != mutant).sum()) for i in range(COUNT)]
        assert allowed[place]
        assert brute[place] == min(d for d, ok in zip(brute, allowed, strict=True) if ok)
    everyone = np.ones(COUNT, bool)
    tied = np.zeros(31, np.int8) - 1  # equally far from all
    assert len({near.nearest(tied, everyone, rng) for _ in range(300)}) > 30


def test_evolution_trains_each_once_and_descends_from_the_best(bench):
    """Where the PSNR follows the structure, evolution finds better ones sooner than chance."""
    runs = read_runs(bench, "denoise", ["lena"], cost=A_SECOND_EACH)["lena"]
    near = runs.neighbourhood
    psnr = 30.0 - near.distances(near.choices[17])  # a hill
    curves = np.repeat(psnr[:, None], len(runs.iterations), axis=1)
    hill = replace(runs, psnr_db=curves, psnr_smooth_db=curves, values=psnr)
    regret = {}
    for name, algorithm in (
        ("random", random_search),
        ("evolution", lambda s, r: regularized_evolution(s, r, population=5, tournament=5)),
    ):
        sims = [run_search(Simulator(hill, 15.5), algorithm, seed) for seed in range(60)]
        assert all(len(set(order(sim))) == 15 for sim in sims)
        regret[name] = np.mean([sim.regret for sim in sims])
    assert regret["evolution"] < 0.8 * regret["random"]
    for sizes in ({"population": 0}, {"tournament": 1.5}):
        with pytest.raises(ConfigError, match="must be a whole number of at least 1"):
            regularized_evolution(Simulator(hill), np.random.default_rng(0), **sizes)


# Successive halving


def test_rungs_are_kept_iterations(bench):
    assert rungs(simulator(bench)) == [1, 4, 13, 40]
    assert rungs(simulator(bench), eta=2, levels=3) == [10, 20, 40]
    assert rungs(simulator(bench), eta=10, levels=9) == [1, 4, 40]  # those that fall together
    for wrong in ({"eta": 1}, {"levels": 0}, {"eta": 2.5}):
        with pytest.raises(ConfigError, match="must be a whole number of at least"):
            rungs(simulator(bench), **wrong)


def bracket_rows(frame: pd.DataFrame) -> list[tuple[int, list[int]]]:
    """Iterations and architectures of each run of equal iterations."""
    steps = frame["iterations"].astype(int)
    groups = (steps != steps.shift()).cumsum()
    return [(int(g["iterations"].iloc[0]), g["arch_id"].tolist()) for _, g in frame.groupby(groups)]


def test_the_best_third_goes_on(bench):
    sim = run_search(simulator(bench), successive_halving, 0)
    rows = bracket_rows(sim.history())
    # one bracket of 27, then one of the 13 that were left
    assert [(step, len(who)) for step, who in rows[:4]] == [(1, 27), (4, 9), (13, 3), (40, 1)]
    assert [(step, len(who)) for step, who in rows[4:8]] == [(1, 13), (4, 4), (13, 1), (40, 1)]
    for (step, members), (_, promoted) in pairwise(rows[:4]):
        point = sim.runs.point_of(step)
        psnr = {a: sim.runs.psnr_db[a, point] for a in members}
        best = sorted(members, key=lambda a: psnr[a], reverse=True)
        assert sorted(psnr[a] for a in promoted) == sorted(psnr[a] for a in best[: len(promoted)])
    assert {*rows[0][1]} & {*rows[4][1]} == set()
    # At the end all have been trained to the stop, each iteration paid once.
    assert sim.clock == pytest.approx(sum(simulator(bench).seconds(a) for a in range(COUNT)))


def test_hyperband_starts_brackets_at_each_rung(bench):
    rows = bracket_rows(run_search(simulator(bench), hyperband, 0).history())
    starts = [(step, len(who)) for step, who in rows]
    # R = 40, eta = 3: 27 from 1; ceil(4/3 x 9) = 12 from 4; then ceil(4/2 x 3) = 6 from 13
    assert starts[:4] == [(1, 27), (4, 9), (13, 3), (40, 1)]
    assert starts[4:7] == [(4, 12), (13, 4), (40, 1)]


def test_diverged_architectures_do_not_go_on(small):
    diverged = {(LOW, "denoise", a, "lena", 0) for a in range(3, 9)}
    sim = simulator(small(count=9, diverged=diverged))
    run_search(sim, lambda s, r: successive_halving(s, r, levels=3), 0)
    rows = bracket_rows(sim.history())
    assert rows[1][0] == 13  # they diverge after 5, and 4 is the first rung
    assert rows[2][1][0] in (0, 1, 2, *rows[1][1])
    assert sim.incumbent in (0, 1, 2)


# ISNAS


def test_isnas_pays_for_all_scores_then_trains_the_lowest(bench):
    sim = run_search(simulator(bench, cost="recorded", track="deployable"), isnas)
    frame = sim.history().query("query != 'choose'").reset_index(drop=True)
    scored = frame["query"] == "psd_db_strip_mse/corrupted"
    assert scored.tolist() == [True] * COUNT + [False] * 15
    assert order(sim) == list(range(15))  # the score is a²
    forward = sum((10 + a) / LAST / 3 for a in range(COUNT))
    assert frame["clock"][COUNT - 1] == pytest.approx(COUNT * 0.1 + forward)


@pytest.mark.parametrize("track", ["oracle", "deployable"])
def test_isnas_chooses_what_the_replay_chooses(bench, track):
    for cohort in (1, 2, 7, 15):
        sim = simulator(bench, track=track)
        isnas(sim, None, cohort=cohort)
        replayed = bench.isnas("lena", "denoise", "psd_db_strip_mse", n=cohort, seed=0)
        assert sim.incumbent == replayed.selected.arch_id
        assert order(sim) == [member.arch_id for member in replayed.cohort]


def test_isnas_takes_other_scores_and_leaves_out_what_diverged(partial, bench):
    sim = simulator(bench)
    isnas(sim, None, score="psd_db_mse/ground_truth", cohort=3)
    assert order(sim) == [39, 38, 37]  # the score is -a
    sim = simulator(partial)
    isnas(sim, None)
    assert order(sim) == [6, 8, 9, 10, 11]  # 7 has no score
    assert sim.incumbent != 11
    for cohort in (0, True, 1.5):
        with pytest.raises(ConfigError, match="cohort .* must be a whole number"):
            isnas(simulator(bench), None, cohort=cohort)
    with pytest.raises(UnknownNameError, match="unknown score 'tau'"):
        run_search(simulator(bench), lambda s, r: isnas(s, r, score="tau"))
    with pytest.raises(ConfigError, match="psd_db_mse/ground_truth needs the ground truth"):
        isnas(simulator(bench, track="deployable"), None, score="psd_db_mse/ground_truth")


# Comparison


@pytest.fixture(scope="module")
def figure(bench):
    return search_figure(bench, "denoise", images=["lena", "boat"], budget_seconds=150, repeats=3)


@pytest.fixture(scope="module")
def frame(figure):
    return figure.frame


def test_a_comparison_is_tidy(frame):
    assert list(frame.columns) == ["track", "incumbent", "regret", "low", "high"]
    assert frame.groupby(["image", "method"]).size().unique().tolist() == [101]
    seconds = frame.index.get_level_values("seconds")
    assert (seconds.min(), seconds.max()) == (0, 150)
    assert [*frame.index.get_level_values("image").unique()] == [MEAN, "lena", "boat"]
    assert not frame[["incumbent", "regret"]].isna().any(axis=None)
    known = frame.dropna()  # deterministic methods have no interval on an image
    assert (known["low"] <= known["regret"] + 1e-12).all()
    assert (known["regret"] <= known["high"] + 1e-12).all()
    facts = frame.attrs
    assert [*frame.index.get_level_values("method").unique()] == list(COMPARED)
    assert (facts["seeds"], facts["fidelity"], facts["repeats"]) == ([0, 1], LOW, 3)
    assert facts["n"] == {"lena": COUNT, "boat": COUNT}
    assert not facts["left_out"]


def test_incumbents_and_regret_belong_together(frame, bench):
    runs = [read_runs(bench, "denoise", ["lena"], seed=s)["lena"] for s in (0, 1)]
    best = np.mean([r.values.max() for r in runs])
    of_lena = frame.loc["lena"]
    assert (of_lena["incumbent"] + of_lena["regret"]).to_numpy() == pytest.approx(best)
    before = np.mean([r.regrets.mean() for r in runs])  # any architecture
    assert of_lena.xs(0, level="seconds")["regret"].to_numpy() == pytest.approx(before)
    lena, boat, mean = (frame.loc[name, "regret"].to_numpy() for name in ("lena", "boat", MEAN))
    assert mean == pytest.approx((lena + boat) / 2)


def test_a_comparison_is_that_of_single_searches(bench):
    """The last point of a curve is the regret at the end of searches by hand, of one key each."""
    how = {"images": ["boat", "lena"], "budget_seconds": 60, "repeats": 2, "seed": 0, "rng": 9}
    methods = {"other": "evolution", "mine": random_search}
    found, trained = compare(bench, "denoise", methods=methods, **how), []
    for image in how["images"]:
        sims = [
            open_simulator(bench, image, "denoise", budget_seconds=60, seed=0) for _ in range(2)
        ]
        for repeat, sim in enumerate(sims):
            key = ("search", "mine", "denoise", image, 0, repeat)
            trained.append(run_search(sim, random_search, keyed_generator(9, *key)).trained)
        by_hand = np.mean([sim.regret for sim in sims])
        assert found.loc[(image, "mine", 60), "regret"] == pytest.approx(by_hand)
    assert found.attrs["trained"]["mine"] == np.mean(trained)


def test_the_interval_of_an_image_is_scipys_bootstrap():
    values = np.random.default_rng(0).exponential(size=(1, 1, 40, 3))
    resamples = Resamples(1, Resampling(0.95, 20_000, 1))
    drawn = resamples.means(values)
    for column in range(3):
        reference = scipy.stats.bootstrap(
            (values[0, 0, :, column],), np.mean, n_resamples=20_000, method="percentile", rng=2
        ).confidence_interval
        found = resamples.interval(drawn[..., column], [0])
        assert found == pytest.approx((reference.low, reference.high), rel=0.02)


def test_the_default_budget_is_half_of_a_small_space(bench):
    found = compare(bench, "denoise", images=["lena"], methods=["random"], repeats=4, seed=0)
    mean = np.mean([simulator(bench).seconds(arch) for arch in range(COUNT)])
    assert found.attrs["budget_seconds"] == pytest.approx(mean * COUNT / 2)


def test_searches_that_do_without_the_ground_truth_are_told_by_their_track(bench):
    """Not by their names, which users give."""
    methods = {
        "isnas": METHODS["random"], "paper": METHODS["isnas"], "transfer": "transfer"
    }  # fmt: skip
    found = search_figure(bench, "denoise", images=["lena"], methods=methods, repeats=1)
    text = found.text()
    assert "(an oracle), except those on the deployable track (paper, transfer)." in text
    assert found.frame.groupby("method")["track"].unique().map(list).to_dict() == {
        "isnas": ["oracle"], "paper": ["deployable"], "transfer": ["deployable"]
    }  # fmt: skip
    assert found.frame.attrs["nothing"] == dict.fromkeys(methods, 0)
    assert "chose nothing" not in text
    forgot = {"forgot": Method(random_search, "deployable"), "random": "random"}
    lost = search_figure(bench, "denoise", images=["lena"], methods=forgot, repeats=3, seed=0)
    assert lost.frame.attrs["nothing"] == {"forgot": 3, "random": 0}
    assert "Searches that chose nothing: 3 of forgot." in lost.text()
    alone = search_figure(bench, "denoise", images=["lena"], methods=["random"], repeats=1)
    assert "(an oracle). They may" in alone.text()


def test_panels_share_their_axis_of_regret(figure, monkeypatch):
    pytest.importorskip("matplotlib")
    shown = []
    monkeypatch.setattr(search_drawing, "save", lambda drawn, *_: shown.append(drawn))
    figure.draw("", "png")
    assert len({axes.get_ylim() for axes in shown[0].axes}) == 1


def test_a_partial_release_says_so(partial, small):
    found = search_figure(partial, "denoise", methods=["random"], budget_seconds=50, repeats=2)
    assert found.frame.attrs["n"] == {"lena": 6, "chest": 12, "boat": 12}
    assert "n = 6..12 of 12 architectures, those with a run." in found.text()
    without = small(count=4)
    by_default = search_figure(without, "denoise", budget_seconds=50, repeats=1)
    assert by_default.methods == [*COMPARED[:-1]]
    assert "Left out because the release lacks distances between restorations: isnas." in (
        by_default.text()
    )
    with pytest.raises(MissingRunError, match="a seed that was not searched.*only runs of seed 0"):
        partial.search_leaderboard("denoise")
    with pytest.raises(MissingRunError, match="no distances between"):
        compare(without, "denoise", methods=["isnas"], budget_seconds=50)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"repeats": 0}, "repeats 0 must be a whole number of at least 1"),
        ({"rng": -1}, "rng -1 must be a whole number of at least 0"),
        ({"budget_seconds": 0}, "budget_seconds 0 must be a number above 0"),
        ({"methods": []}, "no method: give at least one of random"),
        ({"methods": "random"}, r"methods 'random' must be a list of names, \['random'\], or"),
        ({"methods": [random_search]}, "must be a list of names, .* or a mapping from names"),
        ({"methods": {"r": 3}}, "method 3 must be a function of a simulator and a generator"),
        ({"methods": {"r": Method("random")}}, "a shipped method is given by its name alone"),
        ({"images": []}, "no images are named; available: lena, chest, boat"),
    ],
)
def test_arguments_are_checked(bench, arguments, message):
    with pytest.raises((ConfigError, UnknownNameError), match=message):
        compare(bench, "denoise", **arguments)
    with pytest.raises(ConfigError, match="bench 'denoise' is not an open dataset: compare"):
        compare("denoise", images="lena")


# Table, picture, command


def test_the_table_shows_the_end_of_the_budget(bench, figure, frame):
    text = figure.text()
    assert f"{frame.loc[(MEAN, 'evolution', 150), 'regret']:.3f}" in text
    for part in ("2.5 min of simulated time", "3 times on each image", "oracle", "seeds 0, 1 ("):
        assert part in text
    assert text.splitlines()[2].split() == ["image", *COMPARED]
    assert r"\begin{tabular}" in figure.latex()
    csv = figure.csv().splitlines()
    assert csv[0].startswith("image,method,seconds,track,incumbent,regret,low,high,task,target")
    assert len(csv) == len(frame) + 1


def test_times_are_shown_in_a_unit_of_their_size():
    assert [in_words(s) for s in (5, 119, 120, 5400, 7200)] == [
        *("5 s", "119 s", "2 min", "90 min", "2 h")
    ]


def test_the_command_says_what_its_prices_are(call, tmp_path):
    few = ("search", "--images=lena", "--methods=random", "--repeats=2")
    file = tmp_path / "regret.csv"
    assert call(*few, "--out", file, "--cost", "recorded")[1] == f"written: {file}\n"
    assert pd.read_csv(file)["cost"].unique().tolist() == ["recorded processor seconds"]
    assert call(*few, "--flops-per-second", "1e9", "--format", "text")[1].count("1 GFLOP/s (g") == 1
