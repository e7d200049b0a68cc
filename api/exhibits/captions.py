"""Text that captions share: set-up, coverage, images. Must not import pandas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..reading.run_set import chosen_images

if TYPE_CHECKING:
    from ..reading.reader import ReleaseReader

SUBSTITUTE = "substitute"

_SHORT = {
    -1: ("is missing", "are missing"),
    1: ("diverged", "diverged"),
    2: ("failed", "failed"),
}  # by status code


def of_the_paper(bench: ReleaseReader) -> bool:
    """Whether the images are the paper's, so that its values can be shown next to the release's.

    True for the benchmark's images and for imported results; substitutes are marked.
    """
    return bench.manifest.image_set in ("nasdip", "released")


def image_statuses(bench: ReleaseReader) -> dict[str, str]:
    """The status of each image in images.parquet, by name: "original", "substitute" ..."""
    table = bench.to_arrow("images")
    return dict(zip(table["name"].to_pylist(), table["status"].to_pylist(), strict=True))


def image_marks(bench: ReleaseReader) -> tuple[dict[str, str], list[str]]:
    """The mark of each image, and the notes that explain the marks."""
    statuses = image_statuses(bench)
    if not of_the_paper(bench):
        return dict.fromkeys(statuses, ""), [
            f"The images are from the set {bench.manifest.image_set!r}, not the paper's; the "
            f"paper's values do not apply."
        ]
    marks = {name: "*" if status == SUBSTITUTE else "" for name, status in statuses.items()}
    marked = [name for name, mark in marks.items() if mark]
    if not marked:
        return marks, []
    return marks, [
        f"* substitute image: the paper's own was not identified or not found, so its values may "
        f"differ from the paper's ({', '.join(marked)})."
    ]


def quantity(target: str) -> str:
    """What a column of runs.parquet measures, as text.

    Example:
        >>> quantity("best_psnr_smooth_db"), quantity("last_ssim_smooth"), quantity("seconds")
        ('PSNR', 'SSIM', 'seconds')
    """
    return next((name for name in ("PSNR", "SSIM") if f"_{name.lower()}_" in target), target)


def sentences(*parts: str) -> str:
    """Join the non-empty parts into a paragraph.

    Example:
        >>> sentences("Figure 1.", "", "Seed 0.")
        'Figure 1. Seed 0.'
    """
    return " ".join(filter(None, parts))


def setting(bench: ReleaseReader, facts: Mapping[str, Any]) -> str:
    """The target and the `setup`, as text.

    Args:
        facts: ``attrs`` of a frame of `nasdip_bench.api.statistics`.
    """
    oracle = facts["target"].startswith("best_")
    said = f"Target {facts['target']}{' (an oracle: it needs the ground truth)' if oracle else ''}"
    return f"{said}; {setup(bench, facts)}"


def setup(bench: ReleaseReader, facts: Mapping[str, Any]) -> str:
    """Fidelity and seeds, as text; same arguments as `setting`."""
    at = bench.manifest.fidelities[facts["fidelity"]]
    record = bench.manifest.task(facts["fidelity"], facts["task"])
    length = f", {record.iterations} iterations" if record else ""
    seeds = ", ".join(map(str, facts["seeds"]))
    one = len(facts["seeds"]) == 1
    return (
        f"fidelity {facts['fidelity']} ({at['resolution']}x{at['resolution']}, {at['channels']} "
        f"channels{length}); seed{'' if one else 's'} {seeds}"
        f"{'' if one else ' (computed per seed, then averaged)'}"
    )


def setting_and_n(bench: ReleaseReader, facts: Mapping[str, Any], counts: Sequence[int]) -> str:
    """`setting` and the number of architectures, as text."""
    return f"{setting(bench, facts)}; n = {span(counts)} of {len(bench)} architectures."


def shortfall(
    bench: ReleaseReader, facts: Mapping[str, Any], images: str | Sequence[str] | None = None
) -> str:
    """How many runs of the release are missing or have no result, as text; "" if none.

    Args:
        facts: as in `setting`.
        images: one or several names; None for all.
    """
    block, chosen = bench.runs.block(facts["task"], facts["fidelity"]), chosen_images(bench, images)
    expected = len(bench) * len(chosen) * len(facts["seeds"])
    statuses = [block.statuses(seed)[:, chosen] for seed in facts["seeds"]]
    parts: list[str] = []
    for code, (one, several) in _SHORT.items():
        count = sum(int((of_seed == code).sum()) for of_seed in statuses)
        if count:
            of_all = "" if parts else f" of {expected:,} runs"
            parts.append(f"{count:,}{of_all} {one if count == 1 else several}")
    return f"{', '.join(parts)}." if parts else ""


def undefined(facts: Mapping[str, Any], shown: set[str]) -> list[str]:
    """A note for each reason why a shown score ("proxy/reference") has no tau."""
    absent = sorted(shown - set(facts["n"]))
    notes = [f"-- : the release has no score {', '.join(absent)}."] if absent else []
    by_reason: dict[str, list[str]] = {}
    for key, images in facts["reasons"].items():
        for image, reason in images.items():
            if key in shown:
                by_reason.setdefault(f"{key}: {reason}", []).append(image)
    return notes + [f"-- : {reason} ({', '.join(images)})." for reason, images in by_reason.items()]


def counted(number: int, what: str) -> str:
    """A number of things, such as "1 image" or "10 images"."""
    return f"{number} {what}{'s' if number != 1 else ''}"


def span(numbers: Sequence[int]) -> str:
    """ "12" if all numbers are equal, else their range as "10..12".

    Example:
        >>> span([12, 10, 11])
        '10..12'
    """
    if not numbers:
        return "0"
    low, high = min(numbers), max(numbers)
    return str(low) if low == high else f"{low}..{high}"
