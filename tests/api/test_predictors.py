"""Predictors: the shipped ones by direct computation, and the table against SciPy and pandas."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest
import scipy.stats
from scipy.stats import kendalltau

from nasdip_bench.api.statistics.predictors.baselines import ridge, sampling_mean
from nasdip_bench.api.statistics.predictors.table import predictor_table
from nasdip_bench.errors import ConfigError, MissingRunError
from nasdip_bench.space import encode_one_hot, paper_architectures

SCORE = "psd_db_strip_mse/corrupted"
TARGET = "stopped_psnr_smooth_db"


def test_the_mean_of_ones_kind():
    archs = paper_architectures()[:60]
    target = np.arange(60.0)
    found = sampling_mean(archs[:50], target[:50], archs[50:])
    for arch, value in zip(archs[50:], found, strict=True):
        kind = (arch.attributes.sampling, arch.attributes.transform_first)
        alike = [
            y
            for one, y in zip(archs[:50], target, strict=False)
            if (one.attributes.sampling, one.attributes.transform_first) == kind
        ]
        assert value == pytest.approx(np.mean(alike) if alike else np.mean(target[:50]))


def test_ridge_is_the_best_of_its_penalties_fitted_anew_without_each_architecture():
    rng = np.random.default_rng(0)
    archs = paper_architectures()[:40]
    x = encode_one_hot(archs).astype(float)
    target = x @ rng.normal(size=x.shape[1]) + rng.normal(size=40)

    def fitted(rows, penalty, at):
        centre, mean = x[rows].mean(axis=0), target[rows].mean()
        centred = x[rows] - centre
        gram = centred.T @ centred + penalty * np.eye(x.shape[1])
        return mean + (x[at] - centre) @ np.linalg.solve(gram, centred.T @ (target[rows] - mean))

    trained = np.arange(30)
    errors = {
        penalty: np.mean(
            [(fitted(np.delete(trained, i), penalty, i) - target[i]) ** 2 for i in trained]
        )
        for penalty in np.logspace(-2, 4, 13)
    }
    best = min(errors, key=errors.get)
    assert 0.01 < best < 10_000
    expected = fitted(trained, best, np.arange(30, 40))
    assert ridge(archs[:30], target[:30], archs[30:]) == pytest.approx(expected)


def test_the_table_is_of_architectures_that_the_predictor_was_not_fitted_to(shipped):
    fits = []

    def guess(archs):
        return [sum(map(int, arch.skip)) + arch.cell / 1000 for arch in archs]

    def mine(trained, target, others):
        fits.append((trained, target, others))
        return guess(others)

    how = {"images": ["lena", "boat"], "sizes": [40, 20], "repeats": 2, "seed": 0}
    found = predictor_table(shipped, "denoise", predictors={"mine": mine}, **how)
    runs = shipped.to_frame("runs").query(
        "task == 'denoise' and fidelity == 'r64c16' and seed == 0 and status == 'ok'"
    )
    psnr = runs[runs.image.isin(how["images"])].pivot(index="arch_id", columns="image")[TARGET]
    assert found.attrs["n"] == len(psnr.dropna())
    measured = defaultdict(list)
    for trained, target, others in fits:
        ids = [shipped.arch_id(arch) for arch in (*trained, *others)]
        assert len({*ids}) == len(ids) == found.attrs["n"]
        [image] = [one for one in psnr if np.allclose(psnr.loc[ids[: len(target)], one], target)]
        held_out = psnr.loc[ids[len(target) :], image]
        predicted = guess(others)
        regret = held_out.max() - held_out.iloc[np.argmax(predicted)]
        measured[len(trained), image].append([kendalltau(predicted, held_out).statistic, regret])
    assert len(measured) == 4
    for (size, image), of in measured.items():
        assert len(of) == 2
        row = found.loc["mine", size, image]
        assert [row["tau"], row["regret"]] == pytest.approx(np.mean(of, axis=0))
    small, large = ([fit[0] for fit in fits if len(fit[0]) == size] for size in (20, 40))
    assert all(a == b[:20] for a, b in zip(small, large, strict=True))  # larger sets extend smaller


def test_the_score_that_ranks_best_needs_no_training(shipped):
    found = predictor_table(shipped, "denoise", sizes=[20], repeats=1, seed=0)
    taus = shipped.kendall_intervals("denoise", seed=0).xs("(mean)", level="image")
    [name] = {name for name, size, _ in found.index if size == 0}
    proxy, reference = name.split("/")
    assert found.loc[name, 0, "(mean)"]["tau"] == pytest.approx(abs(taus.loc[proxy, reference].tau))
    strip = taus.loc[tuple(SCORE.split("/"))].tau
    assert found.loc[name, 0, "(mean)"]["tau"] >= -strip
    assert np.isnan(found.loc[name, 0, "(mean)"]["lead"])
    by_image = found["tau"].drop("(mean)", level="image").unstack("image")
    leads = by_image.loc["ridge", 20] - by_image.loc[name, 0]
    assert found.loc["ridge", 20].loc[leads.index, "lead"].to_numpy() == pytest.approx(leads)
    low, mean, high = found.loc["ridge", 20, "(mean)"][["low_lead", "lead", "high_lead"]]
    assert mean == pytest.approx(leads.mean())
    t = scipy.stats.t.interval(0.95, len(leads) - 1, mean, leads.sem())
    assert [low, high] == pytest.approx(t, abs=0.15 * (t[1] - t[0]))  # of the mean over images


def test_equal_predictions_rank_nothing_and_intervals_are_those_of_the_resamples(low_release):
    bench = low_release(count=20, tasks=("denoise",))
    how = {"predictors": {"same": lambda x, y, others: np.ones(len(others))}, "sizes": [8]}
    found = predictor_table(bench, "denoise", repeats=4, **how)
    rows = found.loc["same", 8]
    assert rows["tau"].eq(0).all()
    assert rows["low_tau"].eq(0).all()
    assert (rows["regret"] > 0).all()
    ends = found[["low_tau", "tau", "high_tau"]].dropna()
    assert (ends.diff(axis=1).iloc[:, 1:] >= 0).all(axis=None)
    once = predictor_table(bench, "denoise", repeats=1, images="lena", **how)
    assert once[["low_tau", "high_regret"]].isna().all(axis=None)
    again = predictor_table(bench, "denoise", repeats=4, **how)
    assert again.equals(found)
    assert predictor_table(bench, "denoise", repeats=1).index.get_level_values("size").max() == 10


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"sizes": [8]}, "a training set of 8 leaves 4 of 12 architectures to rank"),
        ({"sizes": [1]}, "sizes of training sets 1"),
        ({"repeats": 0}, "repeats 0"),
        ({"predictors": {"ridge": sampling_mean}}, "cannot be called 'ridge'"),
        ({"predictors": {"few": lambda x, y, others: [1.0]}}, r"6 finite numbers.* shape \(1,\)$"),
        (
            {"predictors": {"bad": lambda x, y, others: y[: len(others)] * np.nan}},
            "'bad' must return 6 finite numbers.* with NaN",
        ),
    ],
)
def test_mistakes(bench, how, message):
    with pytest.raises(ConfigError, match=message):
        bench.predictor_table("denoise", **how)


def test_too_few_architectures_with_all_runs(apart):
    with pytest.raises(MissingRunError, match="0 architectures have ok runs of denoise"):
        apart.predictor_table("denoise")
    assert apart.predictor_table("denoise", images="lena").attrs["n"] == 8
