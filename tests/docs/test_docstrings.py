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
from tests.conftest import ROOT

FOLDERS = {
    "nasdip_bench": "nasdip_bench",
    "api": "nasdip_bench.api",
    "builder": "nasdip_bench.builder",
}


def modules() -> list[str]:
    """Names of the modules with examples."""
    found = []
    for folder, package in FOLDERS.items():
        for path in sorted((ROOT / folder).rglob("*.py")):
            if ">>> " in path.read_text("utf-8"):
                parts = path.relative_to(ROOT / folder).with_suffix("").parts
                found.append(".".join([package, *(p for p in parts if p != "__init__")]))
    return found


@pytest.mark.parametrize("name", modules())
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


def test_everything_public_has_an_example():
    methods = inspect.getmembers(NASDIPBench, inspect.isfunction)
    public = [
        nasdip_bench.api.NASDIPBench,
        *(function for name, function in methods if name[0] != "_"),
    ]
    assert [one.__name__ for one in public if ">>> " not in (inspect.getdoc(one) or "")] == []
