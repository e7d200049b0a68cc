"""data/FINDINGS.md: its text says what its tables say, and these are the data's."""

from __future__ import annotations

import re
from functools import partial

import numpy as np
import pytest
from scipy.stats import f_oneway

from nasdip_bench import NASDIPBench
from tests import synthetic
from tests.tools import findings, findings_text
from tests.tools.findings_text import SCORE, STOPPED, TASKS
from tests.tools.pages import with_block
from tests.tools.write_docs import DATA, FINDINGS

PAGE = FINDINGS.read_text(encoding="utf-8")
LOW = "r64c16i40"
rows = partial(findings_text.rows, PAGE)


@pytest.mark.parametrize(
    "make",
    [
        # Searches are repeated a hundred times, predictors are fitted a thousand times.
        pytest.param(
            one,
            marks=[pytest.mark.slow] if one in (findings.searches, findings.predictors) else [],
        )
        for one in findings.TABLES
    ],
    ids=lambda one: one.__name__,
)
def test_tables_are_of_the_data(make):
    found = findings.table_of(make, NASDIPBench(DATA))
    assert with_block(PAGE, make.__name__, found) == PAGE, "run `make docs`"


def test_the_text_says_what_the_tables_say():
    numbers = findings_text.numbers(PAGE)
    assert findings_text.with_numbers(PAGE, numbers) == PAGE, "run `make docs`"
    hidden = {words: ["#"] * len(values) for words, values in numbers.items()}
    text = findings_text.text_of(findings_text.with_numbers(PAGE, hidden))
    assert re.findall(r"\d", text) == []
    assert len(text.split()) <= 360


def test_numbers_are_found_by_their_words():
    page = "## What they say so far\n\nIt has\n1.5 of 3.\n\n## Then\n1.5 of 3.\n"
    words = r"has (\S+) of (\d+)\."
    other = "## What they say so far\n\nIt has\n22 of 4.\n\n## Then\n1.5 of 3.\n"
    assert findings_text.with_numbers(page, {words: ["22", "4"]}) == other
    for wrong in ({words: ["22"]}, {r"had (\d+)": ["1"]}):
        with pytest.raises(ValueError, match="times; the numbers are"):
            findings_text.with_numbers(page, wrong)


def test_what_the_text_concludes_without_a_number():
    for task in TASKS:
        shares = {row[1]: float(row[2].split()[0]) for row in rows("attributes", task)}
        assert max(shares, key=shares.get) == "`sampling`"
        assert shares["`sampling`"] > 0.5
        practical = {row[1] for row in rows("paper") if "ground_truth" not in row[1]}
        taus = {row[1]: row[2:4] for row in rows("taus", task) if row[1] in practical}
        over_all, within = (
            {key: abs(float(cells[place].split()[0])) for key, cells in taus.items()}
            for place in (0, 1)
        )
        assert max(over_all, key=over_all.get) == SCORE
        assert max(within.values()) < 0.2
        leads = {row[1]: row[3] for row in rows("trivial", task) if "[" in row[3]}
        assert max(interval(lead)[1] for name, lead in leads.items() if "/" in name) < 0
        assert rows("predictors", task, "`ntk_low_pass/none`", "0")  # the best score
        [ten] = rows("predictors", task, "`sampling mean`", "10")
        assert interval(ten[4])[0] > 0  # its lead over the best score
        ends = [interval(cell_text) for cell_text in rows("gain", task, STOPPED)[0][4:6]]
        assert ends[0][0] >= 0  # the image matters; rounded
        assert ends[1][0] < 0 < ends[1][1]  # choosing by it is not shown to pay
    ends = [row[5] for task in TASKS for row in rows("searches", task) if "[" in row[5]]
    assert max(interval(one)[0] for one in ends) < 0  # none measurably beats transfer
    fifty = [round(float(row[3])) for row in rows("searches") if row[1] == "random"]
    assert fifty == [50, 50]
    lost = {row[1]: float(row[4].split()[0]) for row in rows("stops", "inpaint")}
    assert min(lost.values()) == lost["`last`"]


def interval(text: str) -> tuple[float, float]:
    low, high = re.search(r"\[(\S+), (\S+)\]", text).groups()
    return float(low), float(high)


def test_no_machine_is_mentioned():
    assert not re.search(r"\b(AMD|Intel|CPU|GPU|seconds?|core)\b", PAGE)


# The tables, by formulas


def test_share_of_the_variance():
    """Against the textbook's formula by SciPy's F."""
    rng = np.random.default_rng(8)
    codes = rng.integers(0, 4, 60)
    values = rng.normal(size=60) + np.array([0, 0.5, 1, 2])[codes]
    f = f_oneway(*(values[codes == code] for code in range(4))).statistic
    assert findings.omega_squared(values, codes) == pytest.approx(3 * (f - 1) / (3 * (f - 1) + 60))
    unrelated = [findings.omega_squared(rng.normal(size=60), codes) for _ in range(50)]
    assert np.mean(unrelated) < 0.05
    assert np.isnan(findings.omega_squared(values[:1], codes[:1]))


def test_tables_of_a_release_that_is_known_by_formula(tmp_path):
    """At inpaint odd seeds turn the ranking over; a rule is 0.05 dB later than the one before."""
    path = synthetic.write_release(tmp_path / "d", count=20, fidelities=("r64", LOW))
    bench = NASDIPBench(path)

    def made(make) -> str:
        return findings.table_of(make, bench)

    assert "| inpaint | 0, 1 | -1.00 [-1.00, -1.00] | +0.00 |" in made(findings.seeds)
    assert "| denoise | `psd_db_mse/corrupted` | " in made(findings.taus)
    assert "psd_99_bandwidth" not in made(findings.taus)  # the same for all
    expected = "| denoise | r64 and r64c16i40 | +1.00 [+1.00, +1.00] | 20 |"
    assert expected in made(findings.fidelities)
    assert "| denoise | `last` | given |  | 4.48 [" in made(findings.stops)
