"""Tables of the engines' results: training steps, memory, scoring, whole builds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import geometric_mean
from typing import Any

BASELINE = "research"


def tables(results: dict[str, Any]) -> str:
    """All tables of one results file."""
    parts = [_machine(results)]
    if results.get("cut"):
        parts.append(f"Cut short by the time limit: {', '.join(results['cut'])}.")
    on_cuda = "memory" not in results and any(r.get("peak_bytes") for r in results["training"])
    for name, (title, content) in SECTIONS.items():
        if results.get(name) or (name == "peaks" and on_cuda):
            parts += [title, content(results)]
    return "\n\n".join(parts)


def _machine(results: dict[str, Any]) -> str:
    machine, rates = results["machine"], results["ceilings"]
    measured = ", ".join(
        f"{name.removeprefix('flops_')} {rate / 1e9:.0f} GFLOP/s"
        for name, rate in rates.items()
        if name.startswith("flops_")
    )
    # The instructions that torch uses matter more for a CPU's rates than its name.
    used = f" with {machine['instructions']}" if machine.get("instructions") else ""
    return (
        f"{machine['device']}{used}, {machine['cores']} cores, {machine['threads']} threads; "
        f"torch {machine['torch']}, Python {machine['python']}; {machine['date']}, commit "
        f"`{machine['commit']}`. Measured ceilings, the better of a matrix product and a 3 x 3 "
        f"convolution: {measured}; copy {rates['bytes'] / 1e9:.0f} GB/s."
    )


def _scoring(results: dict[str, Any]) -> str:
    rates = (
        f"{row['networks_per_second']:.2f} untrained networks a second at {row['size']}"
        for row in results["scoring"]
    )
    return "; ".join(rates) + " (one image, all scores, one initialisation a network)."


def _training(rows: list[dict[str, Any]], rates: dict[str, float] | None) -> str:
    body = []
    for key in _unique((r["size"], r["channels"], r["stack"], r["task"]) for r in rows):
        mine = [r for r in rows if (r["size"], r["channels"], r["stack"], r["task"]) == key]
        size, channels, stack, task = key
        for name in _unique(name for r in mine for name in r["seconds"]):
            having = [r for r in mine if {name, BASELINE} <= r["seconds"].keys()]
            if not having:
                continue
            times = [r["seconds"][name] for r in having]
            ratios = [r["seconds"][BASELINE] / r["seconds"][name] for r in having]
            total = sum(r["flop"] for r in having) / sum(times)
            cells = [
                f"{size} x {size}, {channels} ch, {task}" + (f", stack {stack}" * (stack > 1)),
                name,
                str(len(having)),
                f"{1e3 * geometric_mean(times):.1f}",
                _range(ratios),
                f"{total / 1e9:.0f}",
            ]
            if rates is not None:
                cells.append(f"{_roofline(having, name, rates):.2f}")
            body.append(cells)
    head = ["setting", "variant", "architectures", "ms an iteration", "times the research loop"]
    head += ["GFLOP/s"] + ["of the roofline"] * (rates is not None)
    return table(head, body)


def _roofline(rows: list[dict[str, Any]], name: str, rates: dict[str, float]) -> float:
    """Floor divided by measured time. The floor is the plain network's products at the measured
    rate, plus Adam's bytes at that of a copy. An engine with fewer operations can exceed one."""
    precision = next((word for word in name.split() if word in ("tf32", "bf16")), "fp32")
    rate = rates[f"flops_{precision}"]
    floors = [r["flop"] / rate + r["adam_bytes"] / rates["bytes"] for r in rows]
    return sum(floors) / sum(r["seconds"][name] for r in rows)


def _range(ratios: Sequence[float]) -> str:
    return f"{geometric_mean(ratios):.2f} ({min(ratios):.2f}..{max(ratios):.2f})"


def _memory(results: dict[str, Any]) -> str:
    return _peak_table(
        {(r["variant"], f"{r['size']} x {r['size']}"): r["peak_bytes"] for r in results["memory"]}
    )


def _peaks(results: dict[str, Any]) -> str:
    """The highest peak of each setting and variant."""
    peaks: dict[tuple[str, str], int] = {}
    for row in results["training"]:
        setting = f"{row['size']} x {row['size']}, stack {row['stack']}"
        for name, peak in (row.get("peak_bytes") or {}).items():
            peaks[name, setting] = max(peaks.get((name, setting), 0), peak or 0)
    return _peak_table(peaks)


def _peak_table(peaks: Mapping[tuple[str, str], int | None]) -> str:
    """Peaks in bytes by variant and setting, as a row per variant."""
    settings = _unique(setting for _, setting in peaks)
    body = []
    for name in _unique(name for name, _ in peaks):
        found = [peaks.get((name, setting)) for setting in settings]
        body.append([name, *(f"{peak / 2**30:.2f} GiB" if peak else "–" for peak in found)])
    return table(["variant", *settings], body)


def _projections(results: dict[str, Any]) -> str:
    body = [
        [
            row["fidelity"] + (f", stack {row['stack']}" if row.get("stack", 1) > 1 else ""),
            row["variant"],
            str(row["architectures"]),
            f"{row['flop']:.2g}",
            f"{row['hours']:,.0f} ({row['low']:,.0f}..{row['high']:,.0f})",
        ]
        for row in results["projections"]
    ]
    return table(["fidelity", "variant", "architectures", "FLOP", "hours"], body)


SECTIONS = {
    "training": (
        "**Training steps** (geometric means over the architectures; ratios to the research loop "
        "measured beside it)",
        lambda results: _training(results["training"], results["ceilings"]),
    ),
    "narrow": (
        "**r64c16, one thread** (a stack's time is that of each of its runs)",
        lambda results: _training(results["narrow"], None),
    ),
    "memory": (
        "**Peak memory** of the architecture with the most operations, whole process",
        _memory,
    ),
    "peaks": ("**Peak memory** on the device, the highest of the architectures", _peaks),
    "scoring": ("**Scoring**", _scoring),
    "projections": (
        "**Whole builds**: 522 architectures x 10 images, both tasks, one seed, one process at a "
        "time on this device; interval over resamples of the architectures",
        _projections,
    ),
}
"""By section of the results: its heading, and the function that makes its table."""


def _unique(values: Iterable[Any]) -> list[Any]:
    return list(dict.fromkeys(values))


def table(head: list[str], body: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *body]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)
