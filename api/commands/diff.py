"""The command that shows how two datasets differ."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..diff.compare import ADDED, CHANGED, MOVED, REMOVED, Difference, compare_datasets
from ..reading.records.showing import shown

if TYPE_CHECKING:
    import pandas as pd

EXIT_DIFFERENT = 1
"""Exit status if ``diff`` finds different numbers."""

_SHOWN = 10
_RUN = ["architecture", "image", "task", "fidelity", "seed"]


def diff_command(
    first: Annotated[Path, typer.Argument(help="Folder of a dataset.")],
    second: Annotated[Path, typer.Argument(help="Folder of another dataset.")],
    as_json_: Annotated[
        bool, typer.Option("--json", help="Print JSON, with every row that differs.")
    ] = False,
) -> None:
    """Show what changed between two datasets; exit status 1 if their numbers differ.

    Runs and scores count as changed if their numbers differ. Who computed them, when and how fast
    counts as provenance and does not make two datasets different.
    """
    found = compare_datasets(first, second)
    print(json.dumps(_as_json(found)) if as_json_ else _as_text(found))
    if not found.equal:
        raise typer.Exit(EXIT_DIFFERENT)


def _as_text(found: Difference) -> str:
    import pandas as pd

    lines = []
    for _, fact in found.manifest.iterrows():
        lines.append(f"{fact['fact']}: {_fact(fact['first'])} -> {_fact(fact['second'])}")
    listed = {
        "architectures": (found.architectures, ["architecture"]),
        "images": (found.images, ["name"]),
        "corruptions": (found.corruptions, _RUN[1:]),
        "stops": (found.stops, [*_RUN, "rule", "parameters"]),
        "reruns": (found.reruns, _RUN),
    }
    for what, (frame, key) in listed.items():
        for change in (ADDED, REMOVED, CHANGED, MOVED):
            names = _names(frame[frame["change"] == change], key)
            if names:
                lines.append(f"{what} {change}: {len(names)} ({_some(names)})")
    summary = found.summary()
    if len(summary):
        texts = summary.map(lambda v: "-" if pd.isna(v) else shown(v))
        lines += ["", texts.to_string(index=False), ""]
    changed = found.runs[found.runs["change"] == CHANGED]
    other = changed[changed["status_first"] != changed["status_second"]]
    for (before, after), rows in other.groupby(["status_first", "status_second"]):
        lines.append(f"runs {before} -> {after}: {len(rows)} ({_some(_names(rows, _RUN))})")
    most = changed.nlargest(_SHOWN, "largest_db")
    if len(most):
        lines.append("changed runs, by the largest change of a PSNR in dB:")
        named = zip(_names(most, _RUN), most["largest_db"], most["columns"], strict=True)
        lines += [f"  {name}: {shown(size)} ({columns})" for name, size, columns in named]
    lines.append("the same numbers" if found.equal else "different")
    return "\n".join(lines)


def _fact(value: Any) -> str:
    return "absent" if value is None else str(value)


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")


def _names(rows: pd.DataFrame, key: list[str]) -> list[str]:
    return ["/".join(map(str, row)) for row in rows[key].itertuples(index=False)]


def _as_json(found: Difference) -> dict[str, Any]:
    frames = {**vars(found), "summary": found.summary()}
    return {
        "equal": found.equal,
        **{name: _records(frame) for name, frame in frames.items()},
    }


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows for JSON: missing values become None."""
    return frame.astype(object).where(frame.notna(), None).to_dict("records")  # type: ignore
