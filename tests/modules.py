"""The modules of the package by file, for the tests that look at all of them."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LAYERS = ("nasdip_bench", "builder", "api")
MODULES = {layer: sorted((ROOT / layer).rglob("*.py")) for layer in LAYERS}
"""By the folder that they are in, which is not always the package."""


def module_of(path: Path) -> str:
    """The name of a module by its file."""
    parts = [*path.relative_to(ROOT).with_suffix("").parts]
    parts = parts[:-1] if parts[-1] == "__init__" else parts
    return ".".join(parts if parts[0] == "nasdip_bench" else ["nasdip_bench", *parts])
