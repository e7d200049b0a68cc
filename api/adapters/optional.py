"""Import of a library that is an extra, with the way to install it in the error."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from nasdip_bench.errors import MissingDependencyError

__all__ = ["require"]


def require(module: str, extra: str) -> Any:
    """The module.

    Args:
        module: its name.
        extra: of this package, that installs it.

    Raises:
        MissingDependencyError: it is not installed.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise MissingDependencyError(
            f"{module} is not installed, which this adapter needs: "
            f"pip install 'nasdip-bench[{extra}]'"
        ) from error
