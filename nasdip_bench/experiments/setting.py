"""Settings of experiments: named set-ups, as fidelities are of the dataset; results say theirs.

A setting fixes all that decides a result but the image, the task, the method and the seed. A
changed one carries in its name a hash of what it is, so that two that differ are never taken for
one. Must not import torch.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from nasdip_bench.errors import ConfigError, unknown_name
from nasdip_bench.fidelity import FIDELITIES
from nasdip_bench.space import MIN_SIZE, PAPER_CANDIDATES, SIZE_MULTIPLE
from nasdip_bench.storage.files import sha256_bytes

if TYPE_CHECKING:
    from nasdip_bench.isnas.config import SearchConfig
    from nasdip_bench.tasks import Task

_HASH_DIGITS = 8


@dataclass(frozen=True, kw_only=True)
class Setting:
    """A set-up.

    Attributes:
        name: of the table below, or that with a hash of the changed fields.
        crop: images are cut to the centre part of at most so many pixels a side; 0: whole.
        candidates: architectures that are ranked; see
            `nasdip_bench.space.candidate_architectures`.
        inits: initialisations a score is averaged over.
        cohort: N, the architectures that are trained to select from.
        weighting: of the cohort's average; see `nasdip_bench.isnas.selection`.
        search_channels: channels at every level of the networks that are ranked and selected from.
        channels: the same of the networks that restore, the baselines among them.
        iterations: by kind of task, of restorations.
        full_iterations: by kind of task, of a cohort trained on the image.
        resized_iterations: by kind of task, of a cohort trained on the image made small.
        precision: one of `nasdip_bench.fidelity.PRECISIONS`.
    """

    name: str
    crop: int
    candidates: int
    inits: int
    cohort: int
    weighting: str
    search_channels: int
    channels: int
    iterations: Mapping[str, int]
    full_iterations: Mapping[str, int]
    resized_iterations: Mapping[str, int]
    precision: str

    def __post_init__(self) -> None:
        if self.crop and (self.crop < MIN_SIZE or self.crop % SIZE_MULTIPLE):
            raise ConfigError(
                f"crop {self.crop} must be a multiple of {SIZE_MULTIPLE} and at least {MIN_SIZE}, "
                f"or 0 for whole images"
            )

    @property
    def fields(self) -> dict[str, Any]:
        """All that decides results, in JSON: the attributes without the name."""
        found = asdict(self)
        del found["name"]
        return found

    def changed(self, **changes: Any) -> Setting:
        """The same with other fields, under a name that says so; unchanged where none differs."""
        other = replace(self, **changes)
        if other.fields == self.fields:
            return self
        digest = sha256_bytes(json.dumps(other.fields, sort_keys=True).encode())
        return replace(other, name=f"{self.name}-{digest[:_HASH_DIGITS]}")

    def search_config(
        self, task: Task, selection: str, score: str = "psd_db_strip_mse", seed: int = 0
    ) -> SearchConfig:
        """The search of `nasdip_bench.isnas` that gives the same restoration.

        Raises:
            ConfigError, UnknownNameError: a field outside what is allowed.
        """
        from nasdip_bench.isnas.config import paper_config

        cohort = self.full_iterations if selection == "full" else self.resized_iterations
        return paper_config(
            task,
            selection,
            score=score,
            candidates=self.candidates,
            inits=self.inits,
            cohort=self.cohort,
            weighting=self.weighting,
            search_channels=self.search_channels,
            channels=self.channels,
            iterations=self.iterations[task.kind],
            cohort_iterations=cohort[task.kind],
            precision=self.precision,
            seed=seed,
        )


FIELDS = frozenset(field.name for field in fields(Setting)) - {"name"}
"""What a manifest says of a setting."""

_PAPER = dict(FIDELITIES["r512"].iterations)
_QUICK = {"denoise": 500, "inpaint": 800, "super_resolve": 800}

SETTINGS: dict[str, Setting] = {
    setting.name: setting
    for setting in (
        Setting(
            name="paper",
            crop=0,
            candidates=PAPER_CANDIDATES,
            inits=8,
            cohort=15,
            weighting="paper",
            search_channels=128,
            channels=128,
            iterations=_PAPER,
            full_iterations=_PAPER,
            resized_iterations=dict(FIDELITIES["r64"].stop),
            precision="fp32",
        ),
        Setting(
            name="quick",
            crop=96,
            candidates=100,
            inits=2,
            cohort=4,
            weighting="paper",
            search_channels=16,
            channels=16,
            iterations=_QUICK,
            full_iterations=_QUICK,
            resized_iterations=dict(FIDELITIES["r64c16"].stop),
            precision="fp32",
        ),
    )
}
"""The settings, the paper's first. "quick" is for some cores of a processor: narrow networks on the
centre part of an image. A cohort on a small image is trained until the stopping iteration of the
fidelity r64, or r64c16: small images overfit sooner."""


def get_setting(name: str) -> Setting:
    """The setting of a name of the table."""
    if name not in SETTINGS:
        raise unknown_name("setting", name, SETTINGS)
    return SETTINGS[name]
