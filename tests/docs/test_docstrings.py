"""The examples in docstrings run, and everything public of the API has one."""

from __future__ import annotations

import doctest
import importlib
import inspect
from types import ModuleType

import numpy as np
import pytest

import nasdip_bench.api
from nasdip_bench import NASDIPBench
from tests.modules import MODULES, ROOT, module_of

WITH_EXAMPLES = [
    module_of(path)
    for paths in MODULES.values()
    for path in paths
    if ">>> " in path.read_text("utf-8")
]


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_the_examples_run(name: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(ROOT)  # where data/ is
    module: ModuleType = importlib.import_module(name)
    known = {"NASDIPBench": NASDIPBench, "np": np} | vars(module)
    options = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    runner, said = doctest.DocTestRunner(verbose=False, optionflags=options), []
    for test in doctest.DocTestFinder().find(module, extraglobs=known):
        runner.run(test, out=said.append, clear_globs=False)
    assert runner.tries
    assert not said, "".join(said)


LONG = {"compare", "replay_figure", "write_paper"}
LONG |= {"figure2", "figure2_images"}
"""Functions of which an example takes many seconds, or needs the images: the pages show them."""


def test_everything_public_has_an_example():
    public = [NASDIPBench]
    for holder in (NASDIPBench, nasdip_bench.api):
        functions = inspect.getmembers(holder, inspect.isfunction)
        public += [function for name, function in functions if name[0] != "_"]
    assert len(public) > 50
    without = [one.__name__ for one in public if ">>> " not in (inspect.getdoc(one) or "")]
    assert sorted(without) == sorted(LONG)
