"""A few parts of one piece of work at once, each by a thread.

Worth it only for work that takes long and releases the interpreter's lock meanwhile, and for few
parts, since to get the lock back takes long, too. The threads are Python's: Arrow's own were seen
to abort a process at its exit (`nasdip_bench.files.read_parquet`), and those of concurrent.futures
take longer to import than what they would save where this is used.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Thread
from typing import TypeVar

__all__ = ["in_threads"]

_Part = TypeVar("_Part")
_Result = TypeVar("_Result")


def in_threads(work: Callable[[_Part], _Result], parts: Sequence[_Part]) -> list[_Result]:
    """What is made of each part, in their order.

    Args:
        work: called once with each part.
        parts: at least one; the first is done by the calling thread.

    Raises:
        BaseException: what the work raised for a part, if it did; after all parts ended.
    """
    done: dict[int, _Result] = {}
    failed: list[BaseException] = []

    def one(place: int) -> None:
        try:
            done[place] = work(parts[place])
        except BaseException as error:  # for the caller, whichever thread it is
            failed.append(error)

    threads = [Thread(target=one, args=(place,)) for place in range(1, len(parts))]
    for thread in threads:
        thread.start()
    try:
        one(0)
    finally:
        for thread in threads:
            thread.join()
    if failed:
        raise failed[0]
    return [done[place] for place in range(len(parts))]
