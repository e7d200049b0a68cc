"""The two registries of training-free scores, and how a score is computed.

Must not import torch or scipy, nor the modules that register scores.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import partial
from types import FunctionType
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nasdip_bench.errors import ConfigError, ImageError, unknown_name

from .candidate import Candidate
from .info import NO_REFERENCE, REFERENCE_NAMES, Kind, ScoreInfo
from .spectrum import Spectrum, prepare

if TYPE_CHECKING:
    from torch import Tensor, nn

    from nasdip_bench.tasks import Task

__all__ = [
    "image_score",
    "image_scores",
    "info",
    "network_score",
    "network_scores",
    "protect_registered",
    "register_image_score",
    "register_network_score",
    "score",
    "score_all",
    "score_candidate",
    "score_names",
    "score_network",
    "unregister",
]

FloatArray = NDArray[np.float64]
# (output, reference) to value, on arrays or Spectrum objects; the reference None if not needed.
ImageFunction = Callable[[Any, Any], float]
NetworkFunction = Callable[["nn.Module", "Tensor", "NDArray[np.float32]", "Task"], float]
CandidateFunction = Callable[[Candidate], float]
_Function = TypeVar("_Function", bound=Callable[..., float])

_info: dict[str, ScoreInfo] = {}
_image: dict[str, ImageFunction] = {}
_network: dict[str, CandidateFunction] = {}
_built_in: set[str] = set()
_origin: dict[str, tuple[str, str] | None] = {}  # module and qualified name of a function


def image_scores() -> tuple[str, ...]:
    """Names of the image scores, in the order of registration."""
    return tuple(_image)


def network_scores() -> tuple[str, ...]:
    """Names of the network scores, in the order of registration."""
    return tuple(_network)


def score_names(proxies: Collection[str] = ()) -> tuple[tuple[str, str], ...]:
    """All pairs (score, reference) that a builder computes.

    Args:
        proxies: of these scores; none named: of all.
    """
    names = [name for name in _info if not proxies or name in proxies]
    return tuple(
        (name, reference)
        for name in names
        for reference in (REFERENCE_NAMES if _info[name].needs_reference else (NO_REFERENCE,))
    )


def info(name: str) -> ScoreInfo:
    """The description of a score of either kind.

    Raises:
        UnknownNameError: no such score.
    """
    if name not in _info:
        raise unknown_name("score", name, _info)
    return _info[name]


def score(
    name: str,
    output: ArrayLike | Spectrum,
    reference: ArrayLike | Spectrum | None = None,
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
    if name not in _image:
        if name in _network:
            raise ConfigError(f"{name!r} is a network score, not an image score: use score_network")
        raise unknown_name("image score", name, _image)
    prepared = prepare(output, "output")
    if not _info[name].needs_reference:
        return float(_image[name](prepared, None))
    if reference is None:
        raise ImageError(
            f"score {name!r} compares the output with a reference image and none was given: pass "
            "the corrupted image or the ground truth as reference"
        )
    return float(_image[name](prepared, _matching(prepared, reference, "reference")))


def score_all(
    output: ArrayLike | Spectrum, reference: Mapping[str, ArrayLike | Spectrum]
) -> dict[tuple[str, str], float]:
    """All image scores of one output against any number of references.

    Equal to `score` on each, but each spectrum is computed once. References that serve several
    outputs are best given as `prepare` returns them: then theirs is computed once for all outputs.

    Args:
        output: (C, H, W) float in [0, 1], or prepared.
        reference: name, such as "corrupted" or "ground_truth", to an image of the same shape.

    Returns:
        (score, reference's name) to value; the name is "none" for scores without a reference.

    Raises:
        ConfigError: a reference called "none".
        ImageError: arrays that are no images, or of different shapes.
    """
    if NO_REFERENCE in reference:
        raise ConfigError(
            f"a reference cannot be called {NO_REFERENCE!r}: the name stands for scores without "
            "one; give it another"
        )
    prepared = prepare(output, "output")
    others = {
        name: _matching(prepared, other, f"reference {name!r}") for name, other in reference.items()
    }
    values: dict[tuple[str, str], float] = {}
    for name, function in _image.items():
        if not _info[name].needs_reference:
            values[name, NO_REFERENCE] = float(function(prepared, None))
            continue
        for reference_name, other in others.items():
            values[name, reference_name] = float(function(prepared, other))
    return values


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
    if name not in _network:
        if name in _image:
            raise ConfigError(f"{name!r} is an image score, not a network score: use score")
        raise unknown_name("network score", name, _network)
    return float(_network[name](candidate))


def _matching(output: Spectrum, reference: ArrayLike | Spectrum, role: str) -> Spectrum:
    prepared = prepare(reference, role)
    if prepared.shape != output.shape:
        raise ImageError(
            f"the output has shape {output.shape} and the {role} {prepared.shape}; scores compare "
            "images of one shape: reduce the output as the task has it (task.reduce)"
        )
    return prepared


# The registries


def register_image_score(
    info: ScoreInfo, function: ImageFunction, *, spectral: bool = False
) -> None:
    """Add an image score.

    The same function defined anew, as by a notebook cell that runs again, takes its own place.

    Args:
        info: its description, of kind "image".
        function: (output, reference) to value, both read-only (C, H, W) float64; the reference is
            None for a score without.
        spectral: hand the function `Spectrum` objects instead, which share Fourier transforms.

    Raises:
        ConfigError: the name is taken, or the description is of the other kind.
    """

    def on_arrays(output: Spectrum, reference: Spectrum | None) -> float:
        return function(output.image, None if reference is None else reference.image)

    _enter(info, "image", function)
    _image[info.name] = function if spectral else on_arrays


def register_network_score(
    info: ScoreInfo,
    function: NetworkFunction | CandidateFunction,
    *,
    of_candidate: bool = False,
) -> None:
    """Add a network score; a function defined anew as in `register_image_score`.

    Args:
        info: its description, of kind "network".
        function: (network, z, corrupted, task) to value, see `score_network`.
        of_candidate: hand the function a `Candidate` alone instead, which has the mask besides, and
            shares passes and gradients between scores.

    Raises:
        ConfigError: the name is taken, or the description is of the other kind.
    """

    def on_parts(candidate: Candidate) -> float:
        arguments = (candidate.network, candidate.z, candidate.corrupted, candidate.task)
        return cast(NetworkFunction, function)(*arguments)

    _enter(info, "network", function)
    _network[info.name] = cast(CandidateFunction, function) if of_candidate else on_parts


def unregister(name: str) -> None:
    """Take out a score that was added; the built-in ones stay, since datasets rely on them."""
    if name in _built_in:
        raise ConfigError(f"score {name!r} is built in and cannot be taken out; use another name")
    info(name)
    for registry in (_info, _image, _network, _origin):
        registry.pop(name, None)


def protect_registered() -> None:
    """Declare what is registered so far built in."""
    _built_in.update(_info)


def image_score(*, spectral: bool = False, **fields: Any) -> Callable[[_Function], _Function]:
    """Decorator form of `register_image_score`; takes the fields of `ScoreInfo` but ``kind``."""
    register = partial(register_image_score, spectral=spectral)
    return _decorator(register, ScoreInfo(kind="image", **fields))


def network_score(*, of_candidate: bool = False, **fields: Any) -> Callable[[_Function], _Function]:
    """Decorator form of `register_network_score`; takes the fields of `ScoreInfo` but ``kind``."""
    register = partial(register_network_score, of_candidate=of_candidate)
    return _decorator(register, ScoreInfo(kind="network", **fields))


def _decorator(
    register: Callable[[ScoreInfo, Any], None], described: ScoreInfo
) -> Callable[[_Function], _Function]:
    def decorate(function: _Function) -> _Function:
        register(described, function)
        return function

    return decorate


def _enter(described: ScoreInfo, kind: Kind, function: Callable[..., float]) -> None:
    """Note what is said of a new score, in the place of an earlier definition of its function."""
    if described.kind != kind:
        raise ConfigError(
            f"score {described.name!r} is described as a score of kind {described.kind!r} and "
            f"registered as one of kind {kind!r}: use register_{described.kind}_score"
        )
    named = isinstance(function, FunctionType) and function.__name__ != "<lambda>"
    origin = (function.__module__, function.__qualname__) if named else None
    if described.name in _info:
        same = origin is not None and origin == _origin[described.name]
        if described.name in _built_in or not same:
            raise ConfigError(
                f"a score {described.name!r} is registered already, by another function: choose "
                "another name, or take out one of your own with unregister first"
            )
        unregister(described.name)
    _info[described.name], _origin[described.name] = described, origin
