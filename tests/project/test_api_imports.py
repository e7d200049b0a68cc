"""What using the API imports, each in a fresh interpreter: never torch, the rest only on use."""

from __future__ import annotations

import ast
import re
import subprocess
import sys

import pytest

import nasdip_bench
import nasdip_bench.api
import nasdip_bench.errors
from tests import synthetic
from tests.synthetic import LOW

LIBRARIES = ("torch", "pandas", "scipy", "h5py", "pyarrow", "matplotlib", "skimage", "PIL")
LIBRARIES += ("pyarrow.compute",)  # a quarter of the time to the first query
LIBRARIES += ("optuna", "ConfigSpace", "syne_tune")
LIBRARIES += tuple(f"nasdip_bench.api.adapters.{a}" for a in ("optuna", "configspace", "synetune"))
FRAMES = {"pyarrow", "pyarrow.compute", "pandas"}
SEARCH = """
from nasdip_bench.api import run_search
sim = bench.simulator('lena', 'denoise', held_out=True)
run_search(sim, 'evolution')
sim.test()
run_search(bench.simulator('lena', 'denoise'), 'isnas')
"""
NAMES = "BudgetExhaustedError, CostModel, MissingRunError, NASBench201API, compare, run_search"
QUERIES = """
bench.query(0, 'lena', 'denoise')
bench.query(str(bench[1]), 'boat', 'inpaint', seed=0)
bench.scores(0, 'lena', 'denoise')
"""
CURVES = """
bench.curve(0, 'lena', 'denoise')
bench.query(0, 'lena', 'denoise', iteration=5)
"""
TABLES = """
from nasdip_bench.api import figure1
bench.coverage()
bench.overlap('denoise', k=2)
figure1(bench, k=2).text()
"""
STATISTICS = """
from nasdip_bench.api import table1
bench.kendall('denoise')
table1(bench).text()
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("imports") / "data"
    path = synthetic.write_release(folder, count=4, fidelities=(LOW,))
    return synthetic.add_distances(path, LOW, "denoise")


def imported_by(code: str) -> set[str]:
    tell = f"import sys; print(sorted(set(sys.modules) & set({LIBRARIES!r})))"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{tell}"], capture_output=True, text=True, check=True
    )
    return set(ast.literal_eval(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize(
    ("code", "needed"),
    [
        (f"from nasdip_bench.api import {NAMES}", set()),
        (QUERIES, {"pyarrow"}),
        (SEARCH, {"pyarrow", "pyarrow.compute", "h5py", "PIL"}),
        (CURVES, {"pyarrow", "h5py"}),
        ("bench.to_frame('runs')", FRAMES),
        (TABLES, FRAMES),
        (STATISTICS, FRAMES | {"scipy"}),
    ],
)
def test_libraries_are_imported_on_use_and_torch_never(data, code, needed):
    opened = f"from nasdip_bench import NASDIPBench\nbench = NASDIPBench({str(data)!r})\n{code}"
    assert imported_by(opened) <= needed


def test_importing_the_api_imports_none_of_them():
    assert imported_by("import nasdip_bench.api, nasdip_bench.api.benchmark") == set()
    assert imported_by("import nasdip_bench.api.cli") == set()


def test_the_name_at_the_root_is_lazy_and_listed():
    from nasdip_bench.api.benchmark import NASDIPBench

    assert nasdip_bench.NASDIPBench is nasdip_bench.api.NASDIPBench is NASDIPBench
    assert "NASDIPBench" in dir(nasdip_bench)
    public = [name for name in vars(nasdip_bench.api) if name[0].isupper()]
    assert {"NASDIPBench", "RunRecord", "CostModel", "NASBench201API"} <= {*public}
    assert nasdip_bench.api.MissingRunError is nasdip_bench.errors.MissingRunError
    for module in (nasdip_bench, nasdip_bench.api):
        with pytest.raises(AttributeError, match="has no attribute 'Nothing'"):
            module.Nothing  # noqa: B018


def test_the_dictionary_names_every_public_member(data):
    from nasdip_bench.api.benchmark import NASDIPBench

    said = set(re.findall(r"\w+", nasdip_bench.api.__doc__))
    public = {name for name in dir(NASDIPBench(data)) if not name.startswith("_")}
    assert public - said == set()
