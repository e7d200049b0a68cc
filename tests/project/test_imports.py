"""The dependency rule: the domain imports neither reader nor builder, and readers never torch."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from itertools import product
from pathlib import Path

from tests.modules import MODULES, ROOT, module_of

FORBIDDEN = {
    "nasdip_bench": ("nasdip_bench.builder", "nasdip_bench.api"),
    "builder": ("nasdip_bench.api",),
    "api": ("nasdip_bench.builder",),
}
# The lazy re-export of the top-level name is the one stated exception.
EXCEPTIONS = {("__init__.py", "nasdip_bench.api")}
PATHS = [path for paths in MODULES.values() for path in paths]


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


def _circles(edges: dict[str, set[str]]) -> list[str]:
    """Nodes that can be reached from themselves."""
    reached = {node: set(targets) for node, targets in edges.items()}
    for middle in reached:
        for targets in reached.values():
            if middle in targets:
                targets |= reached[middle]
    return sorted(node for node, targets in reached.items() if node in targets)


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
                edges.setdefault(other, set())
    return edges


def test_no_module_imports_itself_by_way_of_others():
    assert _circles(_graph(lambda name: name)) == []


def test_no_package_imports_itself_by_way_of_others():
    packages = {module_of(path) for path in PATHS if path.name == "__init__.py"}

    def room(name: str) -> str:
        """The package that a module is in; those of the roots are rooms of their own."""
        package = name if name in packages else name.rpartition(".")[0]
        roots = ("nasdip_bench", "nasdip_bench.api", "nasdip_bench.builder")
        return name if package in roots else package

    assert _circles(_graph(room)) == []


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


def test_what_needs_no_torch_does_not_import_it():
    code = f"""
import importlib, sys
for modules, on_use in {STAGES!r}:
    for name in modules.split():
        importlib.import_module(name)
    print(modules, *{{'torch', *on_use.split()}} & {{*sys.modules}}, sep=", ")
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd="/"
    )
    assert done.stdout.splitlines() == [modules for modules, _ in STAGES]


def test_only_our_own_packages_are_installed():
    code = "import importlib.util as u; print([n for n in ('api', 'builder') if u.find_spec(n)])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd="/"
    )
    assert done.stdout.strip() == "[]"
