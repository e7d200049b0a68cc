"""The lists that the paper's authors published."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from nasdip_bench.errors import ConfigError
from nasdip_bench.space import (
    PAPER_ARCHITECTURES,
    PAPER_CANDIDATES,
    Architecture,
    candidate_architectures,
    paper_architectures,
    paper_lists,
    sample_architectures,
)

FOLDER = Path(paper_lists.__file__).parent


def rows(text: str) -> list[str]:
    return [line for line in text.splitlines() if re.match(r"\d", line)]


@pytest.mark.reference
@pytest.mark.parametrize("name", ["paper_architectures.csv", "paper_candidates.csv"])
def test_the_lists_are_the_authors(reference_dir: Path, name: str):
    ours = (FOLDER / name).read_text(encoding="utf-8")
    theirs = (reference_dir / name).read_text(encoding="utf-8")
    assert rows(ours) == rows(theirs)


def test_the_522_are_distinct_and_in_the_order_of_the_list():
    listed = rows((FOLDER / "paper_architectures.csv").read_text(encoding="utf-8"))
    found = paper_architectures()
    assert [f"{arch.cell},{arch.skip}" for arch in found] == listed
    assert len({*found}) == PAPER_ARCHITECTURES == 522
    assert paper_architectures(40) == found[:40]
    assert len({arch.cell for arch in found}) == 253


def test_candidates_are_those_of_the_paper_that_can_be_built():
    found = candidate_architectures()
    assert len({*found}) == len(found) == PAPER_CANDIDATES
    assert not {*found} & {*paper_architectures()}
    assert candidate_architectures(7) == found[:7]
    assert all(isinstance(arch, Architecture) for arch in found)


def test_more_candidates_than_the_paper_has_are_drawn():
    assert candidate_architectures(5000) == sample_architectures(5000, purpose="candidates")


def test_a_number_outside_a_list_is_refused():
    for count in (0, 523):
        with pytest.raises(ConfigError, match="must be a whole number from 1 to 522, the paper's"):
            paper_architectures(count)
    with pytest.raises(ConfigError, match="candidates 0 must be a whole number of at least 1"):
        candidate_architectures(0)


def test_the_licence_is_in_the_package():
    text = (FOLDER / "paper_lists.LICENSE").read_text(encoding="utf-8")
    assert "Copyright (c) 2022 Özgür Kara" in text
    assert "Permission is hereby granted" in text
