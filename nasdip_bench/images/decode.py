"""Decode picture files of any origin to upright 8-bit gray or RGB, or raise one clear error."""

from __future__ import annotations

import struct
import warnings
from pathlib import Path

import numpy as np
from PIL import Image as PillowImage
from PIL import ImageOps, UnidentifiedImageError

from nasdip_bench.errors import ImageError

# Formats that Pillow may try: the usual ones that start no other program (EPS runs Ghostscript).
_FORMATS = ("PNG", "JPEG", "TIFF", "GIF", "BMP", "PPM")
_MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr")  # and 16-bit gray, I;16 or I
# What Pillow's decoders raise on damaged files.
_DECODER_ERRORS = (OSError, SyntaxError, ValueError, EOFError, LookupError, TypeError, struct.error)


def open_picture(path: Path) -> PillowImage.Image:
    """Decode an image file to Pillow's mode L or RGB; see `nasdip_bench.images.read_image`.

    Raises:
        ImageError: no such file, or one that cannot be read as an 8-bit picture.
    """
    shown = repr(str(path))
    if not path.exists():
        raise ImageError(f"there is no image file {shown}: check the path")
    if not path.is_file():
        raise ImageError(f"{shown} is a folder or a device, not an image file: name a file in it")
    try:
        with warnings.catch_warnings():
            # Odd metadata makes Pillow warn, but is no reason to reject a picture.
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", PillowImage.DecompressionBombWarning)
            # Open a stream: a file opened by name is memory-mapped by Pillow (13.0), which then
            # reads the rows of a rotated TIFF with the wrong width.
            with path.open("rb") as stream, PillowImage.open(stream, formats=_FORMATS) as picture:
                return _eight_bit(ImageOps.exif_transpose(picture), shown)
    except ImageError:
        raise
    except (PillowImage.DecompressionBombWarning, PillowImage.DecompressionBombError) as error:
        raise ImageError(
            f"image {shown} says it has more than {PillowImage.MAX_IMAGE_PIXELS} pixels, the limit "
            f"against files made to fill the memory: reduce it first"
        ) from error
    except UnidentifiedImageError as error:
        raise ImageError(
            f"{shown} is not an image that can be read here, or its header is damaged: use one of "
            f"{', '.join(_FORMATS)}"
        ) from error
    except _DECODER_ERRORS as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ImageError(
            f"cannot read image {shown}: it is damaged, cut short or may not be opened ({reason}); "
            f"get a whole copy of it"
        ) from error


def _eight_bit(picture: PillowImage.Image, shown: str) -> PillowImage.Image:
    if picture.mode.startswith("I"):
        values = np.asarray(picture).astype(np.int64)
        if values.min() < 0 or values.max() > 65535:
            raise ImageError(
                f"image {shown} has values from {values.min()} to {values.max()}: only 8 and 16 "
                f"bits (0 to 65535) are read; convert it first"
            )
        return PillowImage.fromarray(((values + 128) // 257).astype(np.uint8))
    if picture.mode not in _MODES:
        raise ImageError(
            f"image {shown} has Pillow's mode {picture.mode!r}, whose range is not defined here: "
            f"convert it to 8- or 16-bit gray or to 8-bit RGB first"
        )
    gray = picture.mode in ("1", "L", "LA")
    if picture.mode in ("P", "PA"):
        colours = np.asarray(picture.convert("RGB"))
        gray = bool((colours == colours[..., :1]).all())
    if picture.mode in ("LA", "PA", "RGBA") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        white = PillowImage.new("RGBA", picture.size, "white")
        picture = PillowImage.alpha_composite(white, picture)
    return picture.convert("L" if gray else "RGB")
