"""The two registries of training-free scores, and how a score is computed.

Must not import scipy or the modules that register scores.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nasdip_bench.errors import ConfigError, ImageError, check_name, unknown_name

from .candidate import Candidate
from .info import NO_REFERENCE, REFERENCE_NAMES, Kind, ScoreInfo
from .spectrum import Spectrum, prepare

if TYPE_CHECKING:
    from torch import Tensor, nn

    from nasdip_bench.tasks import Task

_Function = TypeVar("_Function", bound=Callable[..., float])


@dataclass(frozen=True)
class _Entry:
    """A score; ``evaluate`` takes (output, reference), each a `Spectrum`, or a `Candidate`."""

    info: ScoreInfo
    evaluate: Callable[..., float]


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
        proxies: only these scores; empty: all.
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
    return _scores[check_name("score", name, _scores)].info


def score(
    name: str, output: ArrayLike | Spectrum, reference: ArrayLike | Spectrum | None = None
) -> float:
    """Compute an image score of an untrained network's output.

    Args:
        name: one of `image_scores`.
        output: (C, H, W) float32 or float64 in [0, 1], C 1 or 3; reduced with `task.reduce`.
        reference: the corrupted image or the ground truth, with the same shape. Scores that need
            none ignore it, so one loop can serve all scores.

    Raises:
        UnknownNameError: no such image score.
        ImageError: invalid images, different shapes, or a missing reference.
    """
    entry = _entry(name, "image")
    prepared = prepare(output, "output")
    if not entry.info.needs_reference:
        return float(entry.evaluate(prepared, None))
    if reference is None:
        raise ImageError(
            f"score {name!r} compares the output with a reference image, but none was given: pass "
            "the corrupted image or the ground truth as reference"
        )
    other = prepare(reference, "reference")
    if other.shape != prepared.shape:
        raise ImageError(
            f"the output has shape {prepared.shape} and the reference {other.shape}; scores "
            "compare images of one shape: reduce the output with task.reduce"
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
    """Compute a network score; the network's parameters and buffers do not change.

    Args:
        name: one of `network_scores`.
        network, z, corrupted, task, mask: see `Candidate`; scores on the inpainting loss need the
            mask.

    Raises:
        UnknownNameError: no such network score.
        ConfigError: a score on the inpainting loss without a mask.
    """
    return score_candidate(name, Candidate(network, z, corrupted, task, mask))


def score_candidate(name: str, candidate: Candidate) -> float:
    """Compute a network score of a candidate, which keeps the parts that its other scores share.

    Raises:
        UnknownNameError: no such network score.
        ConfigError: a score on the inpainting loss without a mask.
    """
    return float(_entry(name, "network").evaluate(candidate))


def _entry(name: str, kind: Kind) -> _Entry:
    """The registered score with this name and kind."""
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


def image_score(*, spectral: bool = False, **fields: Any) -> Callable[[_Function], _Function]:
    """Decorator that adds an image score.

    The function is called with (output, reference), both read-only (C, H, W) float64; the reference
    is None if the score needs none. Registering a name anew, for example by rerunning a notebook
    cell, replaces your own score.

    Args:
        spectral: pass `Spectrum` objects to the function instead; they share Fourier transforms.
        **fields: fields of `ScoreInfo`, except ``kind``.

    Raises:
        ConfigError: the name is that of a built-in score, or `ScoreInfo` rejects a field.
    """
    described = ScoreInfo(kind="image", **fields)

    def register(function: _Function) -> _Function:
        def on_arrays(output: Spectrum, reference: Spectrum | None) -> float:
            return function(output.image, None if reference is None else reference.image)

        _enter(described, function if spectral else on_arrays)
        return function

    return register


def network_score(*, of_candidate: bool = False, **fields: Any) -> Callable[[_Function], _Function]:
    """Decorator that adds a network score; replacing works as in `image_score`.

    The function is called with (network, z, corrupted, task); see `score_network`.

    Args:
        of_candidate: pass only a `Candidate` to the function instead; it also has the mask, and
            shares passes and gradients between scores.
        **fields: fields of `ScoreInfo`, except ``kind``.

    Raises:
        ConfigError: the name is that of a built-in score, or `ScoreInfo` rejects a field.
    """
    described = ScoreInfo(kind="network", **fields)

    def register(function: _Function) -> _Function:
        def on_parts(candidate: Candidate) -> float:
            return function(candidate.network, candidate.z, candidate.corrupted, candidate.task)

        _enter(described, function if of_candidate else on_parts)
        return function

    return register


def _enter(described: ScoreInfo, evaluate: Callable[..., float]) -> None:
    """Add a score, or replace one that was added."""
    if described.name in _built_in:
        raise ConfigError(f"score {described.name!r} is built in: choose another name")
    _scores[described.name] = _Entry(described, evaluate)


def unregister(name: str) -> None:
    """Remove a score that was added; built-in ones stay, since datasets rely on them."""
    if name in _built_in:
        raise ConfigError(f"score {name!r} is built in and cannot be removed; use another name")
    info(name)
    del _scores[name]


def protect_registered() -> None:
    """Mark the scores registered so far as built in."""
    _built_in.update(_scores)
