"""The simulated clock on releases written by formula: what is charged, seen and refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasdip_bench import NASDIPBench
from nasdip_bench.api.simulation.opening import open_simulator, read_runs
from nasdip_bench.api.simulation.paid import BudgetExhaustedError
from nasdip_bench.api.simulation.prices import CostModel
from nasdip_bench.api.simulation.simulator import Simulator
from nasdip_bench.errors import ConfigError, MissingRunError, UnknownNameError
from nasdip_bench.space import sample_architectures
from nasdip_bench.space.cost import architecture_cost
from tests import synthetic
from tests.synthetic import LOW, change_rows, each

HIGH = "r64"
BEST = "best_psnr_smooth_db"
COUNT, LAST = 12, 40  # iterations of LOW, and its stop


@pytest.fixture(scope="module")
def bench(release):
    return release(distances=True)


def low(bench, budget=None, **options) -> Simulator:
    return open_simulator(bench, "lena", "denoise", fidelity=LOW, budget_seconds=budget, **options)


def test_what_is_seen_is_the_recorded_curve_and_asking_again_is_free(bench):
    sim, curve = low(bench), bench.curve(3, "lena", "denoise", fidelity=LOW, seed=0).psnr_db
    once = sim.train(3, 20)
    assert once[:3] == (3, bench.codes[3], 20)
    again, earlier = sim.train(3, 20), sim.train(3, 5)
    assert (again.seconds, again.clock, again.continued) == (0, once.clock, False)
    assert (earlier.seconds, earlier.iterations) == (0, 5)
    assert (sim.trained_to(3), sim.trained_to(4), len(sim.history())) == (20, 0, 1)
    last = sim.train(3)
    assert last.iterations == LAST
    seen = [once, again, earlier, last]
    assert [one.psnr_db for one in seen] == curve[[19, 19, 4, 39]].tolist()
    assert {one.status for one in seen} == {"ok"}


def test_seconds_that_were_not_recorded_are_not_taken_for_a_price(tmp_path):
    """As in an imported release. NaN on the clock would let a search go on for ever."""
    path = synthetic.small(tmp_path / "data")
    for table, columns in (("runs", ("seconds", "processor_seconds")), ("scores", ("seconds",))):
        change_rows(path, table, each(lambda row, names=columns: dict.fromkeys(names)))
    bench = NASDIPBench(path)
    with pytest.raises(ConfigError, match="have no recorded seconds to charge: CostModel"):
        low(bench, 5, cost="recorded")
    sim = low(bench, 1e9, cost=CostModel(flops_per_second=1e9))
    seen = sim.score(3, "psd_db_mse")
    assert seen.seconds >= 0
    sim.train(3)
    assert np.isfinite(sim.clock)


def test_waits_of_the_builder_are_not_charged(tmp_path):
    """Time of the processor counts, for prices, limits and the rate; wall time is only told."""
    path = synthetic.small(tmp_path / "data")

    def prices(bench):
        return [low(bench, cost=cost).seconds(4) for cost in ("recorded", "flops")]

    quiet = prices(NASDIPBench(path))
    change_rows(path, "runs", each(lambda row: {"seconds": 7 * row["seconds"]}))
    busy = NASDIPBench(path)
    assert prices(busy) == quiet
    cost = busy.cost(4, "denoise", image="lena")
    assert (cost.seconds, cost.processor_seconds) == (7 * 14.0, 14.0)
    assert cost.seconds_per_iteration == 7 * 14.0 / LAST
    best = busy.find_best("denoise", images="lena", max_seconds=14.0)
    assert (best.arch_id, best.processor_seconds) == (4, 14.0)


def test_cost_by_operations_is_three_forward_passes_an_iteration(bench):
    rate, overhead = 2e9, 0.5
    sim = low(bench, cost=CostModel(flops_per_second=rate, overhead_seconds=overhead))
    arch = sample_architectures(COUNT)[7]
    flops = architecture_cost(arch, channels=16).forward_flops(64, 64)
    assert sim.seconds(7, 10) == pytest.approx(10 * 3 * flops / rate + overhead)
    assert sim.train(arch, 10).seconds == pytest.approx(10 * 3 * flops / rate + overhead)
    assert sim.train(str(arch), 40).seconds == pytest.approx(30 * 3 * flops / rate + overhead)
    assert "2 GFLOP/s (given) + 0.5 s for each start" in repr(sim)


def test_the_default_rate_keeps_the_sum_of_all_recorded_seconds(bench):
    """Simulated training of the whole release takes as long as it took."""
    runs = bench.to_frame("runs").query("fidelity == @LOW and task == 'denoise'")
    simulated = 0.0
    for image in bench.images:
        sim = open_simulator(bench, image, "denoise", fidelity=LOW)
        simulated += sum(sim.seconds(arch) for arch in range(COUNT))
    assert simulated == pytest.approx(runs["processor_seconds"].sum())


def test_a_search_that_only_repeats_itself_is_stopped(bench):
    sim = low(bench)
    sim.train(0)
    with pytest.raises(BudgetExhaustedError, match="nothing left to train"):  # noqa: PT012
        for _ in range(10_000):
            sim.train(0)
    assert sim.stopped


def test_reading_what_has_been_paid_for_is_no_repetition(bench):
    sim = open_simulator(bench, "lena", "denoise", fidelity=HIGH)
    for arch in (0, 1):
        sim.train(arch, 600)
    curves = [[sim.train(arch, i).psnr_db for i in sim.iterations.tolist()] for arch in (0, 1)]
    assert len(curves[0]) + len(curves[1]) > 20 * COUNT
    assert curves[1] == bench.curve(1, "lena", "denoise", fidelity=HIGH, seed=0).psnr_db.tolist()


def test_what_does_not_fit_is_not_run_and_ends_the_search(bench):
    sim = low(bench, 10, cost="recorded")
    assert (sim.train(0).clock, sim.remaining, sim.stopped) == (10, 0, False)
    sim = low(bench, 25, cost="recorded")  # 10 + 11 seconds fit, then 4 remain
    sim.train(0)
    sim.train(1)
    with pytest.raises(BudgetExhaustedError, match=r"of 12 s does not fit the remaining 4 s"):
        sim.train(2)
    assert (sim.clock, sim.trained, sim.stopped) == (21, 2, True)
    with pytest.raises(BudgetExhaustedError, match="the search ended at 21 s of 25 s"):
        sim.train(0)
    with pytest.raises(RuntimeError):
        sim.score(0)


@given(
    queries=st.lists(st.tuples(st.integers(0, COUNT - 1), st.integers(1, LAST)), max_size=60),
    budget=st.floats(0.5, 120),
    overhead=st.sampled_from([0.0, 0.25]),
)
def test_the_clock_is_the_sum_of_charges_and_never_passes_the_budget(
    bench, queries, budget, overhead
):
    cost = CostModel(kind="recorded", overhead_seconds=overhead)
    sim, charged, longest, starts = low(bench, budget, cost=cost), 0.0, {}, 0
    for arch, iterations in queries:
        try:
            seen = sim.train(arch, iterations)
        except BudgetExhaustedError:
            break
        starts += iterations > longest.get(arch, 0)
        longest[arch] = max(iterations, longest.get(arch, 0))
        charged += seen.seconds
        assert seen.clock == sim.clock <= budget
    assert sim.clock == pytest.approx(charged)
    # However it was cut up, what has been trained has been paid for once.
    price = sum((10 + arch) * iterations / LAST for arch, iterations in longest.items())
    assert sim.clock == pytest.approx(price + overhead * starts)
    assert len(sim.history()) == starts


def test_iterations_that_were_not_kept_are_refused(bench):
    sim = open_simulator(bench, "lena", "denoise", fidelity=HIGH)
    kept = sim.iterations.tolist()
    absent = next(i for i in range(1, 600) if i not in kept)
    with pytest.raises(UnknownNameError, match=f"iteration {absent} .* was not kept.*nearest kept"):
        sim.train(0, absent)
    with pytest.raises(UnknownNameError, match="True must be a whole number from 1 to 600"):
        sim.train(0, True)
    assert sim.clock == 0
    assert sim.kept(absent) == max(i for i in kept if i < absent)
    assert sim.kept(0.3) == 1
    assert sim.kept(math.inf) == kept[-1]
    for wrong in (math.nan, 0, -1, "9", True):
        with pytest.raises(ConfigError, match=f"iterations {wrong!r} must be a number above 0"):
            sim.kept(wrong)
    assert sim.stop == 350  # by default a training stops there, not at 600
    assert sim.train(0).iterations == 350


def test_a_diverged_run_costs_its_time_and_is_nan(flawed):
    sim = low(flawed, cost="recorded")
    early = sim.train(11, 3)  # it diverges after 5
    assert early.status == "ok"
    assert sim.incumbent == 11
    assert sim.regret == pytest.approx(sim.runs.regrets.max())  # what it will come to
    seen = sim.train(11)
    assert (seen.status, seen.seconds) == ("diverged", pytest.approx(21 * 37 / LAST))
    assert math.isnan(seen.psnr_db)
    assert sim.incumbent == 11  # nothing better is known
    sim.train(0)
    assert sim.incumbent == 0


def test_the_space_is_what_has_a_run(flawed):
    sim = low(flawed)
    assert sim.space.tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 11]
    assert "10 of 12 architectures have a run" in repr(sim)
    match = r"no run of architecture .* on 'lena'.* A search takes those in 'sim\.space'"
    with pytest.raises(MissingRunError, match=match):
        sim.train(9)
    with pytest.raises(MissingRunError, match="its run of seed 0 failed, or it lacks a seed"):
        sim.train(10)
    with pytest.raises(UnknownNameError, match="no architecture in row 12"):
        sim.train(12)
    everything = open_simulator(flawed, "boat", "denoise")
    assert len(everything) == COUNT


def test_regret_is_the_distance_to_the_best_of_the_space(bench):
    sim = low(bench)
    assert sim.incumbent is None
    assert math.isnan(sim.regret)
    found = [bench.query(a, "lena", "denoise", fidelity=LOW) for a in range(COUNT)]
    value = [one.best_psnr_smooth_db for one in found]
    for arch in (2, 7, 4, 11):
        sim.train(arch)
        best = max((2, 7, 4, 11)[: sim.trained], key=lambda a: found[a].final_psnr_db)
        assert sim.incumbent == best
        assert sim.regret == pytest.approx(max(value) - value[best])
    assert sim.regret == 0
    sim = low(bench, target="best_psnr_db")
    sim.train(0)
    assert sim.regret == pytest.approx(found[11].best_psnr_db - found[0].best_psnr_db)
    with pytest.raises(UnknownNameError, match="unknown target of a ranking 'seconds'"):
        low(bench, target="seconds")


def test_the_incumbent_is_of_those_trained_longest(bench):
    sim = low(bench)
    sim.train(11, 10)
    sim.train(0, 20)
    assert sim.incumbent == 0  # fewer dB, but seen later
    sim.train(11, 20)
    assert sim.incumbent == 11


def test_history_has_a_row_for_every_paid_query(bench):
    sim = low(bench, 100, cost="recorded")
    sim.score(2)
    sim.train(2, 10)
    sim.train(5)
    sim.train(2)
    frame = sim.history()
    assert frame["query"].tolist() == ["psd_db_strip_mse/corrupted", "train", "train", "train"]
    assert frame["arch_id"].tolist() == [2, 2, 5, 2]
    assert frame["iterations"].fillna(-1).tolist() == [-1, 10, 40, 40]
    assert frame["continued"].tolist()[1:] == [False, False, True]
    assert frame["score"][0] == 4.0
    assert frame["incumbent"].fillna(-1).tolist() == [-1, 2, 5, 5]
    assert frame["clock"].is_monotonic_increasing
    assert frame["clock"].iloc[-1] == pytest.approx(frame["seconds"].sum())
    assert math.isnan(frame["regret"][0])
    facts = frame.attrs
    assert (sim.task, sim.image, sim.fidelity, sim.seed) == ("denoise", "lena", LOW, 0)
    assert (sim.target, sim.budget_seconds) == ("stopped_psnr_smooth_db", 100.0)
    for name in ("task", "image", "fidelity", "seed", "track", "target", "budget_seconds"):
        assert facts[name] == getattr(sim, name)
    assert (facts["cost"], facts["budget_seconds"]) == ("recorded processor seconds", 100.0)
    assert low(bench).history().empty


def test_a_score_pays_for_its_passes_once(bench):
    sim = low(bench, cost="recorded")
    forward = 13 / LAST / 3  # of architecture 3, whose run took 13 seconds
    first = sim.score(3, "psd_db_mse", "corrupted")
    assert (first.proxy, first.reference, first.value) == ("psd_db_mse", "corrupted", 3)
    assert first.seconds == pytest.approx(0.1 + forward)
    second = sim.score(3, "psd_99_bandwidth")
    assert (second.reference, second.seconds) == ("none", pytest.approx(0.1))  # output is known
    for same in ("psd_db_mse", "psd_db_mse/corrupted"):
        assert sim.score(3, same).seconds == 0
    assert sim.score(3, "psd_db_mse/ground_truth").seconds > 0
    assert sim.score(4, "parameters", "none").seconds == pytest.approx(0.1)  # needs no output
    assert math.isnan(sim.score(0, "parameters", "none").value)
    assert sim.trained == 0
    assert sim.history()["query"].tolist() == [
        *("psd_db_mse/corrupted", "psd_99_bandwidth/none", "psd_db_mse/ground_truth"),
        *("parameters/none", "parameters/none"),
    ]
    with pytest.raises(UnknownNameError, match="unknown score 'psd/corrupted'.*psd_db_mse"):
        sim.score(0, "psd", "corrupted")


def test_nearest_agrees_with_the_neighbours_of_the_release(bench):
    sim = low(bench)
    for arch in range(COUNT):
        near = bench.neighbours(arch, k=COUNT - 1)
        distance = {bench.arch_id(one): far for one, far in near} | {arch: 0}
        by_distance = sorted(range(COUNT), key=lambda one: (distance[one], one))
        assert sim.nearest(arch, COUNT) == by_distance
    outside = sample_architectures(COUNT + 1)[-1]
    (stand_in,) = sim.nearest(outside)
    assert bench[stand_in] == bench.neighbours(outside, k=1)[0][0]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"kind": "hours"}, "unknown cost model 'hours'.*flops, recorded"),
        ({"flops_per_second": 0}, "flops_per_second 0 must be a number above 0"),
        ({"flops_per_second": math.inf}, "flops_per_second inf"),
        ({"kind": "recorded", "flops_per_second": 1e9}, "no meaning for the cost model 'recorded'"),
        ({"overhead_seconds": -1}, "overhead_seconds -1 must be a number of at least 0"),
    ],
)
def test_cost_models_are_checked(settings, message):
    with pytest.raises((ConfigError, UnknownNameError), match=message):
        CostModel(**settings)


def test_settings_are_checked(bench):
    for budget in (0, "1h"):
        with pytest.raises(ConfigError, match="budget_seconds .* must be a number above 0"):
            low(bench, budget)
    for image in ("lenna", ["lena"]):
        with pytest.raises(UnknownNameError, match="unknown image"):
            open_simulator(bench, image, "denoise")
    with pytest.raises(UnknownNameError, match="unknown task"):
        open_simulator(bench, "lena", "denoize")
    assert list(read_runs(bench, "denoise", "lena")) == ["lena"]


def test_an_image_without_runs_is_refused_and_without_results_has_no_regret(small):
    lena, boat = ({(LOW, "denoise", a, image, 0) for a in (0, 1)} for image in ("lena", "boat"))
    bench = small(count=2, missing=lena, diverged=boat)
    with pytest.raises(MissingRunError, match="no run of 'denoise' on 'lena' .* to simulate from"):
        open_simulator(bench, "lena", "denoise")
    sim = open_simulator(bench, "boat", "denoise")
    sim.train(0)
    assert sim.incumbent is None
    assert np.isnan(sim.trace().regret).all()


# Tracks, choices, tests


def test_the_deployable_track_shows_no_psnr(bench):
    sim = low(bench, track="deployable")
    seen = sim.train(3, 10)
    assert (seen.iterations, seen.status, seen.oracle_db) == (10, "ok", None)
    for look in (lambda: seen.psnr_db, lambda: sim.psnr_db(3)):
        with pytest.raises(ConfigError, match="the track 'deployable' shows no PSNR"):
            look()
    with pytest.raises(ConfigError, match="psd_db_mse/ground_truth needs the ground truth"):
        sim.score(3, "psd_db_mse/ground_truth")
    assert sim.score(3, "psd_db_mse").value == 3
    assert sim.incumbent is None  # nobody knows which is the better
    assert sim.history()["psnr_db"].isna().all()
    with pytest.raises(UnknownNameError, match="unknown track 'oracel'.*'oracle'"):
        low(bench, track="oracel")


def test_both_tracks_charge_the_same(bench):
    sims = [low(bench, 60, track=track) for track in ("oracle", "deployable")]
    for sim in sims:
        sim.score(2)
        sim.train(2, 10)
        sim.train(2)
    columns = ["clock", "seconds", "query", "arch_id", "iterations", "continued", "score"]
    frames = [sim.history()[columns] for sim in sims]
    assert frames[0].equals(frames[1])


def test_what_has_been_paid_for_can_be_looked_at(bench):
    sim = low(bench)
    for look in (sim.psnr_db, sim.observables, low(bench, track="deployable").observables):
        with pytest.raises(ConfigError, match=r"has not been trained: sim.train\(3, iterations\)"):
            look(3)
    sim.train(3, 10)
    paid = sim.iterations <= 10
    known = bench.curve(3, "lena", "denoise", fidelity=LOW, seed=0)
    assert sim.psnr_db(3).tolist() == known.psnr_db[paid].tolist()
    observed = bench.observables(3, "lena", "denoise", fidelity=LOW, seed=0)
    for name, values in sim.observables(3).items():
        np.testing.assert_array_equal(values, observed.values_db[name][paid])
    clock = sim.clock
    with pytest.raises(ConfigError, match="has no restoration: train it to 40 iterations first"):
        sim.distances([3])
    sim.train(3)
    sim.train(7)
    between = bench.distances("denoise", fidelity=LOW).between(0, 0)
    np.testing.assert_array_equal(sim.distances([7, 3]), between[np.ix_([7, 3], [7, 3])])
    assert sim.clock > clock


def test_a_choice_is_what_counts_from_then_on(bench):
    sim = low(bench)
    sim.train(5)
    sim.choose(2)
    sim.train(11)
    assert sim.incumbent == 2
    assert sim.history()["query"].tolist() == ["train", "choose", "train"]
    assert sim.trace().incumbent.tolist() == [5, 2, 2]
    assert sim.history()["seconds"].tolist()[1] == 0
    with pytest.raises(UnknownNameError, match="no architecture in row 12"):
        sim.choose(12)


def test_the_test_is_on_the_other_seed(bench):
    """Odd seeds turn the ranking of inpaint over: what is best on one is worst on the other."""
    block = bench.runs.block("inpaint", HIGH)
    for searched, other in ((0, 1), (1, 0)):
        sim = open_simulator(bench, "lena", "inpaint", target=BEST, fidelity=HIGH, seed=searched)
        for arch in sim.space:
            sim.train(arch)
        found = sim.test()
        assert found.arch_id == (COUNT - 1, 0)[searched]
        assert (found.searched, found.seeds) == (searched, (other,))
        run = bench.query(found.arch_id, "lena", "inpaint", fidelity=HIGH, seed=other)
        for name in ("best", "stopped", "final", "last"):
            name = f"{name}_psnr_smooth_db"
            assert getattr(found, name) == pytest.approx(getattr(run, name))
        judged = block.matrix(BEST, other)[:, 0]
        assert found.best_psnr_smooth_db == judged.min()
        assert found.over_any_db == pytest.approx(judged.min() - judged.mean())
        assert found.transfer == block.matrix(BEST, searched)[:, 1:].mean(axis=1).argmax()
        assert found.over_transfer_db == pytest.approx(judged.min() - judged[found.transfer])
        with pytest.raises(BudgetExhaustedError):  # who has seen the test has seen it
            sim.train(0)


def test_a_test_needs_a_choice_and_another_seed(bench, release):
    with pytest.raises(ConfigError, match="there is no choice to test"):
        open_simulator(bench, "lena", "denoise", fidelity=HIGH).test()
    alone = low(bench)
    alone.train(0)
    with pytest.raises(MissingRunError, match="has only runs of seed 0"):
        alone.test()
    partial = release(
        fidelities=(HIGH,),
        tasks=("denoise",),
        missing={(HIGH, "denoise", a, "lena", 1) for a in (0, 11)},  # 0 is the best elsewhere
        diverged={(HIGH, "denoise", 3, "lena", 1)},
    )
    sim = partial.simulator("lena", "denoise")
    sim.choose(11)
    with pytest.raises(MissingRunError, match="no run of seed 1 to be judged by.*held_out=True"):
        sim.test()
    sim.choose(5)
    found = sim.test()
    assert (found.transfer, math.isnan(found.over_transfer_db)) == (0, True)
    sim = partial.simulator("lena", "denoise", held_out=True)
    assert sim.space.tolist() == list(range(1, 11))
    sim.choose(3)
    assert math.isnan(sim.test().best_psnr_smooth_db)
