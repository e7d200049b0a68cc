"""A training step as a CUDA graph: recorded once, then launched as one.

At small sizes a step is hundreds of kernels that each take less time than the host needs to launch
them. A graph repeats the very kernels that were recorded, on the very addresses; so a step can be
recorded if all of its state stays in place on the device. Nothing runs while it is recorded: a step
that cannot be leaves its state as it was, and goes on eagerly. So do all that follow: up to 2.12
torch's allocator takes a recording that failed for one that goes on for ever, and no longer gives
back what it keeps (pytorch #180395).

Source: the notes on CUDA graphs in PyTorch's documentation (whole-network capture).
"""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache

import torch

from nasdip_bench.errors import ConfigError

__all__ = ["WARM_UP", "Pace", "on_stream_of_graphs", "recorded"]

WARM_UP = 3
"""Steps to take before one is recorded: libraries choose their kernels and workspaces in the first,
the optimiser makes its state."""

_STEPS_AHEAD = 10

_failed: set[torch.device] = set()
"""Devices on which a step of this process could not be recorded."""

logger = logging.getLogger(__name__)


# One for all fits: memory that was used on a stream is kept for that stream.
@lru_cache
def _stream(device: torch.device) -> torch.cuda.Stream:
    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call]


@contextmanager
def on_stream_of_graphs(device: torch.device) -> Iterator[None]:
    """Work in the block on the stream that graphs are recorded on.

    Warming up there, too, is a condition of recording: gradients are accumulated on the stream
    that they were first accumulated on.

    Raises:
        ConfigError: the device is no CUDA device.
    """
    if device.type != "cuda":
        raise ConfigError(f"CUDA graphs need a CUDA device, not {device}: leave them out")
    stream, before = _stream(device), torch.cuda.current_stream(device)
    stream.wait_stream(before)
    try:
        with torch.cuda.stream(stream):
            yield
    finally:
        before.wait_stream(stream)


def recorded(step: Callable[[], None], device: torch.device) -> Callable[[], None] | None:
    """Replays the step as a graph; None where that fails, or has failed before in this process.

    The first time that it fails, a warning says why.

    Args:
        step: has run `WARM_UP` times on the stream of `on_stream_of_graphs`, as this is called. It
            must not wait for the device, nor draw random numbers.
        device: a CUDA device.
    """
    if device in _failed:
        return None
    graph = torch.cuda.CUDAGraph()
    collecting = gc.isenabled()
    gc.disable()  # another graph that is collected now would spoil the recording
    try:
        with torch.cuda.graph(graph, stream=_stream(device)):
            step()
    except RuntimeError as error:  # what torch raises, out of memory included
        _failed.add(device)
        reason = " ".join(str(error).split())[:300]
        logger.warning(
            "a training step is not recorded as a CUDA graph but launched, and so are all that "
            "follow: %s",
            reason,
        )
        return None
    finally:
        if collecting:
            gc.enable()
    return graph.replay


class Pace:
    """Keeps the host from running far ahead of a GPU, so that a request to stop is heard in time.

    Launches return at once, and hundreds of replays fit into the device's queue. The device always
    has the next steps to do: it never waits.

    Args:
        device: any; away from CUDA nothing is done.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._reached: torch.cuda.Event | None = None
        if device.type == "cuda":
            self._reached = torch.cuda.Event()  # type: ignore[no-untyped-call]

    def step(self, number: int) -> None:
        """To be called after each step, with its number."""
        if self._reached is not None and number % _STEPS_AHEAD == 0:
            self._reached.synchronize()  # what was recorded so many steps ago
            self._reached.record(torch.cuda.current_stream(self._device))
