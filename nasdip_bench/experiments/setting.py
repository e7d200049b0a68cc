"""Settings of experiments: named set-ups, like the dataset's fidelities; results state theirs.

A setting fixes everything that determines a result except the image, the task, the method and the
seed. A changed one has a hash of its fields in its name, so different settings are never confused.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from nasdip_bench.errors import ConfigError, check_name
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
        name: a name of the table below; with a hash of the fields if they were changed.
        crop: images are cut to the centre part, of at most this many pixels per side; 0: whole.
        candidates: number of architectures to rank; see
            `nasdip_bench.space.candidate_architectures`.
        inits: initialisations a score is averaged over.
        cohort: N, the number of architectures to train and select from.
        weighting: weights of the cohort's average; see `nasdip_bench.isnas.selection`.
        search_channels: channels at every level of the networks that are ranked and selected from.
        channels: the same for the networks that restore, including the baselines.
        iterations: of restorations, by kind of task.
        full_iterations: of a cohort trained on the image, by kind of task.
        resized_iterations: of a cohort trained on the image made small, by kind of task.
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
        """Everything that determines results, as JSON: the attributes without the name."""
        found = asdict(self)
        del found["name"]
        return found

    def changed(self, **changes: Any) -> Setting:
        """A copy with other fields and a name that tells; itself if no field differs."""
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
            ConfigError, UnknownNameError: a field has a value that is not allowed.
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
"""The fields of a setting in a manifest."""

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
"""The settings, the paper's first. "quick" is for a few CPU cores: narrow networks on the centre
part of an image. A cohort on a small image is trained until the stopping iteration of the fidelity
r64, or r64c16, since small images overfit sooner."""


def get_setting(name: str) -> Setting:
    """The setting with a name of the table."""
    return SETTINGS[check_name("setting", name, SETTINGS)]
