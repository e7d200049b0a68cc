"""Computes the tables of data/FINDINGS.md from a release, with the public API.

The text above the tables is written by hand, except its numbers (`tests.tools.findings_text`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nasdip_bench import NASDIPBench
from nasdip_bench.api.exhibits.captions import SUBSTITUTE, image_statuses
from nasdip_bench.api.paper.printed import paper_values
from nasdip_bench.api.reading.arrays.block import Block
from nasdip_bench.api.reading.arrays.targets import PAPER_TARGET as TARGET
from nasdip_bench.api.reading.arrays.targets import VERDICT_TARGETS
from nasdip_bench.api.statistics.early import early_ranking
from nasdip_bench.api.statistics.image_gain import image_gain
from nasdip_bench.api.statistics.leaderboard.scores import NULL, RANDOM, entry_name
from nasdip_bench.api.statistics.stopping.stopped import ORACLE
from nasdip_bench.api.statistics.tau_frame import MEAN
from nasdip_bench.errors import MissingRunError
from nasdip_bench.ranks.bootstrap import draw_resamples, percentile_interval
from tests.tools.pages import table, with_block

TOP, FIRST, COHORT = 10, (1, 5), 15
PARTS = (9, 3)
"""Early points of a run: the stop divided by these numbers."""
ATTRIBUTES = ("sampling", "transform", "kernel", "activation")
LEVEL, RESAMPLES = 0.95, 1000

Rows = Iterator[list[str]]  # for one task, at the release's default fidelity for it


def basis(bench: NASDIPBench, block: Block) -> Rows:
    """The set-up behind the tables."""
    at, record = bench.manifest.fidelities[block.fidelity], block.record
    size = f"{at['resolution']} x {at['resolution']}, {at['channels']}"
    for seed in block.seeds:
        of_image = _runs(bench, block, [seed]).groupby("image", observed=True)
        count = f"{of_image['arch_id'].nunique().min()} of {len(bench)}"
        default = "yes" if seed in block.default_seeds else "no"
        length = f"{record.iterations}, {record.stop}"
        yield [block.fidelity, size, length, str(seed), count, default]


def taus(bench: NASDIPBench, block: Block) -> Rows:
    """Table 1: tau between PSNR and scores, over all pairs and within one sampling and order."""
    whole, within = (
        bench.kendall_intervals(block.task, target=TARGET, fidelity=block.fidelity, within=kind)
        for kind in (False, True)
    )
    for key, row in whole.xs(MEAN, level="image").dropna(subset=["tau"]).iterrows():
        yield [_score(key), _tau(row), _tau(within.loc[(*key, MEAN)]), f"{row['n']}"]


def paper(bench: NASDIPBench, block: Block) -> Rows:
    """Table 1 next to the paper's, over the images that both have."""
    printed, statuses = paper_values()["table1"], image_statuses(bench)
    images = [one for one in printed["rows"] if statuses.get(one, SUBSTITUTE) != SUBSTITUTE]
    if block.task != printed["task"] or not images:
        return
    found = bench.kendall_intervals(
        block.task, target=TARGET, fidelity=block.fidelity, images=images
    )
    for key, row in found.xs(MEAN, level="image").iterrows():
        if "/".join(key) in printed["columns"]:
            position = printed["columns"].index("/".join(key))
            mean = np.mean([printed["rows"][image][position] for image in images])
            yield [_score(key), _tau(row), f"{mean:+.2f}", f"{row['n']}", str(len(images))]


def overlap(bench: NASDIPBench, block: Block) -> Rows:
    """Figure 1 in one line."""
    found = bench.overlap(block.task, k=TOP, target=TARGET, fidelity=block.fidelity)
    shared = found.to_numpy()[np.triu_indices(len(found), 1)].mean()
    yield [f"{shared:.1f}", f"{found.attrs['expected']:.1f}", f"{found.attrs['n']}"]


def targets(bench: NASDIPBench, block: Block) -> Rows:
    """Tau between each score and the PSNR at the best, at a stop and at the end."""
    found = [
        bench.kendall_intervals(block.task, target=target, fidelity=block.fidelity)
        for target in VERDICT_TARGETS
    ]
    means = [frame.xs(MEAN, level="image").dropna(subset=["tau"]) for frame in found]
    for key in means[0].index:
        yield [_score(key), *(_tau(of_target.loc[key]) for of_target in means)]


def trivial(bench: NASDIPBench, block: Block) -> Rows:
    """How far scores lead what is known without any network of the image."""
    how = {"target": TARGET, "fidelity": block.fidelity}
    mean, beside = (
        bench.score_leaderboard(block.task, against=rival, **how)
        for rival in ("sampling mean", "cell table")
    )
    for key, row in mean.dropna(subset=["tau_signed"]).iterrows():
        if key[0] != RANDOM and key[1] != "ground_truth":
            cells = [
                cell
                for of, part in ((row, ""), (beside.loc[key], "_within"))
                for cell in (
                    _interval(of[f"tau_signed{part}"], math.nan, math.nan, "+"),
                    _interval(*of[[f"{end}lead{part}" for end in ("", "low_", "high_")]], "+"),
                )
            ]
            yield [f"`{entry_name(*key)}`", *cells, f"{row['n']}"]


def predictors(bench: NASDIPBench, block: Block) -> Rows:
    """How well what learns from trained architectures ranks the others."""
    found = bench.predictor_table(block.task, target=TARGET, fidelity=block.fidelity)
    for (name, size), row in found.xs(MEAN, level="image").iterrows():
        cells = [
            _interval(*row[[measure, f"low_{measure}", f"high_{measure}"]], sign)
            for measure, sign in (("tau", "+"), ("lead", "+"), ("tau_within", "+"), ("regret", ""))
        ]
        yield [f"`{name}`", f"{size}", *cells, f"{row['held_out']:.0f}"]


def gain(bench: NASDIPBench, block: Block) -> Rows:
    """What the image changes: tau between seeds, and the gain of an image's own best."""
    if len(block.seeds) > 1:
        found = image_gain(bench, block.task, fidelity=block.fidelity)
        for target in VERDICT_TARGETS:
            row = found.loc[target, MEAN]
            gap = _interval(row["tau_gap"], row["tau_gap_low"], row["tau_gap_high"], "+")
            worth = _interval(row["gain_db"], row["low"], row["high"], "+")
            taus = [f"{row[name]:+.2f}" for name in ("tau_own", "tau_others")]
            yield [f"`{target}`", *taus, gap, worth, f"{row['n']:.0f}"]


def searches(bench: NASDIPBench, block: Block) -> Rows:
    """Gain of searches over transfer, on the seed that they did not see."""
    if len(block.seeds) > 1:
        found = bench.search_leaderboard(block.task, fidelity=block.fidelity)
        means = found.xs(MEAN, level="image")
        for method in means.loc[TARGET].index:
            rows = [means.loc[target, method] for target in VERDICT_TARGETS]
            ends = ("over_transfer_db", "over_transfer_low", "over_transfer_high")
            gains = [_interval(*(row[end] for end in ends), "+") for row in rows]
            yield [method, rows[0]["track"], f"{rows[0]['trained']:.0f}", *gains]


def seeds(bench: NASDIPBench, block: Block) -> Rows:
    """Agreement between seeds: the ceiling of any tau."""
    if len(block.seeds) > 1:
        whole, within = (
            bench.seed_agreement(
                block.task, target=TARGET, fidelity=block.fidelity, within=kind
            ).loc[MEAN]
            for kind in (False, True)
        )
        cells = [_tau(whole), f"{whole['attainable']:+.2f}", _tau(within), f"{whole['n']}"]
        yield [", ".join(map(str, block.seeds)), *cells]


def repeated(bench: NASDIPBench, block: Block) -> Rows:
    """How far apart two seeds are, and two trainings of one run."""
    found = bench.noise(block.task, fidelity=block.fidelity)
    for (between, target), row in found.drop("initialisations", errors="ignore").iterrows():
        if not math.isnan(row["tau"]):
            yield [between, f"`{target}`", _tau(row), f"{row['difference_db']:.2f}", f"{row['n']}"]


def fidelities(bench: NASDIPBench, block: Block) -> Rows:
    """Agreement between fidelities, over the images that have runs at both."""
    try:
        found = bench.fidelity_agreement(block.task, target=TARGET)
    except MissingRunError:  # one fidelity only
        return
    for pair, of_pair in found.groupby(level=[0, 1], sort=False):
        images = [image for *_, image in of_pair.index[of_pair["n"] > 0] if image != MEAN]
        if images:
            both = bench.fidelity_agreement(
                block.task, target=TARGET, fidelities=pair, images=images
            )
            row = both.loc[(*pair, MEAN)]
            yield [" and ".join(pair), _tau(row), f"{row['n']}", ", ".join(images)]


def beginnings(bench: NASDIPBench, block: Block) -> Rows:
    """Tau between early PSNR in runs of one seed and the best PSNR in runs of another."""
    if len(block.seeds) > 1:
        kept = bench.curves(block.task, fidelity=block.fidelity).iterations
        at = [int(kept[kept <= block.record.stop // part][-1]) for part in PARTS]
        how = {"targets": [TARGET], "fidelity": block.fidelity, "iterations": at}
        whole, within = (
            early_ranking(bench, block.task, within=kind, **how).xs("other", level="seed")
            for kind in (False, True)
        )
        for (curve, target, iteration), row in whole.iterrows():
            inside = _tau(within.loc[curve, target, iteration])
            yield [str(iteration), curve, _tau(row), inside, f"{row['n']:.0f}"]


def choosing(bench: NASDIPBench, block: Block) -> Rows:
    """Gain from training a score's first architectures and keeping the best of them."""
    how = {"target": TARGET, "fidelity": block.fidelity}
    board = bench.score_leaderboard(block.task, k=TOP, **how).dropna(subset=["precision"])
    for key, row in board.drop([NULL, "ground_truth"], level="reference").iterrows():
        curve = bench.selection_curve(block.task, score="/".join(key), **how).loc[MEAN]
        regrets = curve.loc[[*FIRST], ["regret", "regret_random"]].to_numpy().ravel()
        numbers = [*regrets, row["precision"], row["precision_chance"]]
        cells = [f"{number:.2f}" for number in numbers]
        yield [_score(key), row["direction"], *cells, f"{row['n']}"]


def search(bench: NASDIPBench, block: Block) -> Rows:
    """The paper's search replayed: regret of its selections."""
    names = ["regret", "regret_random", "regret_any", "regret_first", "regret_best", "members"]
    names += ["candidates"]
    found = bench.isnas_curve(block.task, n=COHORT, fidelity=block.fidelity)
    found = found.xs(COHORT, level="n").drop(MEAN, level="image", errors="ignore")
    for score, row in found[names].groupby(level="score", sort=False).mean().iterrows():
        yield [f"`{score}`", *(f"{row[name]:.{2 if 'regret' in name else 0}f}" for name in names)]


def attributes(bench: NASDIPBench, block: Block) -> Rows:
    """How much of the PSNR each attribute of the upsampling cell, and its values, explain."""
    runs = _runs(bench, block, block.default_seeds)
    wide = runs.pivot_table(TARGET, "arch_id", ["image", "seed"], observed=True).dropna()
    means = (wide - wide.mean()).mean(axis=1)
    psnr, n = means.to_numpy(), len(means)
    drawn = [np.repeat(np.arange(n), row.astype(int)) for row in draw_resamples(n, RESAMPLES)]
    for attribute in ATTRIBUTES:
        values = np.array([str(getattr(bench[i].attributes, attribute)) for i in means.index])
        samples = [omega_squared(psnr[rows], values[rows]) for rows in drawn]
        low, high = percentile_interval(np.array(samples), LEVEL)
        share = _interval(omega_squared(psnr, values), low, high)
        by_value = means.groupby(values).agg(["mean", "size"]).sort_values("mean")[::-1]
        said = [f"{one} {mean:+.2f} ({size:.0f})" for one, mean, size in by_value.itertuples()]
        yield [f"`{attribute}`", share, str(n), ", ".join(said)]


def omega_squared(values: NDArray[np.float64], labels: NDArray[np.generic]) -> float:
    """Share of the variance that the groups explain, at least 0: ω² (Hays 1963)."""
    groups = [values[labels == label] for label in np.unique(labels)]
    if len(groups) < 2 or len(values) == len(groups):
        return math.nan
    between = sum(len(one) * (one.mean() - values.mean()) ** 2 for one in groups)
    total = ((values - values.mean()) ** 2).sum()
    within = (total - between) / (len(values) - len(groups))
    return max(0.0, float((between - (len(groups) - 1) * within) / (total + within)))


def stops(bench: NASDIPBench, block: Block) -> Rows:
    """How far below its best a run is where each rule stops it."""
    found = bench.stopping_table(block.task, fidelity=block.fidelity)
    for rule, row in found.xs(MEAN, level="image").drop(ORACLE).sort_values("lost_db").iterrows():
        cells = [f"{row['trained']:.0f}", f"{1 - row['never']:.0%}", f"{row['n']}"]
        chosen = [f"`{rule}`", row["choice"], row["parameters"]]
        yield [*chosen, _interval(row["lost_db"], row["low"], row["high"]), *cells]


def initialisations(bench: NASDIPBench, block: Block) -> Rows:
    """How well the initialisations of a score agree."""
    found = bench.noise(block.task, targets=[TARGET], fidelity=block.fidelity)
    if "initialisations" in found.index.get_level_values("between"):
        for name, row in found.loc["initialisations"].dropna(subset=["tau"]).iterrows():
            mean = _interval(row["tau_mean"], row["low_mean"], row["high_mean"])
            single = _interval(row["tau"], row["low"], row["high"])
            yield [f"`{name}`", single, mean, f"{row['repeats']}", f"{row['n']}"]


TABLES: dict[Callable[[NASDIPBench, Block], Rows], str] = {
    basis: "fidelity | pixels, channels | iterations, stop | seed | architectures | default",
    taus: "score | tau | tau, within | n",
    paper: "score | tau here | in the paper | n | images",
    overlap: "two images share | by chance | n",
    targets: "score | best | stopped | last",
    trivial: "ranked by | tau | less the sampling mean | tau, within | less the cell table | n",
    predictors: (
        "predictor | trained | tau | less the score's | tau, within | its first, dB | ranked"
    ),
    gain: "target | tau, one image | two images | difference | gain, dB | n",
    seeds: "seeds | tau | attainable | tau, within | n",
    repeated: "between | target | tau | RMS, dB | n",
    fidelities: "fidelities | tau | n | images",
    beginnings: "iteration | curve | tau | tau, within | n",
    choosing: f"score | better | its first, dB | at random | best of its {FIRST[1]}, dB | "
    f"at random | share of {TOP} best | at random | n",
    search: "score | selected, dB | from a random cohort | one at random | the score's first | "
    "best of the cohort | cohort | n",
    searches: "method | track | trained | best | stopped | last",
    attributes: "attribute | share | n | mean of each value, dB (n)",
    stops: "rule | how chosen | parameters | lost, dB | iterations | stopped | runs",
    initialisations: "score | tau between two initialisations | between two means of K | K | n",
}
"""The function that makes the rows of a table (its name marks the block), and the header."""


def table_of(make: Callable[[NASDIPBench, Block], Rows], bench: NASDIPBench) -> str:
    """A table with rows for all tasks that have runs."""
    having = bench.coverage()["task"].unique()
    blocks = [bench.runs.block(task, None) for task in bench.tasks if task in having]
    body = [[block.task, *row] for block in blocks for row in make(bench, block)]
    return table(["task", *TABLES[make].split(" | ")], body)


def with_tables(page: str, bench: NASDIPBench) -> str:
    """The page with each table between its markers."""
    for make in TABLES:
        page = with_block(page, make.__name__, table_of(make, bench))
    return page


def _runs(bench: NASDIPBench, block: Block, seeds: Collection[int]) -> pd.DataFrame:
    """Rows of a task and fidelity with certain seeds."""
    runs = bench.to_frame("runs")
    of_block = (runs["task"] == block.task) & (runs["fidelity"] == block.fidelity)
    return runs[of_block & runs["seed"].isin(seeds)]


def _score(key: Collection[str]) -> str:
    return f"`{'/'.join(key)}`"


def _interval(value: float, low: float, high: float, sign: str = "") -> str:
    if math.isnan(value):
        return "–"
    return f"{value:{sign}.2f}" + (
        "" if math.isnan(low) else f" [{low:{sign}.2f}, {high:{sign}.2f}]"
    )


def _tau(row: pd.Series) -> str:
    return _interval(row["tau"], row["low"], row["high"], "+")
