"""The fidelity table."""

from __future__ import annotations

import pytest

from nasdip_bench.errors import ConfigError, UnknownNameError
from nasdip_bench.fidelity import FIDELITIES, get_fidelity


def test_the_papers_fidelity():
    paper = get_fidelity("r512")
    assert (paper.resolution, paper.channels) == (512, 128)
    assert dict(paper.iterations) == {"denoise": 1200, "inpaint": 9500, "super_resolve": 4500}
    assert paper.stop == paper.iterations


def test_stops_lie_within_the_budgets():
    for fidelity in FIDELITIES.values():
        assert fidelity.base == fidelity.name
        assert set(fidelity.stop) == set(fidelity.iterations)
        for kind, iterations in fidelity.iterations.items():
            assert 1 <= fidelity.stop[kind] <= iterations


def test_a_shortened_fidelity_says_so():
    short = get_fidelity("r64c16").shortened(100)
    assert short.name == "r64c16i100"
    assert short == get_fidelity("r64c16i100")
    assert short.base == "r64c16"
    assert set(short.iterations.values()) == set(short.stop.values()) == {100}
    assert short.shortened(50).name == "r64c16i50"


@pytest.mark.parametrize("name", ["r63", "r64i", "r64i0", "r63i10", "R64"])
def test_an_unknown_fidelity_is_named(name):
    with pytest.raises(UnknownNameError, match=f"unknown fidelity '{name}'"):
        get_fidelity(name)


def test_what_a_fidelity_does_not_have_is_refused():
    with pytest.raises(ConfigError, match=r"r64 has no task 'super_resolve'.*with it: r512"):
        get_fidelity("r64").iterations_for("super_resolve")
    with pytest.raises(ConfigError, match="iterations 0 must be a whole number from 1 to"):
        get_fidelity("r64").shortened(0)
