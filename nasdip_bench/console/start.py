"""Where the installed commands start: Ctrl-C while modules load ends them without a traceback.

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
    # Loading takes tenths of a second, in which nobody catches what Python makes of the signal. A
    # shell may have had it ignored: that stays.
    python = signal.getsignal(signal.SIGINT)
    if python is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    main = import_module(module).main
    signal.signal(signal.SIGINT, python)
    main()
