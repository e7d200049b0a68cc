"""Look up images and tasks by name; the error says when one is given for the other."""

from __future__ import annotations

from collections.abc import Sequence

from nasdip_bench.errors import UnknownNameError, unknown_name


def image_position(image: object, images: Sequence[str], tasks: Sequence[str]) -> int:
    """The position of an image; see `unknown_image` for the arguments and the error."""
    if not isinstance(image, str) or image not in images:
        raise unknown_image(image, images, tasks)
    return images.index(image)


def unknown_image(image: object, images: Sequence[str], tasks: Sequence[str]) -> UnknownNameError:
    """The error for an unknown image, or for a task where an image belongs.

    Args:
        image: as given.
        images: all known images.
        tasks: all known tasks.
    """
    if isinstance(image, str) and image in tasks:
        return _out_of_order(f"{image!r} is a task, where an image belongs", "image", images)
    return unknown_name("image", image, images)


def unknown_task(task: object, tasks: Sequence[str], images: Sequence[str]) -> UnknownNameError:
    """The error for an unknown task, or for an image where a task belongs.

    Args:
        task: as given.
        tasks: all known tasks.
        images: all known images.
    """
    if isinstance(task, str) and task in images:
        return _out_of_order(f"{task!r} is an image, where a task belongs", "task", tasks)
    return unknown_name("task", task, tasks)


def _out_of_order(what: str, kind: str, there: Sequence[str]) -> UnknownNameError:
    return UnknownNameError(
        f"{what}: an architecture comes before an image, an image before a task. Available as "
        f"{kind}: {', '.join(there)}."
    )
