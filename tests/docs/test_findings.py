"""The page of findings: its numbers are those of the statistics, its sentences follow them."""

from __future__ import annotations

import math
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from scipy.stats import f_oneway, kendalltau

from nasdip_bench import NASDIPBench
from nasdip_bench.api import cli
from nasdip_bench.api.findings import findings_page
from nasdip_bench.api.findings.choices import _share
from nasdip_bench.api.findings.page import _cut
from nasdip_bench.api.findings.pooled import FEWEST, Pooled, image_effect, pooled_tau, stand_in_loss
from nasdip_bench.api.findings.printed import FEW, OPEN, OPPOSITE, OTHER_SIZE, SAME, _reading
from nasdip_bench.api.findings.words import SMALL, caution, listed, number, sign_of, table
from nasdip_bench.api.findings.worth import _conclusion, _Judged
from nasdip_bench.api.paper.captions import paper_values
from nasdip_bench.api.simulation.recorded_runs import read_runs
from nasdip_bench.api.statistics.overlaps import AcrossSeeds
from nasdip_bench.errors import ConfigError, UnknownNameError
from nasdip_bench.ranks.bootstrap import draw_resamples, reliability
from nasdip_bench.ranks.chance import ChoicePValues
from tests import synthetic

LOW, HIGH = "r64c16i40", "r64"
ROOT = Path(__file__).resolve().parents[2]


def page_of(path: Path, **changes) -> str:
    return findings_page(NASDIPBench(synthetic.write_release(path / "data", **changes)))


def section(page: str, title: str) -> str:
    return re.search(rf"^## {re.escape(title)}.*?(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)[0]


# The statistics


def test_pooled_tau_is_the_mean_of_scipys_over_the_images_with_enough():
    rng = np.random.default_rng(1)
    a, b, c = rng.normal(size=(3, 30, 4))
    a[:, 3] = np.nan
    a[3:, 2] = np.nan  # three architectures are too few
    found = pooled_tau(["w", "x", "y", "z"], [(a, b), (a, c)])
    wanted = [kendalltau(a[:, i], m[:, i]).statistic for i in (0, 1) for m in (b, c)]
    assert found.value == pytest.approx(np.mean(wanted))
    assert found.images == ("w", "x")
    assert found.n == (30, 30)
    assert found.low < found.value < found.high
    nothing = pooled_tau(["z"], [(a[:, 3:], b[:, 3:])])
    assert (nothing.images, nothing.n) == ((), (0, 0))
    assert math.isnan(nothing.value)
    assert not nothing.decided


def test_intervals_of_noise_mostly_include_zero():
    rng = np.random.default_rng(2)
    decided = [pooled_tau(["x"], [tuple(rng.normal(size=(2, 40, 1)))]).decided for _ in range(60)]
    assert sum(decided) <= 10


def test_the_effect_of_the_image():
    rng = np.random.default_rng(3)
    truth, common = rng.normal(size=(60, 4)), np.repeat(rng.normal(size=(60, 1)), 4, axis=1)
    noise = 0.3 * rng.normal(size=(4, 60, 4))
    own, others, effect = image_effect("abcd", [truth + noise[0], truth + noise[1]])
    assert own.low > 0.5
    assert abs(others.value) < 0.2
    assert effect.low > 0
    assert effect.value == pytest.approx(own.value - others.value)
    own, others, effect = image_effect("abcd", [common + noise[2], common + noise[3]])
    assert others.low > 0.5
    assert not effect.decided
    missing = np.full((60, 4), np.nan)
    missing[: FEWEST - 1] = 1
    assert image_effect("abcd", [truth]) is None
    assert image_effect("abcd", [truth, missing]) is None


def test_what_a_stand_in_loses_is_measured_on_what_all_runs_share():
    rng = np.random.default_rng(5)
    truth = rng.normal(size=(60, 3))
    seeds = [truth + 0.2 * rng.normal(size=truth.shape) for _ in range(2)]
    alike, other = (truth + noise * rng.normal(size=truth.shape) for noise in (0.2, 1.5))
    own, with_it, loss = stand_in_loss("abc", seeds, [other])
    assert loss.low > 0
    assert loss.value == pytest.approx(own.value - with_it.value)
    assert not stand_in_loss("abc", seeds, [alike])[-1].decided
    by_hand = [
        kendalltau(seeds[0][:, i], seeds[1][:, i]).statistic
        - np.mean([kendalltau(seed[:, i], other[:, i]).statistic for seed in seeds])
        for i in range(3)
    ]
    assert loss.value == pytest.approx(np.mean(by_hand))
    # Of a second seed of 20 architectures and two images: these, whatever the others have.
    seeds[1][20:] = np.nan
    other[:, 2] = np.nan
    few = stand_in_loss("abc", seeds, [other])[-1]
    assert (few.n, few.images) == ((20, 20), ("a", "b"))
    assert stand_in_loss("abc", seeds[:1], [other]) is None
    assert stand_in_loss("abc", seeds, [np.full_like(other, np.nan)]) is None


def test_reliability_is_the_intraclass_correlation_of_the_single_values():
    """Against the sums of squares of one-way analysis of variance over the values themselves."""
    rng = np.random.default_rng(4)
    n, k = 400, 8
    values = rng.normal(size=(n, 1)) + 0.8 * rng.normal(size=(n, k))
    found = reliability(values.mean(axis=1), values.std(axis=1, ddof=1), k)
    grand = values.mean()
    between = k * ((values.mean(axis=1) - grand) ** 2).sum() / (n - 1)
    inside = ((values - values.mean(axis=1, keepdims=True)) ** 2).sum() / (n * (k - 1))
    assert found.single == pytest.approx((between - inside) / (between + (k - 1) * inside))
    assert found.mean == pytest.approx(1 - inside / between)
    assert found.single == pytest.approx(1 / (1 + 0.64), abs=0.05)
    assert found.n == n
    tau = np.mean([kendalltau(values[:, i], values[:, i + 1]).statistic for i in range(0, k, 2)])
    assert found.tau_single == pytest.approx(tau, abs=0.03)
    exact = reliability([1.0, 2.0, 3.0], [0.0, 0.0, 0.0], 2)
    assert (exact.single, exact.mean, exact.tau_mean) == (1, 1, 1)
    assert math.isnan(reliability([1.0, 1.0], [0.0, 0.0], 8).single)
    assert math.isnan(reliability([1.0], [0.0], 8).single)
    with pytest.raises(ConfigError, match="repeats 1 must be at least 2"):
        reliability([1.0, 2.0], [0.0, 0.0], 1)


# The words


def pooled(value: float, low: float, high: float, n: int = 50) -> Pooled:
    error = (high - low) / 4
    return Pooled(value=value, low=low, high=high, error=error, images=("lena",), n=(n, n))


@pytest.mark.parametrize(
    ("ours", "printed", "reading"),
    [
        (pooled(-0.3, -0.4, -0.2), -0.25, SAME),
        (pooled(-0.3, -0.4, -0.2), -0.6, OTHER_SIZE),
        # Outside the interval, but the print is not known without error, either.
        (pooled(-0.3, -0.4, -0.2, 522), -0.43, SAME),
        (pooled(-0.3, -0.4, -0.2, 522), -0.45, OTHER_SIZE),
        (pooled(-0.3, -0.4, -0.2, SMALL - 1), -0.3, FEW),
        (pooled(0.3, 0.2, 0.4), -0.25, OPPOSITE),
        (pooled(-0.3, -0.7, 0.1), -0.25, OPEN),
        (pooled(-0.3, math.nan, math.nan), -0.25, OPEN),
        (pooled_tau([], []), -0.25, "–"),
    ],
)
def test_readings(ours: Pooled, printed: float, reading: str):
    assert _reading(ours, printed, 522) == reading


def test_words():
    assert sign_of(pooled(0.1, 0.05, 0.2)) == "positive"
    assert sign_of(pooled(-0.1, -0.2, -0.05)) == "negative"
    assert "not decided" in sign_of(pooled(0.1, -0.1, 0.2))
    assert "cannot" in sign_of(pooled_tau([], []))
    assert caution(SMALL) == ""
    assert f"n = {SMALL - 1}" in caution(SMALL - 1)
    assert (listed([]), listed(["a"]), listed("abc")) == ("", "a", "a, b and c")
    assert (number(math.nan), number(0.5)) == ("–", "+0.50")
    assert table(["a"], [["b|c"]]).splitlines()[-1] == "| b&#124;c |"


def judged(key: str, tau: Pooled, direction: str = "lower", **facts) -> _Judged:
    p = ChoicePValues(facts.get("precision", math.nan), facts.get("regret", math.nan))
    within = facts.get("within", pooled(0, -0.1, 0.1))
    return _Judged(key, direction, tau, within, p, facts.get("seconds", 1.0))


def test_conclusions_on_scores():
    strong = judged("a", pooled(-0.5, -0.6, -0.4), regret=0.001)
    wide = judged("b", pooled(-0.3, -0.55, -0.1), seconds=0.1, regret=0.03)
    size = judged("c", pooled(-0.6, -0.7, -0.5), "lower?", regret=0.001)
    wrong = judged("d", pooled(-0.4, -0.5, -0.3), "higher", precision=0.5)
    ceiling, nothing = pooled(1, 1, 1), pooled_tau([], [])
    text = _conclusion([size, strong, wrong, wide], ceiling, nothing)
    # b: 0.3 is 2.67 errors of 0.1125, and three tests ask for 2.39; two errors are one test's.
    assert text.startswith("2 of the 3 scores that claim a direction rank in it: `a` and `b`.")
    assert "Largest |tau|: `a` (-0.50, 50% of what is attainable" in text
    assert "cheapest: `b` (0.1 s)." in text
    assert "Their order is not decided: the best value lies in the intervals of `b`." in text
    assert "Against what they claim: `d`." in text
    assert "chance in regret, corrected likewise: `a`." in text
    assert "chance in precision, corrected likewise: none." in text
    assert "Within one `sampling`, none is shown to." in text
    assert "`c`" not in text
    finer = judged("f", pooled(-0.5, -0.6, -0.4), within=pooled(-0.3, -0.4, -0.2))
    within = pooled(0.5, 0.4, 0.6)
    assert "none is shown to, where two seeds agree with +0.50 [+0.40, +0.60]." in _conclusion(
        [strong], ceiling, within
    )
    assert "Within one `sampling`, `f` does." in _conclusion([finer, strong], ceiling, nothing)
    among_many = [strong, *(judged(f"n{i}", pooled(0, -0.1, 0.1)) for i in range(9)), wide]
    assert _conclusion(among_many, ceiling, nothing).startswith(
        "1 of the 11 scores that claim a direction"
    )
    clear = judged("b", pooled(-0.2, -0.25, -0.15), seconds=1.05)
    text = _conclusion([strong, clear], pooled(1, 1, 1, 16), nothing)
    assert "order" not in text
    assert "attainable" not in text  # of 16 other architectures
    assert "cheapest: `a` and `b` (1 s)" in text
    assert "attainable" not in _conclusion([strong], pooled(-0.2, -0.3, -0.1), nothing)
    none = judged("e", pooled(-0.1, -0.3, 0.1))
    assert _conclusion([none], ceiling, nothing).startswith(
        "None of the 1 scores that claim a direction is"
    )
    few = _conclusion([judged("a", pooled(-0.5, -0.6, -0.4, SMALL - 1))], ceiling, nothing)
    assert few == caution(SMALL - 1)


# The page, on releases whose answers are known


def test_a_release_with_two_seeds_and_two_fidelities(tmp_path):
    page = page_of(tmp_path, count=30, fidelities=(HIGH, LOW), tasks=("denoise",))
    # By formula lena ranks by arch_id, chest the other way round, boat in pairs: seeds agree.
    noise = section(page, "How noisy is a run?")
    assert re.search(
        r"\| denoise at r64 \| \+1.00 \[\+1.00, \+1.00\] \| \+1.00 \| .* \| n = 30, 3 images \|",
        noise,
    )
    assert f"for denoise at {LOW} (1 seed): there the ceiling is not known" in page
    fidelities = section(page, "Is a cheap fidelity")
    assert (
        f"- denoise at r64 and {LOW}: they agree beyond chance; that they agree less" in fidelities
    )
    assert "| +1.00 [+1.00, +1.00] | +0.00 [+0.00, +0.00] | n = 30, 3 images |" in fidelities
    images = section(page, "Does the best network depend")
    # chest is a substitute: with it the images differ, and lena and boat differ by boat's ties.
    assert re.search(r"\| all images \| .* \| n = 30, 3 images \|", images)
    assert re.search(r"\| the paper's own \| .* \| n = 30, 2 images \|", images)
    assert "Over the paper's own: the ranking depends on the image, beyond the noise" in images
    assert "fewer than 20" not in page
    worth = section(page, "Which score is worth")
    assert "`parameters/none`" in worth
    assert "ground_truth" not in worth
    assert "no such runs at r512: not compared" in page
    # lena and boat are the paper's; the score a on them has tau +1 and about +1.
    printed = paper_values()["table1"]
    mean = np.mean([printed["rows"][image][0] for image in ("lena", "boat")])
    row = re.search(r"\| `psd_db_mse/corrupted` \| \+\S+ .* \| (\S+) \| n = 30, 2 images", page)
    assert float(row[1]) == pytest.approx(mean, abs=0.01)
    assert "`psd_db_strip_mse/corrupted`" in re.search(r"We disagree .*", page)[0]
    assert "Possible reasons for the differences:" in page
    assert "**Fidelity.**" in page


@pytest.fixture(scope="module")
def shipped() -> str:
    """The page of the shipped release, to be compared with its files by SciPy and pandas."""
    return findings_page(NASDIPBench(ROOT / "data"))


def test_beginnings_are_compared_with_the_end_of_the_same_runs(shipped: str):
    bench = NASDIPBench(ROOT / "data")
    page = section(shipped, "Does the beginning of a run")
    for task in ("denoise", "inpaint"):
        taus = []
        for runs in read_runs(bench, task).values():
            early = np.searchsorted(runs.iterations, runs.stop // 3, side="right") - 1
            taus.append(kendalltau(runs.psnr_smooth_db[:, early], runs.values).statistic)
        at = int(runs.iterations[early])
        assert f"| {task} at r64c16 | a third | {at} | {np.mean(taus):+.2f} [" in page
        row = rf"\| {task} at r64c16 \| a third \| {at} \| \S+ \[(\S+), (\S+)\]"
        low, high = map(float, re.search(row, page).groups())
        said = "is not shown to rank it" if low <= 0 <= high else "ranks it"
        assert re.search(rf"- {task} at r64c16: .*, a third {said}( in reverse)?\.", page)


def test_shares_of_the_variance():
    """Against the textbook's formula by SciPy's F, and with resamples as repeated values."""
    rng = np.random.default_rng(8)
    codes = rng.integers(0, 4, 60)
    values = rng.normal(size=60) + np.array([0, 0.5, 1, 2])[codes]
    f = f_oneway(*(values[codes == code] for code in range(4))).statistic
    expected = 3 * (f - 1) / (3 * (f - 1) + 60)
    draws = np.concatenate([np.ones((1, 60)), draw_resamples(60, 2)])
    found = _share(values, codes, draws)
    assert found[0] == pytest.approx(expected)
    repeated = np.repeat(np.arange(60), draws[2].astype(int))
    again = _share(values[repeated], codes[repeated], np.ones((1, 60)))
    assert found[2] == pytest.approx(again[0])
    unrelated = [_share(rng.normal(size=60), codes, np.ones((1, 60)))[0] for _ in range(50)]
    assert np.mean(unrelated) < 0.05


def test_the_choice_that_matters_is_named(shipped: str):
    """That of sampling, whose means are those of the runs."""
    page = section(shipped, "Which design choice")
    mine = page[page.index("**denoise at r64c16") : page.index("**inpaint at r64c16")]
    assert re.search(r"^`sampling` accounts for \d+% of the variance ", mine, re.MULTILINE)
    runs = pq.read_table(ROOT / "data" / "runs.parquet").to_pandas()
    of = runs[(runs["task"] == "denoise") & (runs["fidelity"] == "r64c16") & (runs["seed"] == 0)]
    best = of.pivot_table(
        index="arch_id", columns="image", values="best_psnr_smooth_db", observed=True
    )
    means = (best - best.mean()).mean(axis=1)
    architectures = pq.read_table(ROOT / "data" / "architectures.parquet").to_pandas()
    kinds = architectures.set_index("arch_id")["sampling"][means.index]
    for kind, group in means.groupby(np.array(kinds, str)):
        [mean] = re.findall(rf"\| {kind} \| (\S+)(?: \[.*\])? \| n = {len(group)} \|", mine)
        assert mean == f"{group.mean():+.2f}"


def test_runs_that_were_cut_are_counted(shipped: str):
    runs = pq.read_table(ROOT / "data" / "runs.parquet").to_pandas()
    mine = runs[(runs["task"] == "inpaint") & (runs["fidelity"] == "r64c16")]
    by_image = mine.groupby("image", observed=True)["best_at_end"].mean()
    assert (
        f"; {by_image.mean():.0%} of them have their best in the last 2 % of the budget, "
        f"of those on {by_image.idxmax()} {by_image.max():.0%}: more"
    ) in shipped
    bench = NASDIPBench(ROOT / "data")
    assert _cut(bench, bench.runs.block("inpaint", "r64c16"), "final_psnr_smooth_db") == ""


def test_seeds_that_contradict_are_not_called_agreement(tmp_path):
    """At inpaint odd seeds turn the ranking over."""
    page = page_of(tmp_path, count=30, fidelities=(LOW,), tasks=("inpaint",))
    assert "| -1.00 [-1.00, -1.00] | +0.00 |" in section(page, "How noisy is a run?")
    assert "Nothing in this release is what the printed values are of" in page
    assert "Figure 1 (inpaint)" in page
    assert "attainable given" not in page


def test_too_little_is_said_to_be_too_little(tmp_path):
    page = page_of(tmp_path, count=4, fidelities=(LOW,), tasks=("denoise",), seeds={LOW: (0,)})
    assert "No image has enough architectures with run and score: not compared." in page
    assert "Not made (k 10 must be a whole number from 1 to n = 4" in page
    assert "No two seeds share enough runs" in page
    assert "No score of this release has two scoring initialisations" in page
    assert "No task has runs at two fidelities" in page
    assert "Overlap: not computed (k 10" in page
    assert "needs two seeds with runs in common; not measured" in page
    assert "No image has 5 architectures with a run and a score" in page


def test_small_n_is_cautioned_and_partial_coverage_named(tmp_path):
    missing = {(LOW, "denoise", 7, image, seed) for image in synthetic.IMAGES for seed in (0, 1)}
    missing |= {(LOW, "denoise", a, "chest", 0) for a in range(9)}  # fewer than the top asks for
    page = page_of(
        tmp_path, count=12, fidelities=(LOW,), tasks=("denoise",), missing=missing,
        diverged={(LOW, "denoise", 2, "boat", 0)},
    )  # fmt: skip
    assert "runs (partial)" in page
    assert "the intervals are too narrow" in page


def test_an_image_is_compared_with_its_own_seeds(tmp_path, monkeypatch):
    """Each by its own count: two that agree with themselves do not speak for the third."""
    shared = np.array([[9.0, 5, 5], [5, 8, 5], [5, 5, 4]])
    monkeypatch.setattr(
        "nasdip_bench.api.findings.comparison.across_seeds",
        lambda *_: AcrossSeeds(shared, 12, 1.0),
    )
    page = page_of(tmp_path, count=12, fidelities=(LOW,), tasks=("denoise",))
    assert "The former is larger for 2 of 3 images (sign test, p = 1," in page


def test_sizes_claim_no_direction_and_passes_are_paid(tmp_path):
    path = synthetic.write_release(
        tmp_path / "data", count=30, fidelities=(LOW,), tasks=("denoise",)
    )
    page = section(findings_page(NASDIPBench(path)), "Which score is worth")
    claiming = re.findall(r"^\| `\S+` \| (?:lower|higher) \|", page, re.MULTILINE)
    assert f"of the {len(claiming)} scores that claim a direction" in page
    assert re.search(r"^\| `\S+` \| lower\? \|", page, re.MULTILINE)


def test_other_images_are_not_compared(tmp_path):
    page = page_of(
        tmp_path, count=20, fidelities=(LOW,), tasks=("denoise",), image_set="user",
        images={"a*b|c": "user", "d": "user"},
    )  # fmt: skip
    assert "Nothing in this release is what the printed values are of" in page
    assert "in print" not in page
    assert "a*b" not in page.replace("a\\*b", "")


def test_published_ranges(tmp_path):
    """By formula boat's best is 20 + (a // 2) / 10 dB at denoise: below the published 26.5."""
    low, high = paper_values()["figure4"]["ranges"]["boat"][0]
    page = page_of(tmp_path, count=12, fidelities=("r512",), tasks=("denoise",))
    said = section(page, "PSNR at the paper's fidelity")
    assert f"| denoise at r512, boat | 0 | 20.0..20.5 | {low}..{high} | 12 of 12 |" in said
    assert "24 lie outside the published range." in said
    assert "lena" not in said


def test_mistakes(tmp_path, monkeypatch, capsys):
    path = synthetic.write_release(tmp_path / "d", count=3, fidelities=(LOW,))
    with pytest.raises(UnknownNameError, match="target of a ranking 'psnr'"):
        findings_page(NASDIPBench(path), "psnr")
    out = tmp_path / "f.md"
    command = ["nasdip-bench", "findings", "--data", str(path), "--out", str(out)]
    monkeypatch.setattr(sys, "argv", command)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 0
    assert out.read_text().startswith("# Findings\n")
    assert "written:" in capsys.readouterr().out


def test_it_needs_no_torch_and_is_the_same_each_time(tmp_path):
    path = synthetic.write_release(tmp_path / "d", count=20, fidelities=(LOW,))
    code = (
        "import sys\nfrom nasdip_bench import NASDIPBench\n"
        "from nasdip_bench.api import findings_page\n"
        f"print(findings_page(NASDIPBench({str(path)!r})), end='')\n"
        "assert 'torch' not in sys.modules\n"
    )
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == findings_page(NASDIPBench(path))
