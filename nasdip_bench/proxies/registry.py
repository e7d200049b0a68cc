"""The two registries of training-free scores, and how a score is computed.

Must not import torch or scipy, nor the modules that register scores.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from types import FunctionType
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nasdip_bench.errors import ConfigError, ImageError, unknown_name

from .candidate import Candidate
from .info import NO_REFERENCE, REFERENCE_NAMES, Kind, ScoreInfo
from .spectrum import Spectrum, prepare

if TYPE_CHECKING:
    from torch import Tensor, nn

    from nasdip_bench.tasks import Task

_Image = TypeVar("_Image", bound=Callable[[Any, Any], float])
_Network = TypeVar("_Network", bound=Callable[..., float])


@dataclass(frozen=True)
class _Entry:
    """A registered score.

    Attributes:
        info: what is said of it.
        evaluate: of an image score from (output, reference), each a `Spectrum`; of a network score
            from a `Candidate`.
        origin: module and qualified name of the function, which tell it when it is defined anew.
    """

    info: ScoreInfo
    evaluate: Callable[..., float]
    origin: tuple[str, str] | None


_scores: dict[str, _Entry] = {}
_built_in: set[str] = set()


def image_scores() -> tuple[str, ...]:
    """Names of the image scores, in the order of registration."""
    return _of_kind("image")


def network_scores() -> tuple[str, ...]:
    """Names of the network scores, in the order of registration."""
    return _of_kind("network")


def _of_kind(kind: Kind) -> tuple[str, ...]:
    return tuple(name for name, entry in _scores.items() if entry.info.kind == kind)


def score_names(proxies: Collection[str] = ()) -> tuple[tuple[str, str], ...]:
    """All pairs (score, reference) that a builder computes.

    Args:
        proxies: of these scores; none named: of all.
    """
    return tuple(
        (name, reference)
        for name, entry in _scores.items()
        if not proxies or name in proxies
        for reference in (REFERENCE_NAMES if entry.info.needs_reference else (NO_REFERENCE,))
    )


def info(name: str) -> ScoreInfo:
    """The description of a score of either kind.

    Raises:
        UnknownNameError: no such score.
    """
    if name not in _scores:
        raise unknown_name("score", name, _scores)
    return _scores[name].info


def score(
    name: str, output: ArrayLike | Spectrum, reference: ArrayLike | Spectrum | None = None
) -> float:
    """One image score of an untrained network's output.

    Args:
        name: one of `image_scores`.
        output: (C, H, W) float32 or float64 in [0, 1], C 1 or 3; reduced as the task has it.
        reference: the corrupted image or the ground truth, of the same shape. Not looked at by
            scores that need none, so that one loop can serve all scores.

    Raises:
        UnknownNameError: no such image score.
        ImageError: arrays that are no images, of different shapes, or no reference.
    """
    entry = _entry(name, "image")
    prepared = prepare(output, "output")
    if not entry.info.needs_reference:
        return float(entry.evaluate(prepared, None))
    if reference is None:
        raise ImageError(
            f"score {name!r} compares the output with a reference image and none was given: pass "
            "the corrupted image or the ground truth as reference"
        )
    other = prepare(reference, "reference")
    if other.shape != prepared.shape:
        raise ImageError(
            f"the output has shape {prepared.shape} and the reference {other.shape}; scores "
            "compare images of one shape: reduce the output as the task has it (task.reduce)"
        )
    return float(entry.evaluate(prepared, other))


def score_network(
    name: str,
    network: nn.Module,
    z: Tensor,
    corrupted: NDArray[np.float32],
    task: Task,
    *,
    mask: NDArray[np.float32] | None = None,
) -> float:
    """One network score.

    Args:
        name: one of `network_scores`.
        network: untrained; a score leaves its parameters and buffers as they are.
        z: (1, C, H, W), the network's input.
        corrupted: (C, h, w) float32 in [0, 1], as the task has it.
        task: which says how outputs and the corrupted image compare.
        mask: (1, H, W) float32 of 0 and 1, for inpainting: scores on the loss need it.

    Raises:
        UnknownNameError: no such network score.
        ConfigError: a score on the loss of inpainting, and no mask.
    """
    return score_candidate(name, Candidate(network, z, corrupted, task, mask))


def score_candidate(name: str, candidate: Candidate) -> float:
    """One network score, of a candidate that keeps what other scores of it use, too.

    Raises:
        UnknownNameError: no such network score.
        ConfigError: a score on the loss of inpainting, and no mask.
    """
    return float(_entry(name, "network").evaluate(candidate))


def _entry(name: str, kind: Kind) -> _Entry:
    """The score of a name and kind."""
    if name not in _scores:
        raise unknown_name(f"{kind} score", name, _of_kind(kind))
    entry = _scores[name]
    if entry.info.kind != kind:
        function = "score" if kind == "network" else "score_network"
        raise ConfigError(
            f"{name!r} is {_ARTICLE[entry.info.kind]} score, not {_ARTICLE[kind]} score: use "
            f"{function}"
        )
    return entry


_ARTICLE = {"image": "an image", "network": "a network"}


# The registries


def image_score(*, spectral: bool = False, **fields: Any) -> Callable[[_Image], _Image]:
    """Decorator that adds an image score.

    The function is called with (output, reference), both read-only (C, H, W) float64; the reference
    is None for a score without. The same function defined anew, as by a notebook cell that runs
    again, takes its own place.

    Args:
        spectral: hand the function `Spectrum` objects instead, which share Fourier transforms.
        **fields: of `ScoreInfo`, but ``kind``.

    Raises:
        ConfigError: the name is taken, or a field is not as `ScoreInfo` has it.
    """
    described = ScoreInfo(kind="image", **fields)

    def register(function: _Image) -> _Image:
        def on_arrays(output: Spectrum, reference: Spectrum | None) -> float:
            return function(output.image, None if reference is None else reference.image)

        _enter(described, function, function if spectral else on_arrays)
        return function

    return register


def network_score(*, of_candidate: bool = False, **fields: Any) -> Callable[[_Network], _Network]:
    """Decorator that adds a network score; a function defined anew as in `image_score`.

    The function is called with (network, z, corrupted, task); see `score_network`.

    Args:
        of_candidate: hand the function a `Candidate` alone instead, which has the mask besides, and
            shares passes and gradients between scores.
        **fields: of `ScoreInfo`, but ``kind``.

    Raises:
        ConfigError: the name is taken, or a field is not as `ScoreInfo` has it.
    """
    described = ScoreInfo(kind="network", **fields)

    def register(function: _Network) -> _Network:
        def on_parts(candidate: Candidate) -> float:
            return function(candidate.network, candidate.z, candidate.corrupted, candidate.task)

        _enter(described, function, function if of_candidate else on_parts)
        return function

    return register


def _enter(
    described: ScoreInfo, function: Callable[..., float], evaluate: Callable[..., float]
) -> None:
    """Add a score, in the place of an earlier definition of its function."""
    named = isinstance(function, FunctionType) and function.__name__ != "<lambda>"
    origin = (function.__module__, function.__qualname__) if named else None
    name = described.name
    if name in _scores:
        same = origin is not None and origin == _scores[name].origin
        if name in _built_in or not same:
            raise ConfigError(
                f"a score {name!r} is registered already, by another function: choose another "
                "name, or take out one of your own with unregister first"
            )
        unregister(name)
    _scores[name] = _Entry(described, evaluate, origin)


def unregister(name: str) -> None:
    """Take out a score that was added; the built-in ones stay, since datasets rely on them."""
    if name in _built_in:
        raise ConfigError(f"score {name!r} is built in and cannot be taken out; use another name")
    info(name)
    del _scores[name]


def protect_registered() -> None:
    """Declare what is registered so far built in."""
    _built_in.update(_scores)
