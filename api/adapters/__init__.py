"""Adapters to the interfaces of other libraries, one module each.

`nasbench201` has the method names of NAS-Bench-201. `configspace` (extra ``configspace``) and
`optuna` (extra ``optuna``) need these libraries. `synetune` writes files for Syne Tune without it.
The API imports only `nasbench201`.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from nasdip_bench.errors import not_installed


def require(module: str, extra: str) -> Any:
    """Import an optional library.

    Args:
        module: its name.
        extra: the extra of this package that installs it.

    Raises:
        MissingDependencyError: it is not installed.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise not_installed("this adapter", module, extra) from error
