"""Restoration problems on a device: the losses that a fit minimises, the errors it records."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import mse_loss

from nasdip_bench.errors import ConfigError
from nasdip_bench.tasks import (
    LUMA_OFFSET,
    LUMA_WEIGHTS,
    Observation,
    SuperResolve,
    Task,
    lanczos_matrix,
)


class Problem:
    """One restoration problem, or a stack of R with one task and shape.

    Args:
        task: the task.
        observation: what the fit sees.
        truth: (C, H, W) float32 in [0, 1], read only to record PSNR; None if there is none.
        device: where to compute.
        dtype: dtype of the network's output.

    Attributes:
        corrupted: (R, C, h, w).
        mask: (R, 1, H, W), for inpainting; else None.
        known_share: (R,) float64, the share of known pixels; 1 without a mask.
        truth: (R, C, H, W), or None.
        target: the truth as errors see it, luma for super-resolution of colour; absent without one.
    """

    def __init__(
        self,
        task: Task,
        observation: Observation,
        truth: np.ndarray | None,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        def tensor(array: np.ndarray) -> Tensor:
            return torch.tensor(array, device=device, dtype=dtype)

        self.corrupted = tensor(observation.corrupted)[None]
        self.mask = None if observation.mask is None else tensor(observation.mask)[None]
        share = torch.full((1,), task.known_share(observation), dtype=torch.float64)
        self.known_share = share.to(device)
        self.truth = None if truth is None else tensor(truth)[None]
        self._task = task
        self._reducers: tuple[Tensor, Tensor] | None = None
        self._luma: Tensor | None = None
        if isinstance(task, SuperResolve):
            height, width = (side * task.factor for side in observation.corrupted.shape[1:])
            self._reducers = (
                tensor(lanczos_matrix(height, task.factor)),
                tensor(lanczos_matrix(width, task.factor).T),
            )
            if observation.corrupted.shape[0] == 3:
                self._luma = tensor(np.asarray(LUMA_WEIGHTS)).view(1, 3, 1, 1)
        if self.truth is not None:
            self.target = self.observed(self.truth)

    @classmethod
    def stack(cls, problems: Sequence[Self]) -> Self:
        """Stack several problems into one, in their order.

        Raises:
            ConfigError: no problems, or problems that differ in task, shape or whether they have a
                ground truth.
        """
        kinds = {(p._task, p.corrupted.shape[1:], p.truth is None) for p in problems}
        if len(kinds) != 1:
            raise ConfigError(
                f"a stack takes problems of one task and shape, all with or all without ground "
                f"truth, not {len(kinds)} kinds"
            )
        stacked = cls.__new__(cls)
        stacked.__dict__.update(problems[0].__dict__)
        for name in ("corrupted", "mask", "known_share", "truth", "target"):
            if getattr(stacked, name, None) is not None:
                setattr(stacked, name, torch.cat([getattr(problem, name) for problem in problems]))
        return stacked

    @property
    def runs(self) -> int:
        """R, the number of problems."""
        return len(self.corrupted)

    @property
    def reduces(self) -> bool:
        """Whether outputs are reduced before they are compared with the corrupted image."""
        return self._reducers is not None

    def unstack(self, output: Tensor) -> Tensor:
        """Reshape the output of a stacked network, (1, R·C, H, W), to (R, C, H, W)."""
        return output.view(self.runs, -1, *output.shape[2:])

    def losses(self, output: Tensor) -> Tensor:
        """(R,) MSE to the corrupted images: of f(z), of m·f(z) or of D f(z)."""
        if self.mask is not None:
            output = output * self.mask
        elif self._reducers is not None:
            rows, columns = self._reducers
            output = rows @ output @ columns
        return _mean_squares(output, self.corrupted)

    def errors(self, output: Tensor) -> Tensor:
        """(R,) MSE to the ground truths, on luma for super-resolution of colour."""
        return _mean_squares(self.observed(output), self.target)

    def observed(self, image: Tensor) -> Tensor:
        """Images as errors see them; see `target`."""
        if self._luma is None:
            return image
        return (image * self._luma).sum(1, keepdim=True) + LUMA_OFFSET


def _mean_squares(images: Tensor, targets: Tensor) -> Tensor:
    return mse_loss(images, targets, reduction="none").mean((1, 2, 3))
