"""What README, data card and data dictionary say of the data is what the data are."""

from __future__ import annotations

from pathlib import Path

import pytest

from nasdip_bench import NASDIPBench
from tests import synthetic
from tests.tools import release_facts
from tests.tools.pages import with_block
from tests.tools.write_docs import FINDINGS, PAGES

LOW = "r64c16i40"


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if page != FINDINGS],
    ids=lambda page: page.parent.name + "/" + page.name,
)
def test_pages_agree_with_the_data(page: Path):
    text = page.read_text(encoding="utf-8")
    assert text == PAGES[page](text), "run `make docs`"


@pytest.fixture(scope="module")
def bench(tmp_path_factory) -> NASDIPBench:
    """Two fidelities; at the lower one architecture 3 is missing on lena, 1 diverged, 2 failed."""
    return NASDIPBench(
        synthetic.write_release(
            tmp_path_factory.mktemp("facts") / "data",
            count=4,
            fidelities=("r64", LOW),
            tasks=("denoise",),
            missing={(LOW, "denoise", 3, "lena", 0)},
            diverged={(LOW, "denoise", 1, "lena", 0)},
            failed={(LOW, "denoise", 2, "lena", 0)},
            unscored={0},
        )
    )


def cells(text: str) -> list[list[str]]:
    return [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in text.splitlines()
        if line.startswith("|")
    ][2:]


def test_the_table_of_the_readme(bench):
    rows = dict(cells(release_facts.readme_rows(bench)))
    assert rows["architectures"].startswith("4 are described")
    assert rows["images"] == "lena, chest, boat; substitutes for the paper's: chest"
    assert rows["`denoise` at r64"] == (
        "of 12 runs there are 12 with seed 0 (4 architectures), 12 with seed 1 (4 architectures), "
        "all ok; 600 iterations, stop at 350; scores of 3 architectures"
    )
    assert ", 9 ok, 1 diverged, 1 failed; 40 iterations, stop at 40" in rows[f"`denoise` at {LOW}"]
    assert rows["size, version"].endswith("release 1, protocol 2")


def test_coverage_in_the_card(bench):
    text = release_facts.card_release(bench)
    assert cells(text) == [
        ["r64 (64 x 64, 128 channels)", "denoise", "0", "4 of 4",
         "12", "0", "0", "0", "complete", "3"],
        ["r64 (64 x 64, 128 channels)", "denoise", "1", "4 of 4",
         "12", "0", "0", "0", "complete", "3"],
        [f"{LOW} (64 x 64, 16 channels)", "denoise", "0", "4 of 4",
         "9", "1", "1", "1", "partial", "3"],
    ]  # fmt: skip
    assert f"no seed is complete for denoise at {LOW}." in text


def test_a_complete_release_is_not_called_partial(tmp_path):
    bench = NASDIPBench(synthetic.small(tmp_path / "d", count=3))
    assert "artial" not in release_facts.card_release(bench)


def test_limits_and_training(bench):
    # By formula, the best of 600 iterations lies at 150 and after.
    assert cells(release_facts.card_limits(bench)) == [
        ["r64", "denoise", "0% of 24", "lena 0% to lena 0%"],
        [LOW, "denoise", "0% of 9", "lena 0% to lena 0%"],
    ]
    first = cells(release_facts.card_training(bench))[0]
    assert first == ["r64", "denoise", "0", "formula", "fp32", "formula", "1", "0", "12", "0.04"]
    assert [row[1] for row in cells(release_facts.card_images(bench))] == [
        "original", "substitute", "original",
    ]  # fmt: skip


def test_blocks():
    page = "a\n<!-- x -->\nold\n<!-- /x -->\nb"
    assert with_block(page, "x", "new \\1") == "a\n<!-- x -->\nnew \\1\n<!-- /x -->\nb"
    with pytest.raises(AssertionError, match="0 blocks called y"):
        with_block(page, "y", "")
