"""Picture of Figure 5."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..exhibits.drawing import caption_lines, new_figure, save, write_caption

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from .figure5 import Panel, RestorationsFigure

__all__ = ["draw_restorations"]

_SIDE = 1.85
_GAP = 0.08
_NAMES = 0.3
_HEAD = 0.25
_PSNR = 0.22


def draw_restorations(figure: RestorationsFigure, path: Path, form: str) -> None:
    """Draw the pictures of each row with the zoomed part below each.

    Args:
        figure: what to draw.
        path: file to write.
        form: "png" or "pdf".

    Raises:
        MissingDependencyError: matplotlib is not installed.
    """
    columns = len(figure.rows[0].panels)
    width = _NAMES + columns * (_SIDE + _GAP) + _GAP
    lines, caption = caption_lines([figure.caption, *figure.notes], width)
    shapes = [row.panels[0].pixels.shape for row in figure.rows]
    tall = [_SIDE * height / wide for _, height, wide in shapes]
    height = sum(_HEAD + high + _GAP + _SIDE + _PSNR for high in tall) + caption + _GAP
    drawing = new_figure(width, height)
    top = height - _GAP
    for row, high in zip(figure.rows, tall, strict=True):
        block = _HEAD + high + _GAP + _SIDE
        drawing.text(
            0.12 / width,
            (top - block / 2) / height,
            row.label,
            rotation=90,
            va="center",
            fontsize=9,
        )
        for place, panel in enumerate(row.panels):
            left = _NAMES + place * (_SIDE + _GAP)
            _text(drawing, left + _SIDE / 2, top - 0.12, panel.label)
            _picture(drawing, panel.pixels, (left, top - _HEAD - high, _SIDE, high), row.zoom)
            zoomed = _zoomed(panel, row.zoom)
            _picture(drawing, zoomed, (left, top - block, _SIDE, _SIDE), None)
            if panel.psnr_db is not None:
                _text(drawing, left + _SIDE / 2, top - block - 0.1, f"{panel.psnr_db:.2f} dB")
        top -= block + _PSNR
    write_caption(drawing, lines, caption)
    save(drawing, path, form)


def _zoomed(panel: Panel, zoom: tuple[int, int, int]) -> NDArray[np.float32]:
    top, left, side = zoom
    return panel.pixels[:, top : top + side, left : left + side]


def _text(drawing: Figure, across: float, up: float, text: str) -> None:
    width, height = drawing.get_size_inches()
    drawing.text(across / width, up / height, text, ha="center", va="center", fontsize=9)


def _picture(
    drawing: Figure,
    pixels: NDArray[np.float32],
    box: tuple[float, float, float, float],
    frame: tuple[int, int, int] | None,
) -> None:
    """An image in a box (left, bottom, width, height) in inches, with a frame around a part."""
    width, height = drawing.get_size_inches()
    left, bottom, wide, high = box
    axes = drawing.add_axes((left / width, bottom / height, wide / width, high / height))
    axes.set_axis_off()
    rows = np.moveaxis(np.broadcast_to(pixels, (3, *pixels.shape[1:])), 0, -1)
    axes.imshow(rows, vmin=0, vmax=1, aspect="auto", interpolation="nearest")
    if frame is not None:
        from matplotlib.patches import Rectangle

        top, start, side = frame
        axes.add_patch(
            Rectangle((start - 0.5, top - 0.5), side, side, fill=False, color="red", linewidth=1)
        )
