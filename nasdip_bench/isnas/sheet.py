"""A contact sheet: what went in, what the cohort made of it, and what came out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage
from PIL import ImageDraw, ImageFont

from .image import Degraded
from .search import SearchResult

__all__ = ["contact_sheet"]

_LARGE, _SMALL, _GAP, _LINE = 320, 152, 16, 34
_COLUMNS = 5
_FONT_SIZE = 13


def contact_sheet(
    problem: Degraded, result: SearchResult, classical: tuple[str, NDArray[np.float32]]
) -> NDArray[np.float32]:
    """(3, H, W) in [0, 1]: input, restored, classical and truth above; average and cohort below."""
    method, image = classical
    large = [
        _labelled("input", problem.seen, _LARGE),
        _labelled(
            f"restored by cell {result.architecture.cell}"
            f"{_psnr(problem, result.restoration.output)}",
            result.restored,
            _LARGE,
        ),
        _labelled(f"{method}{_psnr(problem, image)}", image, _LARGE),
    ]
    if problem.truth is not None:
        large.append(_labelled("ground truth", problem.cropped(problem.truth), _LARGE))
    small = [_labelled("cohort's average", result.average, _SMALL)]
    for place, arch in enumerate(result.members):
        chosen = " (selected)" if place == result.selected else ""
        label = f"{place + 1}: cell {arch.cell}{chosen}"
        small.append(_labelled(label, result.fits[place].output, _SMALL))
    rows = [large]
    per_row = max(_COLUMNS, len(large) * (_LARGE + _GAP) // (_SMALL + _GAP))
    rows += [small[first : first + per_row] for first in range(0, len(small), per_row)]
    width = max(sum(tile.width + _GAP for tile in row) for row in rows) + _GAP
    height = sum(max(tile.height for tile in row) + _GAP for row in rows) + _GAP
    sheet = PillowImage.new("RGB", (width, height), "white")
    top = _GAP
    for row in rows:
        left = _GAP
        for tile in row:
            sheet.paste(tile, (left, top))
            left += tile.width + _GAP
        top += max(tile.height for tile in row) + _GAP
    return np.moveaxis(np.asarray(sheet).astype(np.float32) / np.float32(255), -1, 0)


def _labelled(label: str, image: NDArray[np.floating], side: int) -> PillowImage.Image:
    """A picture in a square of a side, its label above, in two lines if need be."""
    pixels = np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8)
    rows = np.moveaxis(np.broadcast_to(pixels, (3, *pixels.shape[1:])), 0, -1)
    picture = PillowImage.fromarray(np.ascontiguousarray(rows))
    scale = side / max(picture.size)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    # Enlarged as it is, so that pixels are seen; reduced with care.
    filtered = PillowImage.Resampling.NEAREST if scale >= 1 else PillowImage.Resampling.LANCZOS
    tile = PillowImage.new("RGB", (side, side + _LINE), "white")
    tile.paste(picture.resize(size, filtered), (0, _LINE))
    font = ImageFont.load_default(_FONT_SIZE)
    ImageDraw.Draw(tile).text((0, 2), _wrapped(label, side, font), "black", font, spacing=2)
    return tile


def _wrapped(label: str, width: int, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> str:
    """Break a label where it gets too wide."""
    lines = [""]
    for word in label.split(" "):
        longer = f"{lines[-1]} {word}".strip()
        if font.getlength(longer) > width and lines[-1]:
            lines.append(word)
        else:
            lines[-1] = longer
    return "\n".join(lines)


def _psnr(problem: Degraded, output: NDArray[np.float32]) -> str:
    value = problem.psnr_db(output)
    return f", {value:.2f} dB" if np.isfinite(value) else ""
