"""What a search writes for its user: pictures, tables, and a record that reproduces it."""

from __future__ import annotations

import csv
import io
import json
import math
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image as PillowImage

from nasdip_bench._version import __version__
from nasdip_bench.storage.files import write_atomic

from .image import Degraded
from .search import Search, SearchResult, asked_for
from .sheet import contact_sheet

__all__ = ["RESULTS", "record", "write_results"]

RESULTS = {
    "restored.png": "the restored image",
    "sheet.png": "input, cohort, average and result side by side",
    "record.json": "settings, scores, cohort, PSNR and the command: what reproduces the search",
    "ranking.csv": "all candidates with their scores, best first",
    "curves.csv": "PSNR by iteration of the cohort and the restoration, where there is a truth",
}


def record(
    search: Search,
    result: SearchResult,
    classical: tuple[str, NDArray[np.float32]],
    command: list[str],
) -> dict[str, Any]:
    """All that is known of a search, in JSON; numbers that do not exist are null."""
    problem, cohort = search.problem, result.cohort
    weights, to_average = cohort.weights, cohort.to_average
    scores = {one.architecture: one.score for one in result.ranking}
    method, image = classical
    members = [
        {
            "architecture": str(arch),
            "score": scores[arch],
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
            "diverged": result.restoration.diverged,
            "seconds": result.restoration.seconds,
        },
        "psnr_db": {
            "corrupted": _number(problem.task.psnr_corrupted_db(problem.truth, problem.observation))
            if problem.truth is not None
            else None,
            "restored": _number(problem.psnr_db(result.restoration.output)),
            method: _number(problem.psnr_db(image)),
        },
    }


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
    write_atomic(folder / "sheet.png", png(contact_sheet(search.problem, result, classical)))
    write_atomic(folder / "ranking.csv", _ranking(result))
    write_atomic(folder / "curves.csv", _curves(search.problem, result))
    text = json.dumps(facts, indent=1, allow_nan=False) + "\n"
    write_atomic(folder / "record.json", text.encode())
    return facts


def png(image: NDArray[np.float32]) -> bytes:
    """An image (C, H, W) in [0, 1] as the content of an 8-bit PNG."""
    pixels = np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8)
    buffer = io.BytesIO()
    rows = pixels[0] if len(pixels) == 1 else np.moveaxis(pixels, 0, -1)
    PillowImage.fromarray(np.ascontiguousarray(rows)).save(buffer, "PNG")
    return buffer.getvalue()


def _number(value: float) -> float | None:
    """A number for JSON, which has neither NaN nor infinities."""
    return float(value) if math.isfinite(value) else None


def _ranking(result: SearchResult) -> bytes:
    rows = [
        {"rank": place, "architecture": str(one.architecture), "score": repr(one.score)}
        for place, one in enumerate(result.ranking, 1)
    ]
    return _table(("rank", "architecture", "score"), rows)


def _curves(problem: Degraded, result: SearchResult) -> bytes:
    fits = [("cohort", str(a), fit) for a, fit in zip(result.members, result.fits, strict=True)]
    fits.append(("restore", str(result.architecture), result.restoration))
    rows = [
        {
            "purpose": purpose,
            "architecture": arch,
            "iteration": place + 1,
            "psnr_db": f"{fit.psnr_db[place]:.4f}",
            "psnr_smooth_db": f"{fit.psnr_smooth_db[place]:.4f}",
        }
        for purpose, arch, fit in fits
        for place in range(fit.iterations)
        if np.isfinite(fit.psnr_db[place])
    ]
    names = ("purpose", "architecture", "iteration", "psnr_db", "psnr_smooth_db")
    return _table(names, rows)


def _table(names: tuple[str, ...], rows: Sequence[Mapping[str, Any]]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()
