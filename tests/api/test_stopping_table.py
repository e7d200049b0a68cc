"""What stopping rules give away, on a synthetic release; from files alone: `test_from_files`."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

from nasdip_bench.api import stopping_figure
from nasdip_bench.api.statistics.stopping.stopped import ORACLE
from nasdip_bench.api.statistics.tau_frame import MEAN
from nasdip_bench.errors import ConfigError, UnknownNameError
from nasdip_bench.stopping import Fixed, Last, StoppingRule
from tests import synthetic

TASK, FIDELITY, BUDGET = "denoise", "r64", 600
COUNT = 12


def lost_by_rule(kind: str = "denoise") -> dict[tuple[str, str], float]:
    """What rule number j gives away, of every run: it stops 5 j iterations behind the peak."""
    return {rule: 0.05 * j for j, rule in enumerate(synthetic.recorded(kind))}


def test_recorded_rules_lose_what_the_formula_says(bench):
    table, lost = bench.stopping_table(TASK), lost_by_rule()
    parameters = "tau=0.75,sigma=estimate"
    for image in (*bench.images, MEAN):
        found = table.loc[f"discrepancy({parameters})", image]
        for column in ("lost_db", "low", "high", "lost_p95_db"):
            assert found[column] == pytest.approx(lost["discrepancy", parameters], abs=1e-3)
        assert (found["parameters"], found["never"]) == (parameters, 0)
        assert found["trained"] == found["iteration"]
        assert found["n"] == 2 * COUNT * (1 if image != MEAN else len(bench.images))


def test_a_family_is_judged_by_the_parameters_that_are_best_elsewhere(bench):
    table, lost = bench.stopping_table(TASK), lost_by_rule()
    best = min((v, p) for (n, p), v in lost.items() if n == "neighbour")
    for image in (*bench.images, MEAN):
        assert table.loc[("neighbour", image), "parameters"] == best[1]
        assert table.loc[("neighbour", image), "lost_db"] == pytest.approx(best[0], abs=1e-3)
    assert set(table.loc[ORACLE, "lost_db"]) == {0}
    peaks = np.array([BUDGET // 4 + a % 5 for a in range(COUNT)])
    last = table.loc["last"]
    np.testing.assert_allclose(last["lost_db"], np.mean(BUDGET - peaks) / 100, atol=1e-6)
    assert set(last["never"]) == {1}
    kept = bench.curves(TASK).iterations
    of_each = np.abs(kept[:, None] - peaks).mean(axis=1) / 100
    np.testing.assert_allclose(table.loc["fixed", "lost_db"], of_each.min(), atol=1e-6)
    assert table.loc[("fixed", MEAN), "iteration"] == kept[of_each.argmin()]
    stop = table.loc[("fixed(iteration=350)", MEAN)]
    assert stop["lost_db"] == pytest.approx(np.mean(350 - peaks) / 100, abs=1e-6)
    assert stop["ssim"] == pytest.approx(stop["psnr_db"] / 50, abs=1e-4)


def test_rules_of_ones_own_see_the_kept_points(bench):
    @dataclass(frozen=True)
    class Least(StoppingRule):
        """The highest smoothed loss in dB: the curve of the formula, shifted."""

        patience: int = 100
        name = "least"
        needs = ("loss_smooth",)

        def begin(self, fits):
            best, at = np.full(len(fits), -np.inf), np.zeros(len(fits))

            def look(iteration, seen):
                better = seen["loss_smooth"] > best
                best[better], at[better] = seen["loss_smooth"][better], iteration
                return better, iteration - at >= self.patience

            return look

    rules = {"mine": [Least(1), Least(100)], "another": ["fixed(iteration=20)"]}
    table = bench.stopping_table(TASK, rules=rules, images="lena")
    found = table.loc["mine", "lena"]
    peaks = np.array([BUDGET // 4 + a % 5 for a in range(COUNT)])
    kept = bench.curves(TASK).iterations
    nearest = np.abs(kept[:, None] - peaks).min(axis=0) / 100
    assert found["lost_db"] == pytest.approx(nearest.mean(), abs=1e-2)
    assert found["never"] == 0
    assert table.loc[("another", "lena"), "iteration"] == 20
    assert [*table.loc["mine"].index] == ["lena", MEAN]
    one = bench.stopping_table(TASK, rules=[Fixed(20)], images="lena")
    given = one.loc[("fixed(iteration=20)", "lena"), "lost_db"]
    assert given == table.loc[("another", "lena"), "lost_db"]


@dataclass(frozen=True)
class Misspelt(Last):
    needs = ("loss_smoth",)


@dataclass(frozen=True)
class Silent(Last):
    def begin(self, fits):
        return lambda iteration, seen: None


def test_what_cannot_be_asked_says_so(bench):
    for rules, error, message in (
        (["discrepancy(tau=0)"], ConfigError, "tau 0"),
        (["soon"], UnknownNameError, "unknown stopping rule 'soon'"),
        ({"none": []}, ConfigError, "rule 'none' has no candidates"),
        (3, ConfigError, "rules 3 must be a stopping rule or several"),
        ({"own": [Last]}, ConfigError, "'own': .*Last.* is not a stopping rule"),
        (Misspelt(), UnknownNameError, "unknown observable 'loss_smoth'"),
        ({"silent": Silent()}, ConfigError, "answered None: return two arrays"),
    ):
        with pytest.raises(error, match=message):
            bench.stopping_table(TASK, rules=rules)
    with pytest.raises(ConfigError, match="there is no noise to compare with"):
        bench.stopping_table("inpaint", rules="discrepancy")


def test_how_parameters_were_chosen_is_said(bench):
    table = bench.stopping_table(TASK, rules={"one": [Fixed(9)], "two": [Fixed(9), Fixed(10)]})
    choice = table.xs(MEAN, level="image")["choice"].to_dict()
    assert {name for name, how in choice.items() if how == "published"} == {
        "es-wmv(window=100,patience=1000,delivers=output)",
        "es-emv(patience=1000,burn_in=101,delivers=output)",
    }
    given = {"fixed(iteration=350)", "last", "discrepancy(tau=0.75,sigma=estimate)", "one"}
    assert {name for name, how in choice.items() if how == "given"} == given
    assert {choice[name] for name in ("fixed", "neighbour", "es-wmv", "two")} == {"cross-fitted"}
    assert choice[ORACLE] == "oracle"
    with pytest.raises(ConfigError, match="rule 'last' is already in the table"):
        bench.stopping_table(TASK, rules="last")


def test_a_choice_on_the_only_image_is_called_that(small):
    figure = stopping_figure(small(images={"lena": "original"}), TASK, resamples=0)
    assert set(figure.means()["choice"]) == {"in-sample", "given", "published"}
    assert "parameters chosen on the only image" in figure.lines().values()
    assert "In-sample: there is no other image" in figure.text()


# The figure


def test_the_figure_says_what_it_shows(bench):
    figure = stopping_figure(bench, TASK, rules={"mine": [Fixed(20)]}, resamples=30)
    text = figure.text()
    assert "fidelity r64 (64x64, 128 channels, 600 iterations); seeds 0, 1" in text
    assert "The mean over 3 images with its 95 % interval" in text
    assert f"n = {2 * COUNT * 3} runs" in text
    lost = [float(line[5].split()[0]) for line in figure.body()]
    assert lost == sorted(lost)
    assert ORACLE not in figure.means().index
    row = figure.frame.loc["mine", MEAN]
    mine = next(line for line in figure.body() if line[0] == "mine")
    assert mine[1:4] == ["iteration=20 (given)", "20", "20"]
    assert f"{row['lost_db']:.2f} ({row['low']:.2f}..{row['high']:.2f})" in text
    [panel] = figure.panels()
    assert panel.texts == [line[5] for line in figure.body()]
    of_mine = panel.points[[*figure.lines()].index("mine")]
    assert of_mine.tolist() == figure.frame.loc["mine", "lost_db"].drop(MEAN).tolist()
    read = pd.read_csv(io.StringIO(figure.csv()), index_col=["rule", "image"])
    pd.testing.assert_frame_equal(
        read[["lost_db", "low", "high"]], figure.frame[["lost_db", "low", "high"]]
    )
    assert (read["fidelity"] == FIDELITY).all()


def test_what_has_no_meaning_for_a_task_is_said(bench):
    figure = stopping_figure(bench, "inpaint", images="lena", resamples=0)
    assert "No discrepancy: there is no noise to compare with" in figure.text()
    assert "discrepancy" not in " ".join(figure.means().index)
    assert "The mean over lena; dots" in figure.text()  # without intervals


def test_stops_on_kept_points_are_near_those_of_whole_curves(shipped):
    found = shipped.kept_point_agreement("denoise")
    assert (found.loc["discrepancy", "agree"] >= 0.95).all()  # loss_smooth is smooth
    assert (found["difference_db"] >= 0).all()
    assert found["n"].min() > 0
