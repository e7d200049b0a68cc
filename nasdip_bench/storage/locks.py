"""A lock that threads reading a dataset share, and that survives a fork."""

from __future__ import annotations

import os
import threading


class ForkSafeLock:
    """A re-entrant lock that is free in a forked child.

    A plain lock that another thread holds at the moment of a fork stays locked in the child
    forever, since that thread does not exist there.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._process = os.getpid()

    def __enter__(self) -> None:
        if self._process != os.getpid():  # a child begins with one thread, so this cannot race
            self._lock, self._process = threading.RLock(), os.getpid()
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()
