"""data/FINDINGS.md: its prose says what its tables say, and these are the data's."""

from __future__ import annotations

import re

import numpy as np
import pytest
from scipy.stats import f_oneway

from nasdip_bench import NASDIPBench
from tests import synthetic
from tests.tools import findings
from tests.tools.pages import with_block
from tests.tools.write_docs import DATA, FINDINGS

PAGE = FINDINGS.read_text(encoding="utf-8")
PROSE = re.search(r"^## What they say so far\n(.*?)^## ", PAGE, re.DOTALL | re.MULTILINE)[1]
LOW = "r64c16i40"
SCORE = "`psd_db_strip_mse/corrupted`"
STOPPED = "`stopped_psnr_smooth_db`"
ESTIMATED = ("discrepancy(sigma=estimate)", "neighbour", "fixed")
TASKS = ("denoise", "inpaint")


def rows(name: str, *start: str, page: str = PAGE) -> list[list[str]]:
    """The rows of a table whose first cells are these."""
    block = re.search(rf"<!-- {name} -->(.*?)<!-- /{name} -->", page, re.DOTALL)[1]
    cells = [line[2:-2].split(" | ") for line in block.splitlines() if line.startswith("| ")][1:]
    return [row for row in cells if row[: len(start)] == list(start)]


def cell(column: int, name: str, *start: str) -> str:
    """The number of a cell, without its interval."""
    [found] = rows(name, *start)
    return found[column].split()[0]


def of_tasks(column: int, name: str, *start: str) -> list[str]:
    return [cell(column, name, task, *start) for task in TASKS]


def percent(share: str) -> str:
    return f"{100 * float(share):.0f}"


def claims() -> dict[str, list[str]]:
    """What the prose says, a number a group, and these numbers as the tables have them."""
    basis = rows("basis")
    counts = [row[5].split(" of ") for row in basis]
    having = sorted((count for count, _ in counts), key=int)
    sampling = [rows("attributes", task, "`sampling`")[0] for task in TASKS]
    scored = [*of_tasks(2, "taus", SCORE), *of_tasks(3, "taus", SCORE)]
    choosing = [of_tasks(column, "choosing", SCORE) for column in (3, 4, 5, 6)]
    agreeing = sum(float(row[2].split()[0]) * float(row[3]) > 0 for row in rows("paper"))
    raw = [
        [
            [row[3].split()[0], row[4].split()[0]]
            for row in rows("beginnings", task)
            if row[2] == "raw"
        ]
        for task in TASKS
    ]
    lost = {rule: cell(4, "stops", "denoise", f"`{rule}`") for rule in ESTIMATED}
    return {
        r"Seed 0 covers all (\d+) architectures, seed 1 the first (\d+) and (\d+),": [
            having[-1],
            *of_tasks(6, "gain", STOPPED),
        ],
        r"at (\d+ x \d+) pixels and (\d+) ch": basis[0][2].split(", "),
        r"explains (\d+) % and (\d+) % of the variance": [
            percent(r[2].split()[0]) for r in sampling
        ],
        r"shuffle is (\S+) and (\S+) dB below": [
            re.search(r"pixel_shuffle -(\S+)", row[4])[1] for row in sampling
        ],
        r"All (\d+) have the paper's sign": [str(agreeing)] * (agreeing == len(rows("paper"))),
        r"has tau (\S+) and (\S+), but (\S+) and (\S+) within one kind": scored,
        r"seeds agree with (\S+) and (\S+) there": of_tasks(4, "seeds"),
        r"ranks a network with tau (\S+) and (\S+):": of_tasks(
            3, "predictors", "`sampling mean`", "10"
        ),
        r"(\S+) and (\S+) over the best score": of_tasks(4, "predictors", "`sampling mean`", "10"),
        r"other images, it has (\S+) and (\S+)\.": of_tasks(2, "trivial", "`sampling mean`"),
        r"on (200) networks reaches (\S+) and (\S+)\.": [
            "200",
            *of_tasks(5, "predictors", "`ridge`", "200"),
        ],
        r"number of parameters has (\S+) and (\S+)\.": of_tasks(3, "taus", "`parameters/none`"),
        r"first is (\S+) and (\S+) dB below": choosing[0],
        r"a random one (\S+) and (\S+); the": choosing[1],
        r"best of its first five (\S+) and (\S+),": choosing[2],
        r"of five random ones (\S+) and (\S+)\.": choosing[3],
        r"over fifty trainings is at (\S+) and (\S+) dB": of_tasks(5, "searches", "random"),
        r"it is (\S+) and (\S+) dB from transfer": of_tasks(5, "searches", f"isnas {SCORE[1:-1]}"),
        r"random networks (\S+) and (\S+)\.": of_tasks(5, "searches", "isnas random"),
        r"one image with tau (\S+) and (\S+),": of_tasks(2, "gain", STOPPED),
        r"two with (\S+) and (\S+)\.": of_tasks(3, "gain", STOPPED),
        r"choosing by it gains (\S+) and (\S+) dB": of_tasks(5, "gain", STOPPED),
        r"with tau (\S+) and (\S+), within one kind (\S+) and (\S+)\.": [
            raw[task][1][column] for column in (0, 1) for task in (0, 1)
        ],
        r"estimates the noise, loses (\S+) dB,": [lost["discrepancy(sigma=estimate)"]],
        r"neighbour rule (\S+),": [lost["neighbour"]],
        r"fixed stop (\S+)\.": [lost["fixed"]],
        r"end, which loses (\S+) dB": [cell(4, "stops", "inpaint", "`last`")],
    }


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


def test_the_prose_says_what_the_tables_say():
    text = " ".join(PROSE.split())
    for pattern, numbers in claims().items():
        [said] = re.finditer(pattern, text)
        assert [*said.groups()] == numbers, pattern
        text = text.replace(said[0], re.sub(r"\d", "#", said[0]))
    assert re.findall(r"\d", text.replace("`psd_db_strip_mse/corrupted`", "")) == []
    assert len(PROSE.split()) <= 360


def test_what_the_prose_concludes_without_a_number():
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
