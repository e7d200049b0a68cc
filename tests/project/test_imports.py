"""Which module imports which: the one-way rule, no circles, and libraries only where needed."""

from __future__ import annotations

import ast
import graphlib
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from itertools import product
from pathlib import Path

import pytest

import nasdip_bench
import nasdip_bench.api
import nasdip_bench.errors
from nasdip_bench.api.benchmark import NASDIPBench
from tests import synthetic
from tests.modules import MODULES, ROOT, module_of

FORBIDDEN = {
    "nasdip_bench": ("nasdip_bench.builder", "nasdip_bench.api"),
    "builder": ("nasdip_bench.api",),
    "api": ("nasdip_bench.builder",),
}
# The lazy re-export of the top-level name is the one stated exception.
EXCEPTIONS = {("__init__.py", "nasdip_bench.api")}
PATHS = [path for paths in MODULES.values() for path in paths]
PACKAGES = {module_of(path) for path in PATHS if path.name == "__init__.py"}


def room_of(name: str) -> str:
    """Inside what imports are relative: api, builder, or a sub-package of the domain."""
    return ".".join(name.split(".")[:2])


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def loaded(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes that run when a module is imported: none for types, none in functions."""
    yield node
    for inside in ast.iter_child_nodes(node):
        of_types = isinstance(inside, ast.If) and "TYPE_CHECKING" in ast.unparse(inside.test)
        if not of_types and not isinstance(inside, ast.FunctionDef | ast.Lambda):
            yield from loaded(inside)


@cache
def imported(path: Path, nodes: Callable[[ast.AST], Iterable[ast.AST]] = ast.walk) -> set[str]:
    """Absolute names of the modules, and of what is in them, that a file imports."""
    names: set[str] = set()
    package = module_of(path).split(".")
    package = package if path.name == "__init__.py" else package[:-1]
    for node in nodes(parsed(path)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *filter(None, [node.module])])
            names.add(module)
            names.update(f"{module}.{alias.name}" for alias in node.names)
    return names


def test_imports_go_one_way():
    assert len(PATHS) > 150
    for layer, paths in MODULES.items():
        for path, forbidden in product(paths, FORBIDDEN[layer]):
            for name in imported(path):
                inside = name == forbidden or name.startswith(forbidden + ".")
                assert not inside or (path.name, forbidden) in EXCEPTIONS, f"{path} imports {name}"


def test_imports_are_relative_inside_a_room_and_absolute_between_rooms():
    for path in PATHS:
        name = module_of(path)
        inside = (ROOT / "nasdip_bench") not in path.parents or path.parent.name != "nasdip_bench"
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.ImportFrom):
                if node.level:
                    depth = len(name.split(".")) - (path.name != "__init__.py") - node.level + 1
                    assert depth >= 2, f"{path}:{node.lineno} leaves its room"
                elif inside:
                    to = room_of(node.module or "")
                    assert to != room_of(name), f"{path}:{node.lineno} imports {node.module}"


def _graph(node_of) -> dict[str, set[str]]:
    """Which node imports which, imports for types and inside functions included.

    The root package, which re-exports a name of `api` lazily, is no node.
    """
    modules = {module_of(path): path for path in PATHS}
    edges: dict[str, set[str]] = {}
    for name, path in modules.items():
        for target in imported(path):
            while target not in modules and "." in target:
                target = target.rpartition(".")[0]
            one, other = node_of(name), node_of(target)
            if target in modules and one != other and "nasdip_bench" not in (one, other):
                edges.setdefault(one, set()).add(other)
    return edges


def room(name: str) -> str:
    """The package that a module is in; modules of the three roots are rooms of their own."""
    package = name if name in PACKAGES else name.rpartition(".")[0]
    roots = ("nasdip_bench", "nasdip_bench.api", "nasdip_bench.builder")
    return name if package in roots else package


@pytest.mark.parametrize("node_of", [str, room])
def test_nothing_imports_itself_by_way_of_others(node_of):
    graphlib.TopologicalSorter(_graph(node_of)).prepare()


TORCH = {
    "nasdip_bench": (
        "fit", "isnas.config", "isnas.estimate", "isnas.folder", "isnas.results", "isnas.search",
        "isnas.training", "network", "proxies.passes", "proxies.scoring",
    ),
    "nasdip_bench.builder": (
        "engines.rows", "engines.worker", "experiments.restore", "experiments.run", "recompute.run",
        "work.build", "work.dry_run", "work.speed",
    ),
}  # fmt: skip
"""The packages and modules that import torch when they are imported."""


def test_only_what_trains_imports_torch():
    """At module level, by itself or by way of others."""
    edges = {}
    for path in PATHS:
        parts = [name.split(".") for name in imported(path, loaded)]
        edges[module_of(path)] = {".".join(p[:n]) for p in parts for n in range(1, len(p) + 1)}
    heavy, more = set(), {"torch"}
    while more:
        heavy |= more
        more = {name for name, others in edges.items() if others & heavy} - heavy
    assert "nasdip_bench.isnas.search" in heavy
    allowed = tuple(f"{root}.{name}." for root, names in TORCH.items() for name in names)
    assert [name for name in sorted(heavy - {"torch"}) if not f"{name}.".startswith(allowed)] == []


STAGES = (
    ("nasdip_bench", "pandas scipy h5py matplotlib skimage"),
    ("nasdip_bench.images.download", "skimage pooch"),
    ("nasdip_bench.proxies nasdip_bench.proxies.spectrum", "scipy"),
    ("nasdip_bench.dataset nasdip_bench.space nasdip_bench.tasks nasdip_bench.fidelity", ""),
    ("nasdip_bench.isnas nasdip_bench.api.replay.curve nasdip_bench.experiments", ""),
    ("nasdip_bench.builder.cli nasdip_bench.builder.folder.build_folder", ""),
    ("nasdip_bench.builder.experiments.folder", ""),
)
"""Modules, one after the other, and what else than torch they import where it is used."""


def run_fresh(code: str) -> list[str]:
    """The lines that code prints in an interpreter that has imported nothing yet."""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd="/"
    )
    return done.stdout.splitlines()


def test_what_needs_no_torch_does_not_import_it():
    code = f"""
import importlib, sys
for modules, on_use in {STAGES!r}:
    for name in modules.split():
        importlib.import_module(name)
    print(modules, *{{'torch', *on_use.split()}} & {{*sys.modules}}, sep=", ")
"""
    assert run_fresh(code) == [modules for modules, _ in STAGES]


def test_only_our_own_packages_are_installed():
    code = "import importlib.util as u; print([n for n in ('api', 'builder') if u.find_spec(n)])"
    assert run_fresh(code) == ["[]"]


# What using the API imports: never torch, the rest only on use

LIBRARIES = ("torch", "pandas", "scipy", "h5py", "pyarrow", "matplotlib", "skimage", "PIL")
LIBRARIES += ("pyarrow.compute",)  # a quarter of the time to the first query
LIBRARIES += ("optuna", "ConfigSpace", "syne_tune")
LIBRARIES += tuple(f"nasdip_bench.api.adapters.{a}" for a in ("optuna", "configspace", "synetune"))
FRAMES = {"pyarrow", "pyarrow.compute", "pandas"}
USES = {
    """
from nasdip_bench.api import BudgetExhaustedError, CostModel, MissingRunError, NASBench201API
from nasdip_bench.api import compare, run_search
""": set(),
    """
bench.query(0, 'lena', 'denoise')
bench.query(str(bench[1]), 'boat', 'inpaint', seed=0)
bench.scores(0, 'lena', 'denoise')
""": {"pyarrow"},
    """
from nasdip_bench.api import run_search
sim = bench.simulator('lena', 'denoise', held_out=True)
run_search(sim, 'evolution')
sim.test()
run_search(bench.simulator('lena', 'denoise'), 'isnas')
""": {"pyarrow", "pyarrow.compute", "h5py", "PIL"},
    """
bench.curve(0, 'lena', 'denoise')
bench.query(0, 'lena', 'denoise', iteration=5)
""": {"pyarrow", "h5py"},
    """
from nasdip_bench.api import figure1
bench.to_frame('runs')
bench.coverage()
bench.overlap('denoise', k=2)
figure1(bench, k=2).text()
""": FRAMES,
    """
from nasdip_bench.api import table1
bench.kendall('denoise')
table1(bench).text()
""": FRAMES | {"scipy"},
}
"""Code, and what of `LIBRARIES` it may import."""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("imports") / "data"
    synthetic.write_release(folder, count=4, fidelities=(synthetic.LOW,))
    return synthetic.add_distances(folder, synthetic.LOW, "denoise")


def imported_by(code: str) -> set[str]:
    tell = f"import sys; print(*set(sys.modules) & set({LIBRARIES!r}))"
    return set(run_fresh(f"{code}\n{tell}")[-1].split())


@pytest.mark.parametrize("code", USES)
def test_libraries_are_imported_on_use_and_torch_never(data: Path, code: str):
    opened = f"from nasdip_bench import NASDIPBench\nbench = NASDIPBench({str(data)!r})\n{code}"
    assert imported_by(opened) <= USES[code]


def test_importing_the_api_imports_none_of_them():
    modules = ("nasdip_bench.api", "nasdip_bench.api.benchmark", "nasdip_bench.api.cli")
    assert imported_by(f"import {', '.join(modules)}") == set()


def test_the_name_at_the_root_is_lazy_and_listed():
    assert nasdip_bench.NASDIPBench is nasdip_bench.api.NASDIPBench is NASDIPBench
    assert "NASDIPBench" in dir(nasdip_bench)
    assert nasdip_bench.api.MissingRunError is nasdip_bench.errors.MissingRunError
    for module in (nasdip_bench, nasdip_bench.api):
        with pytest.raises(AttributeError, match="has no attribute 'Nothing'"):
            module.Nothing  # noqa: B018


def test_the_dictionary_names_every_public_member(data: Path):
    said = set(re.findall(r"\w+", nasdip_bench.api.__doc__))
    public = {name for name in dir(NASDIPBench(data)) if not name.startswith("_")}
    assert public - said == set()
