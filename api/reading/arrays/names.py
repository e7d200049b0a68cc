"""Look up images, tasks and seeds; errors say what the release has instead.

A task given where an image belongs, or the reverse, is told so.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from nasdip_bench.errors import UnknownNameError, unknown_name


def image_position(image: object, images: Sequence[str], tasks: Sequence[str]) -> int:
    """The position of an image of a release; raises `UnknownNameError` if it has none."""
    if not isinstance(image, str) or image not in images:
        raise unknown_image(image, images, tasks)
    return images.index(image)


def unknown_image(image: object, images: Sequence[str], tasks: Sequence[str]) -> UnknownNameError:
    """The error for an unknown image, or for a task where an image belongs."""
    if isinstance(image, str) and image in tasks:
        return _out_of_order(f"{image!r} is a task, where an image belongs", "image", images)
    return unknown_name("image", image, images)


def unknown_task(task: object, tasks: Sequence[str], images: Sequence[str]) -> UnknownNameError:
    """The error for an unknown task, or for an image where a task belongs."""
    if isinstance(task, str) and task in images:
        return _out_of_order(f"{task!r} is an image, where a task belongs", "task", tasks)
    return unknown_name("task", task, tasks)


def _out_of_order(what: str, kind: str, there: Sequence[str]) -> UnknownNameError:
    return UnknownNameError(
        f"{what}: an architecture comes before an image, an image before a task. Available as "
        f"{kind}: {', '.join(there)}."
    )


def check_seed(
    seed: object, seeds: Collection[int], default: Sequence[int], task: str, fidelity: str
) -> int:
    """The seed, as a plain number; True is none, though it equals 1.

    Args:
        seeds: all seeds of the task at the fidelity.
        default: those that are averaged if none is given.

    Raises:
        UnknownNameError: it is not one of them.
    """
    if not isinstance(seed, int | np.integer) or isinstance(seed, bool) or seed not in seeds:
        raise UnknownNameError(
            f"unknown seed {seed!r} for task {task!r} at fidelity {fidelity!r}. Available: "
            f"{', '.join(map(str, sorted(seeds))) or 'none'}. Leave it out for the default: "
            f"{', '.join(map(str, default)) or 'none'}; bench.replicates(...) has the runs of each."
        )
    return int(seed)
