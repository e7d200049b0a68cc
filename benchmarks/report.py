"""Write the tables of benchmarks/RESULTS.md from the kept results."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from levers import LEVERS

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "benchmarks" / "RESULTS.md"
RESULTS = ROOT / "benchmarks" / "results"

BASELINE = "research"


def main() -> None:
    PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


def with_tables(page: str) -> str:
    """The page with the part between each pair of markers renewed from its results file."""

    def filled(match: re.Match[str]) -> str:
        file = RESULTS / f"{match['name']}.json"
        if not file.exists():
            content = "Not measured yet: no figures are given."
        else:
            results = json.loads(file.read_text(encoding="utf-8"))
            kinds = {
                "api": _api,
                "comparison": _comparison,
                "curves": _curves,
                "recording": _recording,
                "surrogate": _surrogate,
            }
            kind = next((kinds[key] for key in kinds if key in results), tables)
            content = kind(results)
        return f"<!-- {match['name']} -->\n\n{content}\n\n<!-- end -->"

    return re.sub(r"<!-- (?P<name>\w+) -->.*?<!-- end -->", filled, page, flags=re.DOTALL)


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


def _training_steps(results: dict[str, Any]) -> str:
    return _training(results["training"], results["ceilings"])


def _narrow(results: dict[str, Any]) -> str:
    return _training(results["narrow"], None)


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
                f"{geometric_mean(ratios):.2f} ({min(ratios):.2f}..{max(ratios):.2f})",
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


def _levers(results: dict[str, Any]) -> str:
    rows = results["levers"]
    sizes = _unique(r["size"] for r in rows)
    body = []
    # Kept results can name levers that the engine no longer has.
    for name in _unique(name for r in rows for name in r["seconds"] if name in LEVERS):
        mine = [r for r in rows if {name, "fast"} <= r["seconds"].keys()]
        having = _unique(r["having"] for r in mine if "having" in r)
        cells = [name, *(map(str, having) if having else ["–"])]
        for size in sizes:
            ratios = [r["seconds"][name] / r["seconds"]["fast"] for r in mine if r["size"] == size]
            cells.append(_range(ratios) if ratios else "–")
        body.append(cells)
    head = ["without", "architectures that have it", *(f"{size} x {size}" for size in sizes)]
    return table(head, body)


def _range(ratios: Sequence[float]) -> str:
    return f"{geometric_mean(ratios):.2f} ({min(ratios):.2f}..{max(ratios):.2f}) of {len(ratios)}"


def _memory(results: dict[str, Any]) -> str:
    rows = results["memory"]
    sizes = _unique(r["size"] for r in rows)
    body = []
    for name in _unique(r["variant"] for r in rows):
        by_size = {r["size"]: r["peak_bytes"] for r in rows if r["variant"] == name}
        body.append([name, *(_gibibytes(by_size.get(size)) for size in sizes)])
    return table(["variant", *(f"{size} x {size}" for size in sizes)], body)


def _peaks(results: dict[str, Any]) -> str:
    """The highest peak of each setting and variant."""
    rows = [r for r in results["training"] if r.get("peak_bytes")]
    settings = _unique((r["size"], r["stack"]) for r in rows)
    body = []
    for name in _unique(name for r in rows for name in r["peak_bytes"]):
        cells = [name]
        for setting in settings:
            mine = [r for r in rows if (r["size"], r["stack"]) == setting]
            peaks = [r["peak_bytes"][name] for r in mine if r["peak_bytes"].get(name)]
            cells.append(_gibibytes(max(peaks, default=None)))
        body.append(cells)
    return table(["variant", *(f"{size} x {size}, stack {n}" for size, n in settings)], body)


def _gibibytes(count: int | None) -> str:
    return "–" if count is None else f"{count / 2**30:.2f} GiB"


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
        _training_steps,
    ),
    "narrow": ("**r64c16, one thread** (a stack's time is that of each of its runs)", _narrow),
    "levers": (
        "**Levers**: the time of a step relative to the fast engine, each line without one lever; "
        "on architectures that have it, where their number of the 522 is stated",
        _levers,
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


def _api(results: dict[str, Any]) -> str:
    machine = results["machine"]
    body = []
    for row in results["api"]:
        keys = ("measured", "slowest", "target", "floor")
        cells = [_quantity(row[key], row["unit"]) for key in keys]
        body.append([row["name"], *cells])
    return (
        f"{machine['device']}, Python {machine['python']}, numpy {machine['numpy']}; "
        f"{machine['date']}, commit `{machine['commit']}`. All are measured in turn, "
        f"{results['bursts']} times over: the best of {results['rounds']} rounds a time, of all "
        "times and of the slowest.\n\n"
        + table(["what", "measured", "slowest time", "target", "plain array"], body)
    )


def _comparison(results: dict[str, Any]) -> str:
    found = results["comparison"]
    base, _, other = (precision[0] for precision in found["precisions"])
    names = {"seed": f"{base}, another seed", "precision": f"{other}, the same seed"}
    body = []
    for target, rows in found["targets"].items():
        for what, row in rows.items():
            tau, mean = row["tau"], f"{row['mean_db']:+.3f} ± {row['mean_error_db']:.3f}"
            taus = f"{sum(tau) / len(tau):.2f} ({min(tau):.2f}..{max(tau):.2f})"
            body.append([target, names[what], mean, f"{row['rms_db']:.3f}", taus])
    head = ["target", f"against {base}", "mean difference, dB", "rms, dB", "tau by image"]
    return (
        f"{found['runs']} runs of {found['task']} at {found['fidelity']}: "
        f"{found['architectures']} architectures on all images. Differences to {base} with seed "
        f"{found['seeds'][0][0]}; the mean with its standard error; tau between the two rankings "
        "of the architectures, its mean over images and range.\n\n" + table(head, body)
    )


def _curves(results: dict[str, Any]) -> str:
    sizes, errors = [], []
    for row in results["curves"]:
        what = f"{row['fidelity']} {row['task']}"
        kept = row["bytes_kept"] / row["runs"]
        sizes.append(
            [
                what,
                f"{row['runs']} ({row['architectures']})",
                f"{row['iterations']}, {row['kept']}",
                *(f"{row[name] / row['runs']:.0f}" for name in ("bytes_float32", "bytes_full")),
                f"{kept:.0f} ({kept * row['runs'] / row['bytes_full']:.0%})",
            ]
        )
        for kind in ("psnr", "psnr_smooth"):
            of = row[kind]
            errors.append(
                [
                    f"{what}, `{kind}`",
                    f"{of['kept_max']:.5f}",
                    f"{of['between_rms']:.4f}, {of['between_99']:.4f}, {of['between_max']:.4f}",
                    f"{of['best_mean']:.4f}, {of['best_max']:.4f}",
                    str(of["best_iteration_max"]),
                    f"{of['stop_max']:.5f}",
                ]
            )
    head = ["curves of", "runs (architectures)", "points, kept", "bytes a run: float32"]
    head += ["all points, coded", "as shipped (of all)"]
    columns = ["error in dB of", "kept points", "interpolated: rms, 99 %, largest"]
    columns += ["best read off: mean, largest", "its iteration", "at the stop"]
    return f"{table(head, sizes)}\n\n{table(columns, errors)}"


def _recording(results: dict[str, Any]) -> str:
    body = [
        [
            row["architecture"].partition("-")[0],
            row["task"],
            *(f"{1e3 * row[name]:.2f}" for name in ("step_seconds", "recording_seconds")),
            f"{row['recording_seconds'] / row['step_seconds']:.1%}",
        ]
        for row in results["recording"]
    ]
    head = ["cell", "task", "step, ms", "recording, ms", "share"]
    said = f"Median {results['share']:.1%}, at most {results['worst']:.1%} of a step."
    return f"{said}\n\n{table(head, body)}"


def _surrogate(results: dict[str, Any]) -> str:
    more = ("rms_true_db", "r2", "covered", "attainable_within")
    body = [
        [
            row["task"],
            row["target"].partition("_")[0],
            row["by"],
            str(row["n"]),
            *(f"{row[name]:.2f}" for name in ("tau", "within", "rms_db")),
            *(f"{row[name]:.2f}" if name in row else "" for name in more),
        ]
        for row in results["surrogate"]
    ]
    head = ["task", "target", "by", "n", "tau", "within one sampling", "error, dB", "without noise"]
    head += ["R²", f"in the {results['level']:.0%} interval", "within, attainable"]
    return f"Release {results['release']}.\n\n{table(head, body)}"


def _quantity(value: float | None, unit: str) -> str:
    if value is None:
        return ""
    scales = (
        ((1e6, "MB"), (1e3, "kB"), (1, "B"))
        if unit == "B"
        else ((1, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))
    )
    for scale, name in scales:
        if abs(value) >= scale:
            return f"{value / scale:.3g} {name}"
    return f"{value:.3g} {unit}"


def geometric_mean(values: Sequence[float]) -> float:
    return math.exp(sum(map(math.log, values)) / len(values))


def _unique(values: Iterable[Any]) -> list[Any]:
    return list(dict.fromkeys(values))


def table(head: list[str], body: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *body]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


if __name__ == "__main__":
    main()
