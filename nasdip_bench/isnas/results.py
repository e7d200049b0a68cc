"""What a search writes for its user: pictures, tables, and a record that reproduces it."""

from __future__ import annotations

import io
import json
import math
import platform
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image as PillowImage
from PIL import ImageDraw, ImageFont

from nasdip_bench._version import __version__
from nasdip_bench.images.image import rows_of
from nasdip_bench.storage.files import write_atomic
from nasdip_bench.tasks import Denoise, Inpaint, noise_estimate

from .image import Degraded
from .resized import resize
from .search import Search, SearchResult, asked_for
from .training import known

RESULTS = {
    "restored.png": "the restored image",
    "sheet.png": "input, cohort, average and result side by side",
    "record.json": "settings, scores, cohort, PSNR and the command: what reproduces the search",
    "ranking.csv": "all candidates with their scores, best first",
    "curves.csv": "by iteration: loss, PSNR given a ground truth, and what the rule looked at",
}

_SIDE, _GAP, _LINE = 240, 16, 34
"""Pixels of the contact sheet: side of a picture, distance between them, height of a label."""
_COLUMNS = 5
_FONT_SIZE, _LETTER = 13, 7
"""Pixels: height of the font, and about the width of a letter."""


def record(
    search: Search,
    result: SearchResult,
    classical: tuple[str, NDArray[np.float32]],
    command: list[str],
) -> dict[str, Any]:
    """Everything known about a search, as JSON; missing numbers are null."""
    problem, cohort = search.problem, result.cohort
    fits = known(problem, search.config.iterations)
    members: list[dict[str, Any]] = []
    if cohort is not None:
        weights, to_average = cohort.weights, cohort.to_average
        members = [
            {
                "architecture": str(arch),
                "score": result.ranking[arch],
                "weight": float(weights[place]),
                "mse_to_average": float(to_average[place]),
                "psnr_db": _number(cohort.psnr_db[place]),
                "seconds": result.fits[place].seconds,
            }
            for place, arch in enumerate(result.members)
        ]
    return {
        "nasdip_bench": __version__,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "command": command,
        "asked": asked_for(problem, search.config, search.device),
        "architecture": str(result.architecture),
        "cohort": members,
        "diverged": [str(arch) for arch in result.diverged],
        "restoration": {
            "iteration": result.restoration.iteration,
            "iterations": result.restoration.iterations,
            "rule": str(search.config.rule),
            "stopped": result.restoration.stopped,
            "sigma_255": _number(255 * fits.sigma[0]),
            "sigma_estimate_255": _number(255 * fits.sigma_estimate[0]),
            "diverged": result.restoration.diverged,
            "seconds": result.restoration.seconds,
        },
        "psnr_db": _psnrs(problem, result.restoration.output, classical),
    }


def _psnrs(
    problem: Degraded,
    output: NDArray[np.float32],
    classical: tuple[str, NDArray[np.float32]],
) -> dict[str, float | None]:
    """PSNR in dB by name; in inpainting also of the output that known pixels are put back into."""
    method, image = classical
    corrupted = np.nan
    if problem.truth is not None:
        corrupted = problem.task.psnr_corrupted_db(problem.truth, problem.observation)
    found = {"corrupted": corrupted}
    if isinstance(problem.task, Inpaint):
        found["network output"] = problem.psnr_db(output)
    found |= {
        "restored": problem.psnr_db(problem.delivered(output)),
        method: problem.psnr_db(image),
    }
    return {name: _number(value) for name, value in found.items()}


def write_results(
    folder: Path,
    search: Search,
    result: SearchResult,
    classical: tuple[str, NDArray[np.float32]],
    command: list[str],
) -> dict[str, Any]:
    """Write the files of `RESULTS` and return the record."""
    facts = record(search, result, classical, command)
    write_atomic(folder / "restored.png", png(result.restored))
    write_atomic(folder / "sheet.png", _png(contact_sheet(search.problem, result, classical)))
    write_atomic(folder / "ranking.csv", _ranking(result))
    write_atomic(folder / "curves.csv", _curves(result, search.config.rule.needs))
    text = json.dumps(facts, indent=1, allow_nan=False) + "\n"
    write_atomic(folder / "record.json", text.encode())
    return facts


def summary(facts: Mapping[str, Any]) -> str:
    """A record as readable text: the cohort, the selected network, and the PSNRs."""
    members = facts["cohort"]
    lines = ["  rank  score      to average  PSNR     architecture"] if members else []
    for rank, member in enumerate(members, 1):
        mark = "*" if member["architecture"] == facts["architecture"] else " "
        shown = "--" if member["psnr_db"] is None else f"{member['psnr_db']:.2f} dB"
        lines.append(
            f"{mark} {rank:4d}  {member['score']:<9.4g}  {member['mse_to_average']:.3e}   "
            f"{shown:8s} {member['architecture']}"
        )
    lines.append(f"restored with {facts['architecture']}{' (*)' if members else ''}")
    lines += _stop(facts["restoration"])
    known = {name: value for name, value in facts["psnr_db"].items() if value is not None}
    if known:
        lines.append("PSNR: " + ", ".join(f"{name} {v:.2f} dB" for name, v in known.items()))
    return "\n".join(lines)


def _stop(fit: Mapping[str, Any]) -> list[str]:
    """Where the rule stopped the restoration, or that it did not: a line, but none for ``last``."""
    rule, delivered, trained = fit["rule"], fit["iteration"], fit["iterations"]
    if rule == "last" or fit["diverged"]:
        return []
    ended = "stopped after" if fit["stopped"] else "did not stop within"
    return [f"{rule} {ended} {trained} iterations: delivered is iteration {delivered}"]


def png(image: NDArray[np.float32]) -> bytes:
    """An image (C, H, W) in [0, 1] as the content of an 8-bit PNG."""
    return _png(_picture(image))


def _png(picture: PillowImage.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def _picture(image: NDArray[np.floating]) -> PillowImage.Image:
    pixels = np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8)
    return PillowImage.fromarray(rows_of(pixels))


def _number(value: float) -> float | None:
    """A number for JSON, which has neither NaN nor infinities."""
    return float(value) if math.isfinite(value) else None


def _ranking(result: SearchResult) -> bytes:
    import pandas as pd

    scores = result.ranking
    columns = {"architecture": [*map(str, scores)], "score": [*scores.values()]}
    index = pd.RangeIndex(1, len(scores) + 1, name="rank")
    text: str = pd.DataFrame(columns, index).to_csv()
    return text.encode()


def _curves(result: SearchResult, needs: Sequence[str]) -> bytes:
    """Empty cells are undefined; the cohort's networks have no rule."""
    import pandas as pd

    fits = [("cohort", a, fit) for a, fit in zip(result.members, result.fits, strict=True)]
    fits.append(("restore", result.architecture, result.restoration))
    frames = []
    for purpose, arch, fit in fits:
        seen = {
            f"{name}_db": curve
            for name, curve in zip(needs, fit.seen_db, strict=False)
            if name != "loss"
        }
        columns = {
            "purpose": purpose,
            "architecture": str(arch),
            "iteration": np.arange(1, fit.iterations + 1),
            **{name: getattr(fit, name) for name in ("loss_db", "psnr_db", "psnr_smooth_db")},
        }
        frames.append(pd.DataFrame(columns | seen))
    table = pd.concat(frames).replace([np.inf, -np.inf], np.nan)
    text: str = table.to_csv(index=False, float_format="%.4f")
    return text.encode()


def contact_sheet(
    problem: Degraded, result: SearchResult, classical: tuple[str, NDArray[np.float32]]
) -> PillowImage.Image:
    """Input, restored image, classical one and truth above; average and cohort below."""
    method, image = classical
    restored = _psnr(problem, problem.delivered(result.restoration.output))
    above = [
        _labelled("input", problem.seen),
        _labelled(f"restored by cell {result.architecture.cell}{restored}", result.restored),
        _labelled(f"{method}{_psnr(problem, image)}", image),
    ]
    if problem.truth is not None:
        above.append(_labelled("ground truth", problem.cropped(problem.truth)))
    below = [] if result.average is None else [_labelled("cohort's average", result.average)]
    for place, arch in enumerate(result.members):
        chosen = " (selected)" if place == result.selected else ""
        below.append(_labelled(f"{place + 1}: cell {arch.cell}{chosen}", result.outputs[place]))
    rows = [above, *(below[i : i + _COLUMNS] for i in range(0, len(below), _COLUMNS))]
    wide, high = _SIDE + _GAP, _SIDE + _LINE + _GAP
    size = (max(map(len, rows)) * wide + _GAP, len(rows) * high + _GAP)
    sheet = PillowImage.new("RGB", size, "white")
    for down, row in enumerate(rows):
        for across, tile in enumerate(row):
            sheet.paste(tile, (_GAP + across * wide, _GAP + down * high))
    return sheet


def _labelled(label: str, image: NDArray[np.floating]) -> PillowImage.Image:
    """A picture in a square with its label above, in two lines if needed."""
    picture = _picture(image)
    scale = _SIDE / max(picture.size)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    # Enlarge without interpolation, so that pixels show; reduce with a good filter.
    filtered = PillowImage.Resampling.NEAREST if scale >= 1 else PillowImage.Resampling.LANCZOS
    tile = PillowImage.new("RGB", (_SIDE, _SIDE + _LINE), "white")
    tile.paste(picture.resize(size, filtered), (0, _LINE))
    text, font = textwrap.fill(label, _SIDE // _LETTER), ImageFont.load_default(_FONT_SIZE)
    ImageDraw.Draw(tile).text((0, 2), text, "black", font, spacing=2)
    return tile


def _psnr(problem: Degraded, output: NDArray[np.float32]) -> str:
    value = problem.psnr_db(output)
    return f", {value:.2f} dB" if np.isfinite(value) else ""


# The same image restored without a network


def classical_restoration(problem: Degraded) -> tuple[str, NDArray[np.float32]]:
    """Restore an image with a classical method, to compare with the search.

    scikit-image's non-local means (Buades, Coll, Morel, CVPR 2005), with the noise estimated from
    the image, and biharmonic inpainting (Damelin and Hoang, 2018); Pillow's bicubic
    enlargement.

    Returns:
        the name of the method, and its image (C, height, width) in [0, 1] without the padding.
    """
    from skimage.restoration import denoise_nl_means, inpaint_biharmonic

    rows = np.moveaxis(problem.seen, 0, -1)
    if isinstance(problem.task, Denoise):
        sigma = noise_estimate(problem.seen)
        strength = {"h": 0.8 * sigma, "sigma": sigma, "patch_size": 5, "patch_distance": 6}
        found = denoise_nl_means(rows, **strength, fast_mode=True, channel_axis=-1)
        return "non-local means", _image(found.reshape(rows.shape))
    if isinstance(problem.task, Inpaint):
        missing = problem.cropped(np.asarray(problem.observation.mask))[0] == 0
        found = inpaint_biharmonic(rows, missing, split_into_regions=True, channel_axis=-1)
        return "biharmonic inpainting", _image(found)
    enlarged = resize(problem.seen, problem.size, PillowImage.Resampling.BICUBIC)
    return "bicubic enlargement", np.clip(enlarged, 0, 1)


def _image(rows: NDArray[np.float64]) -> NDArray[np.float32]:
    """(H, W, C) to (C, H, W) in [0, 1]."""
    return np.clip(np.moveaxis(rows, -1, 0), 0, 1).astype(np.float32)
