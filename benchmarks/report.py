"""Write the tables of benchmarks/RESULTS.md from the kept results."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from engine_tables import table, tables

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "benchmarks" / "RESULTS.md"
RESULTS = ROOT / "benchmarks" / "results"


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
            content = next((KINDS[key] for key in KINDS if key in results), tables)(results)
        return f"<!-- {match['name']} -->\n\n{content}\n\n<!-- end -->"

    return re.sub(r"<!-- (?P<name>\w+) -->.*?<!-- end -->", filled, page, flags=re.DOTALL)


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


KINDS = {
    "api": _api,
    "comparison": _comparison,
    "surrogate": _surrogate,
}
"""By a key of the results: the function that makes their tables; else they are the engines'."""


if __name__ == "__main__":
    main()
