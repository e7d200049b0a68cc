"""Rows of results: a setting, and its times for the variants, measured in turn."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import Any

from stopwatch import Setting, Stopwatch

from nasdip_bench.space import Architecture
from nasdip_bench.space.cost import architecture_cost

LARGE_SIZE = 512
"""From this size on, a CPU runs one variant after the other instead of all in turn: a step takes up
to some 20 seconds and 8 GB."""

Rows = Iterator[dict[str, Any]]

ADAM_BYTES = 28
"""Per parameter and step: weight, gradient and two moments read; weight and moments written."""


def start(
    names: Sequence[str], options: argparse.Namespace, processes: ExitStack
) -> dict[str, Stopwatch]:
    return {
        name: processes.enter_context(Stopwatch(name, options.device, options.threads))
        for name in names
    }


def steps(settings: Sequence[Setting], names: Sequence[str], options: argparse.Namespace) -> Rows:
    """One row per setting, all variants in turn; large ones one after the other."""
    with ExitStack() as processes:
        clocks: dict[str, Stopwatch] = {}
        for setting in settings:
            if options.device == "cpu" and setting.size >= LARGE_SIZE:
                parts = []
                for name in names:
                    with ExitStack() as alone:
                        clock = start([name], options, alone)
                        parts.append(_in_turn(setting, clock, [name], options))
                taken = {name: part[name] for name, part in zip(names, parts, strict=True)}
                yield _row(setting, taken)
            else:
                clocks = clocks or start(names, options, processes)
                yield timed(setting, clocks, names, options)


def timed(
    setting: Setting,
    clocks: dict[str, Stopwatch],
    names: Sequence[str],
    options: argparse.Namespace,
) -> dict[str, Any]:
    return _row(setting, _in_turn(setting, clocks, names, options))


def _in_turn(
    setting: Setting,
    clocks: dict[str, Stopwatch],
    names: Sequence[str],
    options: argparse.Namespace,
) -> dict[str, list[dict[str, Any]]]:
    taken: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    for _ in range(options.rounds):
        for name, before in taken.items():
            if not options.over() and not any(answer["error"] for answer in before):
                before.append(clocks[name].time(setting, options.seconds))
    return taken


def _row(setting: Setting, taken: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    arch = Architecture.parse(setting.architecture)
    cost = architecture_cost(arch, 1, 1, setting.channels)
    row: dict[str, Any] = {
        **vars(setting),
        "flop": 3 * cost.forward_flops(setting.size, setting.size),
        "adam_bytes": ADAM_BYTES * cost.parameters,
        "seconds": {},
        "spread": {},
        "start_seconds": {},
        "peak_bytes": {},
        "errors": {},
    }
    for name, measurements in taken.items():
        whole = [m for m in measurements if not m["error"]]
        if whole:
            times = [m["seconds_per_iteration"] for m in whole]
            row["seconds"][name] = min(times)
            row["spread"][name] = max(times) / min(times) - 1
            row["start_seconds"][name] = whole[-1]["start_seconds"]
            row["peak_bytes"][name] = whole[-1]["peak_bytes"]
        for answer in measurements:
            if answer["error"]:
                row["errors"][name] = answer["error"]
    _say(row)
    return row


def _say(row: dict[str, Any]) -> None:
    times = ", ".join(f"{name} {1e3 * s:.2f}" for name, s in row["seconds"].items())
    errors = "".join(f"; {name}: {what}" for name, what in row["errors"].items())
    print(
        f"{row['size']} {row['channels']} x{row['stack']} {row['task']} {row['architecture']}: "
        f"{times} ms{errors}",
        file=sys.stderr,
    )
