"""What Tables 2 and 3, and Figure 5, say of themselves: set-up, spread, what is missing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from nasdip_bench.experiments.methods import parse_method

from .comparison_rows import STOPPED, RowOfSet

__all__ = ["caption", "column_head", "describe_fields", "notes"]

_SHORT = {"dip": "DIP", "nas-dip": "NAS-DIP"}


def column_head(column: str) -> tuple[str, str]:
    """The two lines at the head of a column."""
    if column == STOPPED:
        return "DIP", STOPPED
    method = parse_method(column)
    if method.name == "isnas":
        return method.score, method.selection
    if method.name in ("best-score", "oracle"):
        return method.name.replace("-", " "), method.score
    return _SHORT.get(method.name, method.name), method.selection


def caption(
    number: str,
    name: str,
    fields: Mapping[str, Any],
    seed: int,
    rows: Sequence[Mapping[str, Any]],
) -> str:
    """Set-up in a paragraph.

    Args:
        number: of the table.
        name: of the setting.
        fields: of the setting.
        seed: of the values.
        rows: the results of the setting.
    """
    devices = sorted({row["device"] for row in rows})
    compared = {
        "2": "ISNAS with four scores, selection on the image, beside DIP and NAS-DIP",
        "3": "selection on the image made small and on the image, and random candidates",
    }[number]
    return (
        f"Table {number}: {compared}. PSNR in dB of the last smoothed output of the restoration, "
        f"a fit of its own with the selected network; super-resolution of colour on luma. Setting "
        f"{name}: {describe_fields(fields)}; seed {seed}. Each row: means over the same n images "
        f"of the set. In parentheses the paper's printed values (whole images, 128 channels, 5000 "
        f"candidates, cohorts of 15, all images of a set). Trained on: {', '.join(devices)}."
    )


def describe_fields(fields: Mapping[str, Any]) -> str:
    """The fields of a setting in words."""
    crop = fields["crop"]
    part = f"the centre {crop} x {crop} of each image, not the whole" if crop else "whole images"
    wide = dict.fromkeys([fields["search_channels"], fields["channels"]])
    lengths, small = (
        ", ".join(f"{kind} {count}" for kind, count in fields[name].items())
        for name in ("iterations", "resized_iterations")
    )
    return (
        f"{part}, {' and '.join(map(str, wide))} channels, {fields['candidates']} candidates "
        f"ranked by {fields['inits']} initialisations, cohorts of {fields['cohort']}, iterations "
        f"{lengths} (of cohorts on the small image {small}), {fields['precision']}"
    )


def notes(rows: Sequence[RowOfSet]) -> Iterable[str]:
    """What readers must know of single entries, and what is missing."""
    columns = tuple(dict.fromkeys(column for row in rows for column in row.cells))
    if STOPPED in columns:
        yield (
            "† the print's values of DIP for super-resolution are oracle-stopped values taken from "
            "the NAS-DIP paper; ours beside them are final values, and the oracle-stopped ones "
            "(highest smoothed PSNR along the same fit) have a column of their own."
        )
    if any(column.startswith("oracle/") for column in columns):
        yield "oracle: of the same cohort the network of the highest PSNR; it needs the truth."
    if any(column.startswith("random/") for column in columns):
        yield (
            "random: as many candidates as a cohort has, drawn without a look at any score, their "
            "average with equal weights; what the print's random is in detail we do not know."
        )
    spreads: dict[tuple[str, tuple[int, ...]], list[float]] = {}
    for row in rows:
        for column, cell in row.cells.items():
            if cell.spread_db is not None:
                spreads.setdefault((" ".join(column_head(column)).strip(), cell.seeds), []).append(
                    cell.spread_db
                )
    for (name, seeds), found in spreads.items():
        low, high = f"{min(found):.2f}", f"{max(found):.2f}"
        yield (
            f"{name}: standard deviation of a row's mean over the seeds "
            f"{', '.join(map(str, seeds))}: {low if low == high else f'{low} to {high}'} dB."
        )
    empty = [row.label for row in rows if not _most(row)]
    if empty:
        yield f"No results: {', '.join(empty)}."
    for row in rows:
        if _most(row):
            yield from _missing(row)


def _most(row: RowOfSet) -> int:
    return max(cell.images for cell in row.cells.values())


def _missing(row: RowOfSet) -> Iterable[str]:
    """What a row lacks."""
    lacking = {c: cell.images for c, cell in row.cells.items() if cell.images < row.size}
    if lacking:
        counts = ", ".join(f"{' '.join(column_head(c)).strip()} {n}" for c, n in lacking.items())
        if len(set(lacking.values())) == 1 and len(lacking) == len(row.cells):
            counts = f"all methods {_most(row)}"
        yield f"{row.label}: results for so many of {row.size} images: {counts}."
    for status, what in row.without.items():
        yield f"{row.label}: {status}: {', '.join(what)}."
