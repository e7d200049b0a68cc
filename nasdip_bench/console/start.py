"""Entry points of the installed commands; Ctrl-C while modules load ends them without a traceback.

Commands are named as text, since the domain imports neither `api` nor `builder`.
"""

from __future__ import annotations

import signal
from importlib import import_module


def bench() -> None:
    """``nasdip-bench``."""
    _start("nasdip_bench.api.cli")


def build() -> None:
    """``nasdip-build``."""
    _start("nasdip_bench.builder.cli")


def restore() -> None:
    """``nasdip-restore``."""
    _start("nasdip_bench.isnas.cli")


def _start(module: str) -> None:
    # Loading takes tenths of a second, in which nothing catches Python's exception for the signal.
    # If the shell had the signal ignored, it stays ignored.
    python = signal.getsignal(signal.SIGINT)
    if python is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    main = import_module(module).main
    signal.signal(signal.SIGINT, python)
    main()
