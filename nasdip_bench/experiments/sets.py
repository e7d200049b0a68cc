"""The test sets of the paper's Tables 2 and 3, and how their images are prepared for a network.

``sets.json`` describes the sets (file names, checksums, sources); the pictures are not part of the
package. They are read from a folder with one folder per set:

    DIR/bm3d_gray/Lena512.png    DIR/set12/01.png    DIR/cbm3d/...
    DIR/set5/baby.bmp            DIR/set14/baboon.png

A file is recognised by its pixels, so any encoding will do. A picture that is in two sets has one
name, and is restored once. In addition, "skimage" is the photographs that come with scikit-image,
and "user" the images in your own folder.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.errors import ConfigError, ImageError, check_name
from nasdip_bench.images import Image, centre_crop, load_images, read_image
from nasdip_bench.space import MIN_SIZE, SIZE_MULTIPLE

EXPERIMENT_SETS = ("bm3d", "set12", "cbm3d", "set5", "set14", "skimage", "user")
"""The paper's sets, and two others."""


@cache
def manifest() -> Mapping[str, Mapping[str, Any]]:
    """The entries of ``sets.json`` by set."""
    text = resources.files("nasdip_bench.experiments").joinpath("sets.json").read_text("utf-8")
    sets: dict[str, Mapping[str, Any]] = json.loads(text)["sets"]
    return sets


def title(image_set: str) -> str:
    """A set's name in the tables."""
    return str(manifest()[image_set]["title"]) if image_set in manifest() else image_set


def set_names(image_set: str) -> tuple[str, ...]:
    """The names of the images of a set of the paper, in the set's order."""
    return tuple(entry["name"] for entry in manifest()[image_set]["images"])


def set_size(image_set: str) -> int | None:
    """Number of images of a set of the paper; None for the other sets."""
    return len(set_names(image_set)) if image_set in manifest() else None


def experiment_images(
    image_set: str, images_dir: Path | None = None, names: Sequence[str] | None = None
) -> list[Image]:
    """The images of a set, checked.

    Args:
        image_set: one of `EXPERIMENT_SETS`.
        images_dir: folder as described above; for "user", the folder of the images.
        names: which, in the set's order; None: all.

    Raises:
        UnknownNameError: no such set, or no such image in it.
        ConfigError: no folder given.
        ImageError: an image is missing, unreadable, or not the set's.
    """
    check_name("image set", image_set, EXPERIMENT_SETS)
    if image_set == "skimage":
        return load_images("skimage", names)
    if image_set == "user":
        return load_images("user", names, images_dir)
    if images_dir is None:
        raise ConfigError(f"image set {image_set}: say where the images are, with --images-dir DIR")
    facts = manifest()[image_set]
    entries = {entry["name"]: entry for entry in facts["images"]}
    for name in names or ():
        check_name(f"image of {image_set}", name, entries)
    folder = images_dir / facts["folder"]
    if not folder.is_dir():
        raise ImageError(
            f"there is no images folder {str(folder)!r}: each set is a folder in --images-dir, as "
            f"docs/paper.md shows"
        )
    return [
        _read(image_set, entry, folder)
        for name, entry in entries.items()
        if names is None or name in names
    ]


def _read(image_set: str, entry: Mapping[str, Any], folder: Path) -> Image:
    path = folder / entry["file"]
    if not path.is_file():
        raise ImageError(
            f"{str(folder)!r} has no {entry['file']!r}, which is {entry['name']} of {image_set}: "
            f"add it, or leave the image out with --images"
        )
    found = read_image(path)
    image = Image(
        name=entry["name"],
        image_set=image_set,
        pixels=found.pixels,
        source=entry["source"],
        licence=entry["licence"],
        status="original",
    )
    if image.sha256 != entry["sha256_pixels"]:
        raise ImageError(
            f"{str(path)!r} is not {entry['name']} of {image_set}: SHA-256 of the pixels expected "
            f"{entry['sha256_pixels']} ({entry['channels']} x {entry['height']} x "
            f"{entry['width']}), found {image.sha256} ({image.channels} x {image.height} x "
            f"{image.width}); put the right file there"
        )
    return image


def ground_truth(image: Image, crop: int = 0) -> NDArray[np.float32]:
    """What is corrupted and restored: the centre part whose sides are multiples of 32.

    As in the paper's experiments, the image is cropped before it is corrupted.

    Args:
        image: the image.
        crop: maximum pixels per side; 0 for no limit except the image.

    Returns:
        (C, H, W) float32 in [0, 1].

    Raises:
        ImageError: a side is shorter than 64.
    """
    if min(image.height, image.width) < MIN_SIZE:
        raise ImageError(
            f"image {image.name!r} is {image.height} x {image.width}: its sides must be at least "
            f"{MIN_SIZE}; leave it out with --images"
        )
    pixels = image.pixels
    if crop:
        top, left = (max(0, side - crop) // 2 for side in pixels.shape[1:])
        pixels = pixels[:, top : top + crop, left : left + crop]
    cropped = centre_crop(pixels, SIZE_MULTIPLE)
    return np.ascontiguousarray(cropped, np.float32) / np.float32(255)
