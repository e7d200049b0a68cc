"""A user's own folder of images as an image set of its own, called "user"."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from nasdip_bench.errors import ConfigError, ImageError, unknown_name

from .sets import IMAGE_SETS, Image, load_images, read_image

__all__ = ["ENDINGS", "load_set", "load_user_images"]

ENDINGS = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".gif", ".bmp", ".pgm", ".ppm")


def load_user_images(folder: Path, names: Sequence[str] | None = None) -> list[Image]:
    """Read the images of a folder, each called after its file without the ending.

    Args:
        folder: with files that end in one of `ENDINGS`; others are left alone.
        names: which, in this order; None: all, in the order of their names.

    Raises:
        ImageError: no such folder, no image in it, two of one name, or one that cannot be read.
        UnknownNameError: a name that no file has.
    """
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
    by_name = {file.stem: file for file in files}
    wanted = tuple(by_name) if names is None else tuple(names)
    for name in wanted:
        if name not in by_name:
            raise unknown_name("image", name, by_name)
    return [read_image(by_name[name]) for name in wanted]


def load_set(image_set: str, names: Sequence[str] | None, folder: Path | None) -> list[Image]:
    """Images of any set, the user's own included.

    Args:
        image_set: one of `nasdip_bench.images.IMAGE_SETS`, or "user".
        names: which, in this order; None: all.
        folder: where they are; None: as `nasdip_bench.images.load_images`.

    Raises:
        UnknownNameError: no such set.
        ConfigError: the set "user" without a folder.
        NasdipError: as the two functions raise.
    """
    if image_set not in (*IMAGE_SETS, "user"):
        raise unknown_name("image set", image_set, (*IMAGE_SETS, "user"))
    if image_set != "user":
        return load_images(image_set, names, images_dir=folder)
    if folder is None:
        raise ConfigError("image set user: say where the images are, with --images-dir")
    return load_user_images(folder, names)
