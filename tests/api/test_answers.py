"""Selections, costs, replicates and bulk curves of releases whose answers are known."""

from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd
import pytest
import torch

from nasdip_bench import NASDIPBench
from nasdip_bench.errors import ArchitectureError, ConfigError, MissingRunError, UnknownNameError
from nasdip_bench.network import build_network
from nasdip_bench.network.weights import draw_weights
from nasdip_bench.space import Architecture, sample_architectures
from nasdip_bench.space.cost import architecture_cost
from tests import synthetic
from tests.synthetic import LOW

COUNT = 12
BEST = "best_psnr_smooth_db"
HIGH = "r64"
IMAGES = tuple(synthetic.IMAGES)


@pytest.fixture(scope="module")
def bench(release):
    """Complete but for four runs; two fidelities, two seeds at the higher."""
    return release(
        diverged={(HIGH, "denoise", 11, "lena", 1), (HIGH, "denoise", 10, "lena", 0)},
        missing={(LOW, "denoise", 2, "lena", 0), (LOW, "inpaint", 3, "chest", 0)},
    )


def values(task: str, image: str, seeds: tuple[int, ...]) -> np.ndarray:
    """(architecture,) means over seeds of best_psnr_smooth_db, by the formula."""
    at = IMAGES.index(image)
    return np.array(
        [np.mean([synthetic.best_db(a, at, task, s, COUNT) for s in seeds]) for a in range(COUNT)]
    )


# The best


def test_the_best_are_those_of_the_formula_without_the_runs_that_are_not_ok(bench):
    found = bench.top_k("denoise", k=3, images="lena", target=BEST, fidelity=HIGH)
    assert [r.arch_id for r in found] == [9, 8, 7]  # 10 and 11 diverged at one seed each
    expected = values("denoise", "lena", (0, 1))
    for rank, one in enumerate(found, start=1):
        assert one.rank == rank
        assert one.architecture == str(bench[one.arch_id])
        assert one.value == pytest.approx(expected[one.arch_id])
        assert (one.task, one.images, one.fidelity, one.seeds) == ("denoise", "lena", HIGH, (0, 1))
        assert one.candidates == COUNT - 2
        cost = architecture_cost(bench[one.arch_id], 1, 1, 128)
        assert one.parameters == cost.parameters
        assert one.flops_per_iteration == 3 * cost.forward_flops(64, 64)
        assert one.processor_seconds == 10 + one.arch_id
    best = bench.find_best("denoise", images="lena", target=BEST, fidelity=HIGH)
    assert best == found[0]
    assert bench.find_best("denoise", images="lena", fidelity=HIGH, seed=0).arch_id == 11


def test_without_an_image_the_mean_over_all_images_is_ranked(bench):
    found = bench.top_k("denoise", k=COUNT - 1, target=BEST, fidelity=LOW)
    mean = np.mean([values("denoise", image, (0,)) for image in IMAGES], axis=0)
    mean[2] = -np.inf  # a run is missing
    expected = np.argsort(-mean.round(9), kind="stable")[: COUNT - 1]
    assert [r.arch_id for r in found] == expected.tolist()
    assert {r.images for r in found} == {None}
    assert found[0].value == pytest.approx(mean.max())
    with pytest.raises(
        ConfigError, match=f"k {COUNT} must be a whole number from 1 to {COUNT - 1}"
    ):
        bench.top_k("denoise", k=COUNT, fidelity=LOW)


def test_limits_hold(bench):
    everything = bench.top_k("denoise", k=COUNT, images="chest", fidelity=HIGH)
    for name, field in (
        ("max_parameters", "parameters"),
        ("max_flops", "flops_per_iteration"),
        ("max_seconds", "processor_seconds"),
    ):
        limit = float(np.median([getattr(one, field) for one in everything]))
        expected = [one.arch_id for one in everything if getattr(one, field) <= limit]
        k = len(expected)
        found = bench.top_k("denoise", k=k, images="chest", fidelity=HIGH, **{name: limit})
        assert [one.arch_id for one in found] == expected
        assert {one.candidates for one in found} == {k}
    with pytest.raises(MissingRunError, match="from within the limits seconds <= 1: .* 12 have ok"):
        bench.find_best("denoise", images="chest", fidelity=HIGH, max_seconds=1)
    for wrong in (0, -1.0, "2", True, math.nan):
        with pytest.raises(
            ConfigError, match=r"the limit of seconds, .*, must be a number above 0"
        ):
            bench.find_best("denoise", images="chest", fidelity=HIGH, max_seconds=wrong)


# Regret


def test_regret_is_the_distance_to_the_best(bench):
    assert bench.regret(0, "denoise", images="chest", fidelity=HIGH) == 0
    assert bench.regret(4, "denoise", images="chest", fidelity=HIGH) == pytest.approx(0.4)
    of_one_seed = bench.regret(str(bench[4]), "denoise", images="chest", fidelity=HIGH, seed=1)
    assert of_one_seed == pytest.approx(0.4)
    assert math.isnan(bench.regret(10, "denoise", images="lena", fidelity=HIGH))
    mean = np.mean([values("inpaint", image, (0,)) for image in IMAGES], axis=0)
    mean[3] = -np.inf
    regret = bench.regret(5, "inpaint", target=BEST, fidelity=LOW)
    assert regret == pytest.approx(mean.max() - mean[5])
    with pytest.raises(MissingRunError, match="no run of architecture .* on 'lena' .*r64c16i40"):
        bench.regret(2, "denoise", images="lena", fidelity=LOW)


# Cost


def test_costs_are_counted_at_the_width_of_the_fidelity(bench):
    for fidelity, channels in ((HIGH, 128), (LOW, 16)):
        found = bench.cost(3, "denoise", fidelity=fidelity)
        cost = architecture_cost(bench[3], 1, 1, channels)
        assert found.parameters == cost.parameters
        assert found.flops_per_iteration == 3 * cost.forward_flops(64, 64)
        assert found.flops == found.flops_per_iteration * found.iterations
        assert found.seconds == 13.0
        assert found.seconds_per_iteration == pytest.approx(13 / found.iterations)
        assert (found.image_channels, found.devices) == (1, ("formula",))
    absent = bench.cost(2, "denoise", image="lena", fidelity=LOW)
    assert math.isnan(absent.seconds)
    with pytest.raises(UnknownNameError, match="unknown image 'x'"):
        bench.cost(2, "denoise", image="x")


# Replicates and curves


def test_replicates_have_mean_and_spread(bench):
    found = bench.replicates(4, "chest", "denoise", fidelity=HIGH)
    assert found.seeds == (0, 1)
    assert [run.seeds for run in found.runs] == [(0,), (1,)]
    assert found.runs[1] == bench.query(4, "chest", "denoise", fidelity=HIGH, seed=1)
    best = [run.best_psnr_smooth_db for run in found.runs]
    assert found.mean["best_psnr_smooth_db"] == pytest.approx(np.mean(best))
    assert found.std["best_psnr_smooth_db"] == pytest.approx(np.std(best, ddof=1))
    assert "status" not in found.mean
    single = bench.replicates(4, "chest", "denoise", fidelity=LOW)
    assert math.isnan(single.std["loss"])
    with pytest.raises(MissingRunError, match="no run of architecture"):
        bench.replicates(2, "lena", "denoise", fidelity=LOW)


# Moving in the space


def test_random_is_of_the_release_and_repeatable(bench):
    drawn = [bench.random(seed) for seed in range(200)]
    assert set(drawn) == set(bench)
    assert drawn[:5] == [bench.random(seed) for seed in range(5)]
    assert bench.random() in bench
    with pytest.raises(ConfigError, match="rng -1 must be a seed, a whole number of at least 0"):
        bench.random(-1)


def test_neighbours_are_the_nearest_by_choices_that_differ(bench):
    origin = bench[0]

    def distance(other: Architecture) -> int:
        a, b = origin.attributes, other.attributes
        fields = ("sampling", "transform", "kernel", "activation", "transform_first")
        return (
            sum(x != y for x, y in zip(origin.skip, other.skip, strict=True))
            + sum(getattr(a, f) != getattr(b, f) for f in fields)
            + (origin.dilation != other.dilation)
        )

    found = bench.neighbours(0, k=COUNT - 1)
    assert [d for _, d in found] == [distance(a) for a, _ in found]
    assert [d for _, d in found] == sorted(distance(a) for a in bench if a != origin)
    outside = next(a for a in origin.neighbours() if a not in bench)
    assert bench.neighbours(outside, k=1) == [(origin, 1)]
    for k in (0, COUNT, True, 1.5):
        with pytest.raises(ConfigError, match=f"from 1 to {COUNT - 1}"):
            bench.neighbours(0, k=k)
    with pytest.raises(ArchitectureError, match="is not an architecture"):
        bench.neighbours("x", k=1)


def test_evaluated_are_those_that_queries_answer_for(bench):
    for task, how, lost in (
        ("denoise", {}, set()),  # at r64, divergence included
        ("denoise", {"image": "lena", "fidelity": LOW}, {2}),
        ("denoise", {"image": "chest", "fidelity": LOW}, set()),
        ("denoise", {"fidelity": LOW}, {2}),
        ("inpaint", {"fidelity": LOW, "seed": 0}, {3}),
    ):
        assert bench.evaluated(task, **how).tolist() == sorted({*range(COUNT)} - lost)
    sim = bench.simulator("lena", "denoise", fidelity=LOW)
    assert sim.space.tolist() == bench.evaluated("denoise", image="lena", fidelity=LOW).tolist()
    for arguments, error in (
        ({"task": "deblur"}, "unknown task"),
        ({"task": "lena"}, "'lena' is an image, where a task belongs"),
        ({"image": "lenna"}, "unknown image"),
        ({"image": "inpaint"}, "'inpaint' is a task, where an image belongs"),
        ({"image": ["lena"]}, "unknown image"),
        ({"fidelity": "r9"}, "unknown fidelity"),
        ({"fidelity": LOW, "seed": 1}, "unknown seed 1"),
    ):
        for more in ({"task": "denoise"}, {}):
            with pytest.raises(UnknownNameError, match=error):
                bench.evaluated(**{**more, **arguments})


def test_evaluated_for_every_task_are_those_of_each(bench):
    for fidelity, seed in ((None, None), (LOW, 0)):
        each = [{*bench.evaluated(t, fidelity=fidelity, seed=seed)} for t in bench.tasks]
        expected = sorted(set.intersection(*each))
        rows = bench.evaluated(fidelity=fidelity, seed=seed)
        assert rows.tolist() == expected
        assert bench[rows] == [bench[row] for row in expected]
    assert len(bench.evaluated(fidelity=LOW, seed=0)) < COUNT


def test_evaluated_by_all_images_are_those_on_every_image_that_has_runs(small):
    lost = {(LOW, "denoise", arch, "boat", 0) for arch in range(3)}
    lost |= {(LOW, "denoise", 1, "lena", 0)}
    bench = small(count=3, missing=lost, failed={(LOW, "denoise", 2, "lena", 0)})
    assert bench.evaluated("denoise", seed=0).tolist() == [0]
    assert bench.evaluated("denoise", image="boat", seed=0).tolist() == []
    assert bench.random(0, task="denoise", run_seed=0) == bench[0]
    assert bench.neighbours(1, k=1, task="denoise", seed=0)[0][0] == bench[0]
    match = f"no architecture has runs of 'denoise' at '{LOW}' on boat with seed 0: bench.coverage"
    with pytest.raises(MissingRunError, match=match):
        bench.random(0, task="denoise", image="boat", run_seed=0)


def test_random_and_neighbours_are_of_those_evaluated(bench):
    rng = np.random.default_rng(0)
    here = {"task": "denoise", "image": "lena", "fidelity": LOW}
    drawn = {bench.random(rng, **here) for _ in range(200)}
    assert drawn == {*bench[bench.evaluated(**here)]}
    everywhere = {bench.random(rng, fidelity=LOW) for _ in range(200)}
    assert everywhere == {*bench[bench.evaluated(fidelity=LOW)]} < {*bench}
    near = bench.neighbours(0, k=COUNT - 2, task="denoise", fidelity=LOW)
    assert near == [one for one in bench.neighbours(0, k=COUNT - 1) if one[0] != bench[2]]
    with pytest.raises(ConfigError, match=f"from 1 to {COUNT - 2}"):
        bench.neighbours(0, k=COUNT - 1, task="denoise", fidelity=LOW)


def test_build_gives_the_network_that_a_run_starts_from(bench):
    before = torch.random.get_rng_state()
    network = bench.build(4, "lena", "denoise", fidelity=LOW, seed=3)
    assert torch.equal(torch.random.get_rng_state(), before)
    expected = build_network(bench[4], 1, 1, 16)
    # r64c16i40 is r64c16 cut short: it starts from the same weights.
    draw_weights(expected, "weights", str(bench[4]), "lena", "denoise", "r64c16", 3)
    found = dict(network.named_parameters())
    for name, parameter in expected.named_parameters():
        assert torch.equal(parameter, found[name])
    z = torch.rand(1, 1, 64, 64)
    with torch.no_grad():
        assert torch.equal(network(z), expected(z))
    plain = bench.build(sample_architectures(COUNT + 1)[-1])
    assert sum(p.numel() for p in plain.parameters()) > 1e6  # 128 channels, of r64
    with pytest.raises(ConfigError, match="give both for the weights of a run, or neither"):
        bench.build(4, "lena")
    for seed in (-1, 1.0, True):
        with pytest.raises(ConfigError, match=f"seed {seed} must be a whole number of at least 0"):
            bench.build(4, seed=seed)
    with pytest.raises(UnknownNameError, match="unknown image"):
        bench.build(4, "x", "denoise")
    with pytest.raises(UnknownNameError, match="unknown fidelity 'r65'"):
        bench.build(4, fidelity="r65")


def test_build_takes_a_width_that_only_another_task_has(tmp_path):
    path = synthetic.write_release(tmp_path / "data", count=2, fidelities=(HIGH, LOW))
    data = json.loads((path / "manifest.json").read_text())
    del data["sha256"], data["fidelities"][LOW]["tasks"]["denoise"]
    (path / "manifest.json").write_text(json.dumps(data))
    bench = NASDIPBench(path)
    assert bench.tasks[0] == "denoise"
    assert bench.build(0, fidelity=LOW).output.conv.in_channels == 16
    with pytest.raises(MissingRunError, match=f"no task 'denoise' at fidelity '{LOW}'"):
        bench.build(0, "lena", "denoise", fidelity=LOW)


# Values of one's own


def test_values_with_an_index_are_taken_by_it(bench):
    values = np.random.default_rng(0).normal(size=(COUNT, len(bench.images)))
    plain = bench.correlate(values[:, 0], "denoise", fidelity=HIGH)
    series = pd.Series(values[:, 0])
    for given in (
        series,
        series.sort_values(),
        series.set_axis(list(bench.codes)).sort_index(),
        series.sort_values().to_dict(),
    ):
        pd.testing.assert_frame_equal(bench.correlate(given, "denoise", fidelity=HIGH), plain)
    by_image = bench.correlate(values, "denoise", fidelity=HIGH)
    frame = pd.DataFrame(values, columns=list(bench.images)).sort_values("boat")
    found = bench.correlate(frame[sorted(bench.images)], "denoise", fidelity=HIGH)
    pd.testing.assert_frame_equal(found, by_image)


def test_a_proxy_of_ones_own_is_correlated_like_those_of_the_release(bench):
    kendall = bench.kendall("denoise", fidelity=HIGH)
    own = np.arange(COUNT, dtype=float)  # psd_db_mse/corrupted of the synthetic release
    found = bench.correlate(own, "denoise", fidelity=HIGH)
    column = kendall["psd_db_mse", "corrupted"]
    np.testing.assert_array_equal(found["tau"][list(IMAGES)], column)
    assert found["tau"]["(mean)"] == pytest.approx(column.mean())
    assert found["n"].tolist() == [
        *(kendall.attrs["n"]["psd_db_mse/corrupted"][image] for image in IMAGES),
        COUNT - 1,
    ]
    assert found.attrs == bench.kendall_intervals("denoise", fidelity=HIGH).attrs | {"proxy": "own"}
    by_image = np.stack([own, -own, own], axis=1)
    signs = bench.correlate(by_image, "denoise", fidelity=HIGH)["tau"] / found["tau"]
    assert signs[list(IMAGES)].tolist() == [1, -1, 1]
    some = bench.correlate({bench[a]: float(a) for a in range(5)}, "denoise", fidelity=HIGH)
    assert some["n"].tolist() == [5, 5, 5, 5]
    assert some["tau"]["lena"] == pytest.approx(1)
    constant = bench.correlate(np.zeros(COUNT), "denoise", fidelity=HIGH)
    assert constant["tau"].isna().all()
    assert set(constant["reason"][list(IMAGES)]) == {"all values of the proxy are equal"}
    assert constant["reason"]["(mean)"] == "tau is not defined for 3 of 3 images"


def test_values_of_unknown_rows_are_refused(bench):
    series = pd.Series(np.arange(COUNT, dtype=float))
    for values in (series[:3], series[:3].to_frame("lena")):
        with pytest.raises(ConfigError, match=r"3 values are .*values.index.name = 'arch_id'"):
            bench.correlate(values, "denoise")
        values.index.name = "arch_id"
        assert bench.correlate(values, "denoise")["n"]["lena"] == 3
    with pytest.raises(UnknownNameError, match="unknown image 'len'"):
        bench.correlate(pd.DataFrame({"len": series}), "denoise")
    with pytest.raises(UnknownNameError, match="no architecture in row 99"):
        bench.correlate({99: 1.0}, "denoise")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([1.0, 2.0, 3.0], r"values of shape \(3,\) are neither \(12,\)"),
        (pd.Series([1.0, 2.0], index=[4, 4]), "given more than once"),
        ({0: "a"}, r"values must be numbers, such as \{0: 1.5, 1: 2.0\} .*'a'"),
        ({0: [1.0], 1: [1.0, 2.0]}, "values must be numbers"),
        ({0: [1.0, 2.0]}, r"one number per architecture, .* the values have shape \(1, 2\)"),
        (["a"] * COUNT, "values must be numbers"),
        (None, r"values of shape \(\) are neither"),
        ({0: 1.0, 3: np.inf, 4: -np.inf}, r"values hold inf for architecture 3 \(2 in all\)"),
        (pd.DataFrame({"lena": ["a"] * COUNT}), "values must be numbers"),
    ],
)
def test_values_that_are_not_a_number_each_are_refused(bench, values, message):
    for ask in (
        lambda: bench.correlate(values, "denoise"),
        lambda: bench.score_leaderboard("denoise", values={"mine": values}),
    ):
        with pytest.raises(ConfigError, match=message):
            ask()


@pytest.mark.parametrize("values", [{0: 1.0, 1: 2.0}, [1.0] * COUNT])
def test_values_of_a_table_have_names(bench, values):
    with pytest.raises(ConfigError, match=r"by name, as values=\{'mine': numbers\}"):
        bench.score_leaderboard("denoise", values=values)
