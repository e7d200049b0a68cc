"""Images, and reading one from a file."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image as PillowImage

from nasdip_bench.errors import ImageError
from nasdip_bench.storage.files import sha256_bytes

from .decode import open_picture

_LONGEST_NAME = 200


@dataclass(frozen=True, kw_only=True)
class Image:
    """A picture with its name and origin.

    Attributes:
        name: what runs and tables call it.
        image_set: ``"nasdip"``, ``"skimage"`` or ``"user"``.
        pixels: (C, H, W) uint8 in [0, 255], C 1 (gray) or 3 (RGB); a read-only copy.
        source: where it comes from.
        licence: as stated by the source.
        status: ``"original"``, ``"same image, other encoding"`` or ``"substitute"`` for the paper's
            set, ``"stand-in"`` for the scikit-image set, ``"user"``.
        sha256: hexadecimal, over the rows of the (H, W) gray or (H, W, 3) RGB pixels.
    """

    name: str
    image_set: str
    pixels: np.ndarray = field(repr=False, compare=False)  # compared by their checksum
    source: str
    licence: str
    status: str
    sha256: str = field(init=False)

    def __post_init__(self) -> None:
        # Names are printed, appear in tables, and may become part of a file name.
        name = self.name
        if not (name.isprintable() and 0 < len(name) <= _LONGEST_NAME) or {*name} & {*"/\\"}:
            raise ImageError(
                f"image name {name!r:.100}: a name has 1 to {_LONGEST_NAME} printable characters, "
                f"without slashes; rename the file"
            )
        pixels = np.asarray(self.pixels)
        if (
            pixels.dtype != np.uint8
            or pixels.ndim != 3
            or len(pixels) not in (1, 3)
            or not pixels.size
        ):
            raise ImageError(
                f"image {self.name!r}: pixels of shape {pixels.shape} and type {pixels.dtype}; an "
                f"image is (channels, height, width) uint8 with 1 or 3 channels and no empty side"
            )
        pixels = np.array(pixels, order="C")
        pixels.flags.writeable = False
        object.__setattr__(self, "pixels", pixels)
        object.__setattr__(self, "sha256", sha256_bytes(rows_of(pixels).tobytes()))

    @property
    def channels(self) -> int:
        return int(self.pixels.shape[0])

    @property
    def height(self) -> int:
        return int(self.pixels.shape[1])

    @property
    def width(self) -> int:
        return int(self.pixels.shape[2])

    def at_resolution(self, resolution: int) -> np.ndarray:
        """The square image at a fidelity's size: the ground truth of a run.

        At its own size these are the pixels; below it, the 8-bit image reduced with Pillow's
        LANCZOS filter and rounded to 8 bits.

        Args:
            resolution: requested height and width, a multiple of 32, at least 64, at most the
                image's own.

        Returns:
            (C, resolution, resolution) float32 in [0, 1], multiples of 1/255.

        Raises:
            ImageError: the resolution is not allowed, or the image is not square.
        """
        if resolution < 64 or resolution % 32:
            raise ImageError(
                f"resolution {resolution}: it must be a multiple of 32 and at least 64, since the "
                f"networks halve the image five times"
            )
        size = f"{self.height} x {self.width} pixels (height x width)"
        if self.height != self.width:
            raise ImageError(
                f"image {self.name!r} has {size}: only square images are brought to a resolution; "
                f"crop it to a square first"
            )
        if resolution > self.height:
            raise ImageError(
                f"image {self.name!r} has {size}: resolution {resolution} would enlarge it; ask "
                f"for less, or take a larger image"
            )
        pixels = self.pixels
        if resolution < self.height:
            picture = PillowImage.fromarray(rows_of(pixels))
            reduced = picture.resize((resolution, resolution), PillowImage.Resampling.LANCZOS)
            pixels = pixels_of(reduced)
        return np.ascontiguousarray(pixels, dtype=np.float32) / np.float32(255)


def centre_crop(pixels: np.ndarray, multiple: int = 32) -> np.ndarray:
    """Crop the largest centred part whose sides are multiples of a number, as in the paper.

    If an odd number of rows (or columns) goes, one more goes at the end than at the start.

    Args:
        pixels: (..., H, W), any type.
        multiple: the number, from 1, that both sides of the result are multiples of.

    Returns:
        (..., H', W'), a view.

    Raises:
        ImageError: a side is shorter than ``multiple``.
    """
    height, width = pixels.shape[-2:]
    if min(height, width) < multiple:
        raise ImageError(
            f"cannot crop {height} x {width} pixels (height x width) to multiples of {multiple}: "
            f"both sides must be at least {multiple}"
        )
    top, left = height % multiple // 2, width % multiple // 2
    bottom, right = top + height // multiple * multiple, left + width // multiple * multiple
    return pixels[..., top:bottom, left:right]


def read_image(path: Path) -> Image:
    """Read a user's image file: PNG, JPEG, TIFF, GIF, BMP, PGM or PPM.

    Gray stays gray, and colour stays RGB; a palette of grays is gray. 16-bit gray is scaled to 8
    bits, rint(v / 257), so 65535 becomes 255; Pillow keeps the high byte of 16-bit colour.
    Transparent parts are laid over white, as a viewer shows them, and an opaque alpha channel is
    dropped. The EXIF orientation is applied; colour profiles are not. Only the first of several
    frames or pages is read.

    Args:
        path: the file; its name without the ending is that of the image.

    Raises:
        ImageError: no such file, or one that cannot be read as an 8-bit image.
    """
    path = Path(path)
    return Image(
        name=path.stem,
        image_set="user",
        pixels=pixels_of(open_picture(path)),
        source=f"file:{path.name}",
        licence="not stated",
        status="user",
    )


def pixels_of(picture: PillowImage.Image) -> np.ndarray:
    """(C, H, W) uint8 pixels of a picture in mode L or RGB."""
    return np.moveaxis(np.atleast_3d(np.asarray(picture)), -1, 0)


def rows_of(pixels: np.ndarray) -> np.ndarray:
    """Turn (C, H, W) into the (H, W) or (H, W, 3) that Pillow takes."""
    return np.ascontiguousarray(pixels[0] if len(pixels) == 1 else np.moveaxis(pixels, 0, -1))
