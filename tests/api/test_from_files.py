"""Rows of the tables, computed again from Parquet and HDF5 alone: nothing of ours reads them here.

pyarrow, h5py, NumPy and SciPy; of this package only the tables that are checked.
"""

from __future__ import annotations

import itertools
import json
import math
from collections import defaultdict

import h5py
import numpy as np
import pyarrow.parquet as pq
import pytest
from scipy.stats import kendalltau

from tests.conftest import ROOT

DATA = ROOT / "data"
MANIFEST = json.loads((DATA / "manifest.json").read_text(encoding="utf-8"))
IMAGES = MANIFEST["images"]
TASKS = ("denoise", "inpaint")
TARGETS = ("best_psnr_smooth_db", "stopped_psnr_smooth_db", "last_psnr_smooth_db")
PROXY, REFERENCE = "psd_db_strip_mse", "corrupted"
MEAN = "(mean)"

pytestmark = pytest.mark.parametrize("task", TASKS)


class Files:
    """The rows of a task at the release's default fidelity for it."""

    def __init__(self, task: str) -> None:
        self.task, self.fidelity = task, MANIFEST["default_fidelity"][task]
        facts = MANIFEST["fidelities"][self.fidelity]["tasks"][task]
        self.stop, self.defaults = facts["stop"], facts["default_seeds"]
        self.seeds = sorted(map(int, facts["seeds"]))
        self.of = [("task", "=", task), ("fidelity", "=", self.fidelity)]
        rows = pq.read_table(DATA / "runs.parquet", filters=self.of).to_pylist()
        self.runs = {
            (row["image"], row["seed"], row["arch_id"]): row
            for row in rows
            if row["status"] == "ok"
        }
        rows = pq.read_table(DATA / "architectures.parquet").to_pylist()
        self.kinds = {row["arch_id"]: f"{row['sampling']} {row['transform_first']}" for row in rows}

    def complete(self, seeds: list[int]) -> list[int]:
        """Architectures with an ok run on every image at every seed."""
        having = defaultdict(int)
        for _, seed, arch_id in self.runs:
            having[arch_id] += seed in seeds
        return [one for one, count in sorted(having.items()) if count == len(IMAGES) * len(seeds)]

    def alike(self, arch_ids: list[int]) -> np.ndarray:
        """(n, n) which pairs are of one sampling and order."""
        kinds = np.array([self.kinds[one] for one in arch_ids])
        return kinds[:, None] == kinds

    def values(self, target: str, image: str, seed: int, arch_ids: list[int]) -> np.ndarray:
        return np.array([self.runs[image, seed, one][target] for one in arch_ids])

    def curve(self, name: str, image: str, seed: int, arch_ids: list[int], at: int) -> np.ndarray:
        """A curve of each run at a kept iteration, in dB."""
        found = []
        for part, mine in itertools.groupby(arch_ids, lambda arch_id: arch_id // 64):
            with h5py.File(
                DATA / "curves" / f"{self.fidelity}-{self.task}-s{seed}-{part}.h5"
            ) as file:
                place = file["iteration"][:].tolist().index(at)
                codes = file[name][:, place]
            rows = [self.runs[image, seed, arch_id]["curve_row"] for arch_id in mine]
            found.append(codes[rows] / 1000)
        return np.concatenate(found)


@pytest.fixture(scope="module")
def files() -> dict[str, Files]:
    return {task: Files(task) for task in TASKS}


def tau(x, y) -> float:
    return kendalltau(x, y).statistic


def tau_within(x, y, same):
    """Tau-b over the pairs that are marked."""
    x, y = (np.sign(of[:, None] - of[None, :]) * same for of in (x, y))
    return (x * y).sum() / math.sqrt((x**2).sum() * (y**2).sum())


def test_stopping_table(files, shipped, task):
    mine, table = files[task], shipped.stopping_table(task, resamples=0)
    lost = defaultdict(lambda: defaultdict(list))
    at = defaultdict(dict)
    wanted = [*mine.of, ("rule", "in", ["es-emv", "neighbour"])]
    for row in pq.read_table(DATA / "stops", filters=wanted).to_pylist():
        key = row["image"], row["seed"], row["arch_id"]
        if row["seed"] in mine.defaults and key in mine.runs:
            best = mine.runs[key]["best_psnr_smooth_db"]
            rule = row["rule"], row["parameters"]
            lost[rule][row["image"]].append(best - row["psnr_smooth_db"])
            if row["image"] == "lena":
                at[rule][row["seed"], row["arch_id"]] = row["iteration"]
    means = {
        rule: {image: np.mean(of_image[image]) for image in IMAGES}
        for rule, of_image in lost.items()
    }
    # As published: the output at the kept point nearest to the stop.
    published = "es-emv", "patience=1000,burn_in=101"
    found = table.loc[f"es-emv({published[1]},delivers=output)"]
    with h5py.File(DATA / "curves" / f"{mine.fidelity}-{task}-s0-0.h5") as file:
        kept = file["iteration"][:]
    apart = []
    stopped_at = {run: kept[np.abs(kept - stop).argmin()] for run, stop in at[published].items()}
    for point in sorted({*stopped_at.values()}):
        for seed in mine.defaults:
            arch_ids = sorted(
                a for (s, a), there in stopped_at.items() if (s, there) == (seed, point)
            )
            if arch_ids:
                best = mine.values("best_psnr_smooth_db", "lena", seed, arch_ids)
                apart.append(best - mine.curve("psnr", "lena", seed, arch_ids, point))
    assert found.loc["lena", "lost_db"] == pytest.approx(np.concatenate(apart).mean(), abs=2e-3)
    # Cross-fitted: for each image the patience that loses least on the others.
    candidates = [rule for rule in means if rule[0] == "neighbour"]
    for image in IMAGES:
        elsewhere = {
            rule: np.mean([means[rule][one] for one in IMAGES if one != image])
            for rule in candidates
        }
        row = table.loc["neighbour", image]
        chosen = ("neighbour", row["parameters"])
        assert elsewhere[chosen] == pytest.approx(min(elsewhere.values()), abs=1e-9)
        assert row["lost_db"] == pytest.approx(means[chosen][image], abs=1e-6)
    # The mean over images, if all have the same parameters, is the mean of their means.
    row = table.loc["neighbour", MEAN]
    if row["parameters"] != "by image":
        by_image = lost["neighbour", row["parameters"]]
        assert row["lost_db"] == pytest.approx(
            np.mean([*means["neighbour", row["parameters"]].values()])
        )
        p95 = np.percentile(np.concatenate([*by_image.values()]), 95)
        assert row["lost_p95_db"] == pytest.approx(p95, abs=1e-6)
    # The fixed stop, off the curves.
    at = [key for key in mine.runs if key[0] == "lena" and key[1] in mine.defaults]
    apart = []
    for seed in mine.defaults:
        arch_ids = sorted(arch_id for _, one, arch_id in at if one == seed)
        best = mine.values("best_psnr_smooth_db", "lena", seed, arch_ids)
        apart.append(best - mine.curve("psnr_smooth", "lena", seed, arch_ids, mine.stop))
    row = table.loc[f"fixed(iteration={mine.stop})", "lena"]
    assert row["lost_db"] == pytest.approx(np.concatenate(apart).mean(), abs=1e-3)  # codes


def test_score_leaderboard(files, shipped, task):
    k, mine = 10, files[task]
    table = shipped.score_leaderboard(task, k=k)
    target = table.attrs["target"]
    wanted = [*mine.of, ("proxy", "=", PROXY), ("reference", "=", REFERENCE)]
    rows = pq.read_table(DATA / "scores.parquet", filters=wanted).to_pylist()
    scores = {(row["image"], row["seed"], row["arch_id"]): row["value"] for row in rows}
    found = defaultdict(list)
    for image, seed in itertools.product(IMAGES, mine.defaults):
        arch_ids = [
            arch_id
            for one, of, arch_id in mine.runs
            if (one, of) == (image, seed) and scores.get((image, seed, arch_id)) is not None
        ]
        psnr = mine.values(target, image, seed, arch_ids)
        score = np.array([scores[image, seed, one] for one in arch_ids])
        best, first = np.argsort(-psnr)[:k], np.argsort(score)
        found["tau_signed"].append(tau(psnr, -score))
        found["tau_signed_within"].append(tau_within(psnr, -score, mine.alike(arch_ids)))
        found["precision"].append(len({*best} & {*first[:k]}) / k)
        found["precision_chance"].append(k / len(arch_ids))
        found["regret"].append(psnr.max() - psnr[first[0]])
        found["regret_random"].append(psnr.max() - psnr.mean())
    row = table.loc[PROXY, REFERENCE]
    for name, by_image in found.items():
        assert row[name] == pytest.approx(np.mean(by_image), abs=1e-9), name
    assert row["seconds"] == pytest.approx(np.mean([one["seconds"] for one in rows]))
    assert row["direction"] == "lower"


def test_image_gain(files, shipped, task):
    mine, table = files[task], shipped.image_gain(task, resamples=0)
    arch_ids = mine.complete(mine.seeds)
    for target in TARGETS:
        values = {
            (image, seed): mine.values(target, image, seed, arch_ids)
            for image, seed in itertools.product(IMAGES, mine.seeds)
        }
        gains = []
        for image in IMAGES:
            by_order = []
            for a, b in itertools.permutations(mine.seeds, 2):
                own = values[image, a].argmax()
                elsewhere = sum(values[one, a] for one in IMAGES if one != image).argmax()
                by_order.append(values[image, b][own] - values[image, b][elsewhere])
            own, others = (
                np.mean([
                    tau(values[image, a], values[one, b])
                    for a, b in itertools.permutations(mine.seeds, 2)
                    for one in IMAGES
                    if (one == image) is same
                ])
                for same in (True, False)
            )  # fmt: skip
            assert table.loc[(target, image), "tau_own"] == pytest.approx(own, abs=1e-6)
            assert table.loc[(target, image), "tau_gap"] == pytest.approx(own - others, abs=1e-6)
            gains.append(np.mean(by_order))
            assert table.loc[(target, image), "gain_db"] == pytest.approx(gains[-1], abs=1e-9)
        row = table.loc[target, MEAN]
        assert row["gain_db"] == pytest.approx(np.mean(gains), abs=1e-9)
        assert row["n"] == len(arch_ids)


def test_early_ranking(files, shipped, task):
    at, mine = 200, files[task]
    table = shipped.early_ranking(task, iterations=[at])
    table_within = shipped.early_ranking(task, iterations=[at], within=True)
    arch_ids = mine.complete(mine.seeds)
    same = mine.alike(arch_ids)
    pairs = {
        "own": [(seed, seed) for seed in mine.seeds],
        "other": [*itertools.permutations(mine.seeds, 2)],
    }
    for curve, name in (("raw", "psnr"), ("smoothed", "psnr_smooth")):
        early = {
            (image, seed): mine.curve(name, image, seed, arch_ids, at)
            for image, seed in itertools.product(IMAGES, mine.seeds)
        }
        for target, (kind, of_kind) in itertools.product(TARGETS, pairs.items()):
            pairs_of = [
                (early[image, a], mine.values(target, image, b, arch_ids))
                for image in IMAGES
                for a, b in of_kind
            ]
            for found, expected in (
                (table, [tau(*pair) for pair in pairs_of]),
                (table_within, [tau_within(*pair, same) for pair in pairs_of]),
            ):
                row = found.loc[curve, kind, target, at]
                assert row["tau"] == pytest.approx(np.mean(expected), abs=2e-3)  # codes tie
                assert row["n"] == len(arch_ids)


def test_noise(files, shipped, task):
    mine, table = files[task], shipped.noise(task)
    # Between single values of a score, and between their halves.
    columns = ["arch_id", "image", "task", "fidelity", "seed", "proxy", "reference", "inits"]
    rows = pq.read_table(DATA / "scores.parquet", columns=columns).to_pylist()
    with h5py.File(DATA / "score_values.h5") as file:
        singles = file["values"][:]
    found = defaultdict(dict)
    for row, values in zip(rows, singles, strict=True):
        same = (row["task"], row["fidelity"]) == (task, mine.fidelity)
        if same and (row["proxy"], row["reference"]) == (PROXY, REFERENCE):
            found[row["image"], row["seed"]][row["arch_id"]] = values[: row["inits"]]
    arch_ids = set.intersection(*({*found[i, s]} for i in IMAGES for s in mine.defaults))
    arch_ids = sorted(
        one
        for one in arch_ids
        if all(np.isfinite(found[i, s][one]).all() for i in IMAGES for s in mine.defaults)
    )
    single, halves = [], []
    for image, seed in itertools.product(IMAGES, mine.defaults):
        values = np.array([found[image, seed][one] for one in arch_ids], np.float64)
        repeats = values.shape[1]
        pairs = itertools.combinations(values.T, 2)
        single.append(np.mean([tau(*pair) for pair in pairs]))
        for first in range(math.ceil(repeats / 2)):
            turned = np.roll(values, -first, axis=1)
            one, other = turned[:, : repeats // 2], turned[:, repeats // 2 :]
            halves.append(tau(one.mean(axis=1), other.mean(axis=1)))
    row = table.loc["initialisations", f"{PROXY}/{REFERENCE}"]
    assert row["tau"] == pytest.approx(np.mean(single), abs=1e-5)
    half = math.sin(math.pi / 2 * np.mean(halves))
    stepped = 2 / math.pi * math.asin(2 * half / (1 + half))
    assert row["tau_mean"] == pytest.approx(stepped, abs=1e-5)
    assert (row["repeats"], row["n"]) == (repeats, len(arch_ids))
    of_scores = table.loc["initialisations"].dropna(subset=["tau"])
    assert len(of_scores) > 5
    assert (of_scores["tau_mean"] > of_scores["tau"]).all()
    assert (of_scores["low"] < of_scores["tau"]).all()
    assert (of_scores["low_mean"] < of_scores["tau_mean"]).all()
    # Between seeds.
    for target in TARGETS:
        taus = []
        for image in IMAGES:
            for a, b in itertools.combinations(mine.seeds, 2):
                both = [
                    one for of, seed, one in mine.runs
                    if (of, seed) == (image, a) and (image, b, one) in mine.runs
                ]  # fmt: skip
                taus.append(tau(*(mine.values(target, image, seed, both) for seed in (a, b))))
        assert table.loc[("seeds", target), "tau"] == pytest.approx(np.mean(taus), abs=1e-9)
    # Between runs and the same runs trained again.
    again = [
        row
        for row in pq.read_table(DATA / "reruns.parquet", filters=mine.of).to_pylist()
        if row["whole"] and row["best_difference_db"] is not None
    ]
    row = table.loc["reruns", "best_psnr_smooth_db"]
    assert row["n"] == len(again)
    if not again:
        assert "was trained again" in row["reason"]
        return
    rms = math.sqrt(np.mean([one["best_difference_db"] ** 2 for one in again]))
    assert row["difference_db"] == pytest.approx(rms)
