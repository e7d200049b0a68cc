"""One order of arguments in all methods of `NASDIPBench`: architecture, image, task."""

from __future__ import annotations

import inspect

import pytest

from nasdip_bench import NASDIPBench

# What a call is of comes first; values by architecture, or what draws one, in its place.
ORDER = ("name", "values", "seed", "arch", "image", "task", "score")
METHODS = {
    name: list(inspect.signature(member).parameters.values())[1:]
    for name, member in inspect.getmembers(NASDIPBench, inspect.isfunction)
    if not name.startswith("_")
}


@pytest.mark.parametrize("method", METHODS)
def test_what_a_call_is_of_comes_in_one_order_and_the_rest_by_keyword(method):
    there = METHODS[method]
    positional = [p.name for p in there if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert positional == [name for name in ORDER if name in positional]
    assert not any(p.kind in (p.VAR_POSITIONAL, p.POSITIONAL_ONLY) for p in there)
    required = [p for p in there if p.default is p.empty and p.kind is not p.VAR_KEYWORD]
    if method != "observable_arrays":  # bulk access to arrays, all by keyword but the task
        assert all(p.kind is p.POSITIONAL_OR_KEYWORD for p in required)


def test_all_methods_are_looked_at():
    assert len(METHODS) > 35
    assert {"query", "find_best", "kendall", "isnas", "simulator", "to_frame"} <= {*METHODS}
