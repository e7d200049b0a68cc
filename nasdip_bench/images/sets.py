"""What an image is, the sets of images, and reading them.

The ten images of the paper's set are described in ``catalogue.json`` (source, licence, checksums,
what is done to the source file); the pictures themselves are not part of the package. This module
must not import torch; scikit-image, whose wheel holds the stand-ins, and the download module are
imported on use.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata, resources
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as PillowImage

from nasdip_bench.errors import DownloadError, ImageError, MissingDependencyError, unknown_name
from nasdip_bench.storage.files import sha256_bytes

from .decode import open_picture

__all__ = [
    "IMAGE_SETS",
    "NASDIP_IMAGES",
    "RELEASED_SET",
    "SKIMAGE_IMAGES",
    "Image",
    "catalogue",
    "centre_crop",
    "image_names",
    "load_images",
    "read_image",
]

IMAGE_SETS = ("nasdip", "skimage")
RELEASED_SET = "released"
"""The images of results that were imported, under the names of the benchmark's where they agree."""

# In the paper's order.
NASDIP_IMAGES: tuple[str, ...] = (
    "misc",
    "lena",
    "barbara",
    "couple",
    "chest",
    "man",
    "palace",
    "blood",
    "f16",
    "boat",
)

# Photographs that are inside the scikit-image wheel as PNG (the decoded pixels of a JPEG depend on
# the decoder), with what scikit-image's documentation says of their licence.
_SKIMAGE_LICENCES = {
    "camera": "CC0 by the photographer (Lav Varshney)",
    "astronaut": "public domain (NASA)",
    "coins": "no known copyright restrictions (Brooklyn Museum)",
    "moon": "none stated by scikit-image",
    "brick": "CC0 (CC0Textures)",
    "gravel": "CC0 (CC0Textures)",
    "grass": "CC0 (linolafett)",
    "chelsea": "CC0 by the photographer (Stefan van der Walt)",
    "coffee": "CC0 by the photographer (Rachel Michetti)",
    "page": "none stated by scikit-image",
}
SKIMAGE_IMAGES: tuple[str, ...] = tuple(_SKIMAGE_LICENCES)

_LONGEST_NAME = 200
_SIDE = 512  # of every image of both sets, in pixels
_OTHER_WAYS = "leave out the folder to download the ten, or use the stand-ins (--image-set skimage)"


@dataclass(frozen=True, kw_only=True)
class Image:
    """A picture with its name and origin.

    Attributes:
        name: what runs and tables call it.
        image_set: ``"nasdip"``, ``"skimage"`` or ``"user"``.
        pixels: (C, H, W) uint8 in [0, 255], C 1 (gray) or 3 (RGB); a read-only copy.
        source: where it comes from.
        licence: as stated at the source.
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
        # Names are printed, stand in tables, and may become a part of a file's name.
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
        object.__setattr__(self, "sha256", sha256_bytes(_rows(pixels).tobytes()))

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

        At its own size the pixels; below it, the 8-bit image reduced with Pillow's LANCZOS filter
        and rounded to 8 bits.

        Args:
            resolution: height and width asked for, a multiple of 32, at least 64, at most the
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
            picture = PillowImage.fromarray(_rows(pixels))
            reduced = picture.resize((resolution, resolution), PillowImage.Resampling.LANCZOS)
            pixels = _pixels(reduced)
        return np.ascontiguousarray(pixels, dtype=np.float32) / np.float32(255)


def centre_crop(pixels: np.ndarray, multiple: int = 32) -> np.ndarray:
    """The largest centred part whose sides are multiples of a number, as in the paper.

    Where an odd number of rows (or columns) goes, the last loses one more than the first.

    Args:
        pixels: (..., H, W), any type.
        multiple: what both sides shall be multiples of.

    Returns:
        (..., H', W'), a view.

    Raises:
        ImageError: a side is shorter than ``multiple``.
    """
    height, width = pixels.shape[-2:]
    if multiple < 1 or min(height, width) < multiple:
        raise ImageError(
            f"cannot crop {height} x {width} pixels (height x width) to multiples of {multiple}: "
            f"both sides must be at least {multiple}, and that at least 1"
        )
    top, left = height % multiple // 2, width % multiple // 2
    bottom, right = top + height // multiple * multiple, left + width // multiple * multiple
    return pixels[..., top:bottom, left:right]


def image_names(image_set: str) -> tuple[str, ...]:
    """The names of a set's images, in its order."""
    if image_set == "nasdip":
        return NASDIP_IMAGES
    if image_set == "skimage":
        return SKIMAGE_IMAGES
    raise unknown_name("image set", image_set, IMAGE_SETS)


@functools.cache
def catalogue() -> Mapping[str, Mapping[str, Any]]:
    """The facts of ``catalogue.json`` on the ten images, by name."""
    text = resources.files("nasdip_bench.images").joinpath("catalogue.json").read_text("utf-8")
    return {entry["name"]: entry for entry in json.loads(text)["images"]}


def load_images(
    image_set: str = "nasdip",
    names: Sequence[str] | None = None,
    *,
    images_dir: Path | None = None,
    cache_dir: Path | None = None,
) -> list[Image]:
    """Load images of a set: 512×512, gray, checked.

    Args:
        image_set: ``"nasdip"``, the paper's ten, from a folder or by download, with the pixels'
            checksum verified; or ``"skimage"``, photographs from the installed scikit-image,
            cropped to a square and resized, which need no network and are not the paper's.
        names: which, in this order; None: all.
        images_dir: folder with ``<name>.png`` for the set ``"nasdip"``; None: download.
        cache_dir: folder for downloads; None: the user's cache folder.

    Raises:
        UnknownNameError: no such set, or no such image in it.
        ImageError: an image is missing, unreadable, or not the catalogue's.
        DownloadError, MissingDependencyError: an image is not there and cannot be fetched.
    """
    allowed = image_names(image_set)
    wanted = allowed if names is None else (names,) if isinstance(names, str) else tuple(names)
    for name in wanted:
        if name not in allowed:
            raise unknown_name("image", name, allowed)
    if image_set == "skimage":
        if images_dir is not None:
            raise ImageError(
                f"images folder {str(images_dir)!r} given with image set 'skimage', whose images "
                f"come with scikit-image: leave out one of the two"
            )
        return [_load_skimage(name) for name in wanted]
    if images_dir is None:
        return [_download_nasdip(name, cache_dir) for name in wanted]
    folder = Path(images_dir)
    if not folder.is_dir():
        raise ImageError(f"there is no images folder {str(folder)!r}: name another, {_OTHER_WAYS}")
    missing = [f"{name}.png" for name in wanted if not (folder / f"{name}.png").is_file()]
    if missing:
        raise ImageError(
            f"images folder {str(folder)!r} has no {', '.join(missing)}: add what is missing, "
            f"{_OTHER_WAYS}"
        )
    remedy = f"put the right file there, name another folder, {_OTHER_WAYS}"
    return [_nasdip_image(name, folder / f"{name}.png", [], remedy) for name in wanted]


def read_image(path: Path, *, name: str | None = None) -> Image:
    """Read a user's image file: PNG, JPEG, TIFF, GIF, BMP, PGM or PPM.

    Gray stays gray and colour RGB; a palette of grays is gray. 16-bit gray is scaled to 8 bits,
    rint(v / 257), so that 65535 becomes 255; of 16-bit colour Pillow keeps the high byte.
    Transparent parts are laid over white, as a viewer shows them, and an opaque alpha channel is
    dropped. The EXIF orientation is applied, colour profiles are not. Of several frames or pages
    the first is read.

    Args:
        path: the file.
        name: what to call the image; None: the file's name without its ending.

    Raises:
        ImageError: no such file, or none that can be read as an 8-bit image.
    """
    path = Path(path)
    return Image(
        name=path.stem if name is None else name,
        image_set="user",
        pixels=_pixels(open_picture(path)),
        source=f"file:{path.name}",
        licence="not stated",
        status="user",
    )


def _nasdip_image(
    name: str, path: Path, processing: Sequence[Mapping[str, Any]], remedy: str
) -> Image:
    """Read a file, apply the steps, and make sure that the catalogue's picture comes out."""
    entry = catalogue()[name]
    source = entry["source"]
    image = Image(
        name=name,
        image_set="nasdip",
        pixels=_pixels(_processed(open_picture(path), processing)),
        source=f"{source['repository']}/{source['path']}@{source['commit'][:7]}",
        licence=entry["licence"],
        status=entry["status"],
    )
    if image.sha256 != entry["sha256_pixels"]:
        raise ImageError(
            f"{str(path)!r} is not the catalogue's image {name!r}: SHA-256 of the pixels expected "
            f"{entry['sha256_pixels']}, found {image.sha256} ({image.channels} x {image.height} x "
            f"{image.width}); {remedy}"
        )
    return image


def _download_nasdip(name: str, cache_dir: Path | None) -> Image:
    from .download import fetch

    entry = catalogue()[name]
    source = entry["source"]
    file_name = name + Path(source["path"]).suffix
    try:
        path = fetch(
            source["url"], source["sha256_source"], cache_dir=cache_dir, file_name=file_name
        )
    except (DownloadError, MissingDependencyError) as error:
        raise type(error)(
            f"{error} Or name a folder with the ten images (--images-dir), or use the stand-ins "
            f"(--image-set skimage)."
        ) from error
    remedy = (
        f"the file is the right one, so Pillow {metadata.version('pillow')} decodes it in another "
        f"way: try another version, or name a folder with the ten PNGs (--images-dir)"
    )
    return _nasdip_image(name, path, entry["processing"], remedy)


def _load_skimage(name: str) -> Image:
    path = Path(str(resources.files("skimage").joinpath("data", f"{name}.png")))
    if not path.is_file():
        raise ImageError(
            f"the installed scikit-image has no {f'data/{name}.png'!r}, which its wheel holds: "
            f"reinstall it (pip install --force-reinstall scikit-image), or leave out {name!r}"
        )
    picture = open_picture(path)
    side = min(picture.size)
    left, top = (picture.width - side) // 2, (picture.height - side) // 2
    processing: list[Mapping[str, Any]] = [
        {"step": "luma"},
        {"step": "centre_crop", "left": left, "top": top, "width": side, "height": side},
        {"step": "resize", "width": _SIDE, "height": _SIDE},
    ]
    return Image(
        name=name,
        image_set="skimage",
        pixels=_pixels(_processed(picture, processing)),
        source=f"scikit-image {metadata.version('scikit-image')}: skimage/data/{name}.png",
        licence=_SKIMAGE_LICENCES[name],
        status="stand-in",
    )


def _processed(
    picture: PillowImage.Image, processing: Sequence[Mapping[str, Any]]
) -> PillowImage.Image:
    """Apply the steps that the catalogue records."""
    for step in processing:
        if step["step"] == "luma":
            picture = picture.convert("L")  # ITU-R 601
        elif step["step"] == "centre_crop":
            left, top = step["left"], step["top"]
            picture = picture.crop((left, top, left + step["width"], top + step["height"]))
        else:
            size = (step["width"], step["height"])
            if picture.size != size:
                picture = picture.resize(size, PillowImage.Resampling.LANCZOS)
    return picture


def _pixels(picture: PillowImage.Image) -> np.ndarray:
    """(C, H, W) uint8 of a picture of mode L or RGB."""
    return np.moveaxis(np.atleast_3d(np.asarray(picture)), -1, 0)


def _rows(pixels: np.ndarray) -> np.ndarray:
    """(C, H, W) to the (H, W) or (H, W, 3) that Pillow takes."""
    return np.ascontiguousarray(pixels[0] if len(pixels) == 1 else np.moveaxis(pixels, 0, -1))
