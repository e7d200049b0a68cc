"""The sets of images, and loading them.

``catalogue.json`` describes the ten images of the paper's set (source, licence, checksums, how the
source file is processed); the pictures themselves are not part of the package. scikit-image, whose
wheel holds the stand-ins, and the download module are imported on use.
"""

from __future__ import annotations

import functools
import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from importlib import metadata, resources
from pathlib import Path
from typing import Any

from PIL import Image as PillowImage

from nasdip_bench.errors import (
    ConfigError,
    DownloadError,
    ImageError,
    MissingDependencyError,
    check_name,
    unknown_name,
)

from .decode import open_picture
from .image import Image, pixels_of, read_image

IMAGE_SETS = ("nasdip", "skimage")
RELEASED_SET = "released"
"""The images of imported results; those that are also the benchmark's have the same names."""

# In the paper's order.
NASDIP_IMAGES: tuple[str, ...] = (
    "misc", "lena", "barbara", "couple", "chest", "man", "palace", "blood", "f16", "boat"
)  # fmt: skip

# Photographs inside the scikit-image wheel as PNG (the decoded pixels of a JPEG depend on the
# decoder), with what scikit-image's documentation says about their licence.
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

ENDINGS = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".gif", ".bmp", ".pgm", ".ppm")
"""Endings of the files that are read in a user's folder."""

_SIDE = 512  # of every image of both sets, in pixels
_OTHER_WAYS = "leave out the folder to download the ten, or use the stand-ins (--image-set skimage)"


def image_names(image_set: str) -> tuple[str, ...]:
    """The names of a set's images, in the set's order."""
    if image_set == "nasdip":
        return NASDIP_IMAGES
    if image_set == "skimage":
        return SKIMAGE_IMAGES
    raise unknown_name("image set", image_set, (*IMAGE_SETS, "user"))


@functools.cache
def catalogue() -> Mapping[str, Mapping[str, Any]]:
    """The entries of ``catalogue.json`` on the ten images, by name."""
    text = resources.files("nasdip_bench.images").joinpath("catalogue.json").read_text("utf-8")
    return {entry["name"]: entry for entry in json.loads(text)["images"]}


def load_images(
    image_set: str = "nasdip",
    names: str | Sequence[str] | None = None,
    folder: Path | None = None,
) -> list[Image]:
    """Load images of a set.

    Args:
        image_set: ``"nasdip"``: the paper's ten, from a folder or by download, with verified
            checksums of the pixels. ``"skimage"``: photographs from the installed scikit-image,
            cropped to a square and resized; they need no network and are not the paper's. Both are
            512×512, gray. ``"user"``: the images of a folder, each named after its file without
            the ending.
        names: which, in this order; None: all, for a user's folder in the order of their names.
        folder: for ``"nasdip"``, a folder with ``<name>.png``, or None to download to the user's
            cache folder; for ``"user"``, one with files that end in one of `ENDINGS`; other files
            are ignored.

    Raises:
        UnknownNameError: no such set, or no such image in it.
        ConfigError: the set ``"user"`` without a folder.
        ImageError: an image is missing, unreadable, or not the catalogue's.
        DownloadError, MissingDependencyError: an image is missing and cannot be fetched.

    Example:
        >>> load_images("skimage", ["camera"])[0].pixels.shape
        (1, 512, 512)
    """
    wanted = (names,) if isinstance(names, str) else names
    if image_set == "user":
        if folder is None:
            raise ConfigError("image set user: say where the images are, with --images-dir")
        files = _user_files(Path(folder))
        return [read_image(files[name]) for name in _known(wanted, files)]
    chosen = _known(wanted, image_names(image_set))
    if image_set == "skimage":
        if folder is not None:
            raise ImageError(
                f"images folder {str(folder)!r} given with image set 'skimage', whose images "
                f"come with scikit-image: leave out one of the two"
            )
        return [_load_skimage(name) for name in chosen]
    if folder is None:
        return [_download_nasdip(name) for name in chosen]
    return _nasdip_folder(Path(folder), chosen)


def _known(names: Sequence[str] | None, there: Collection[str]) -> tuple[str, ...]:
    """The requested names, or all."""
    for name in names or ():
        check_name("image", name, there)
    return tuple(there if names is None else names)


def _user_files(folder: Path) -> dict[str, Path]:
    """The image files of a folder, by image name."""
    if not folder.is_dir():
        raise ImageError(f"there is no images folder {str(folder)!r}: name another (--images-dir)")
    files = sorted(
        file for file in folder.iterdir() if file.is_file() and file.suffix.lower() in ENDINGS
    )
    if not files:
        raise ImageError(
            f"images folder {str(folder)!r} has no image: files that end in {', '.join(ENDINGS)}"
        )
    twice = [name for name, number in Counter(file.stem for file in files).items() if number > 1]
    if twice:
        raise ImageError(
            f"images folder {str(folder)!r} has two files called {twice[0]!r}: rename one of them"
        )
    return {file.stem: file for file in files}


def _nasdip_folder(folder: Path, names: Sequence[str]) -> list[Image]:
    if not folder.is_dir():
        raise ImageError(f"there is no images folder {str(folder)!r}: name another, {_OTHER_WAYS}")
    missing = [f"{name}.png" for name in names if not (folder / f"{name}.png").is_file()]
    if missing:
        raise ImageError(
            f"images folder {str(folder)!r} has no {', '.join(missing)}: add what is missing, "
            f"{_OTHER_WAYS}"
        )
    remedy = f"put the right file there, name another folder, {_OTHER_WAYS}"
    return [_nasdip_image(name, folder / f"{name}.png", [], remedy) for name in names]


def _nasdip_image(
    name: str, path: Path, processing: Sequence[Mapping[str, Any]], remedy: str
) -> Image:
    """Read a file, apply the steps, and check that the result is the catalogue's picture."""
    entry = catalogue()[name]
    source = entry["source"]
    image = Image(
        name=name,
        image_set="nasdip",
        pixels=pixels_of(_processed(open_picture(path), processing)),
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


def _download_nasdip(name: str) -> Image:
    from .download import fetch

    entry = catalogue()[name]
    source = entry["source"]
    file_name = name + Path(source["path"]).suffix
    try:
        path = fetch(source["url"], source["sha256_source"], file_name)
    except (DownloadError, MissingDependencyError) as error:
        raise type(error)(
            f"{error}; or name a folder with the ten images (--images-dir), or use the stand-ins "
            f"(--image-set skimage)"
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
        pixels=pixels_of(_processed(picture, processing)),
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
