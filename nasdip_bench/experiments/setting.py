"""Settings of experiments: named set-ups, like the dataset's fidelities; results state theirs.

A setting fixes everything that determines a result except the image, the task, the method and the
seed. A changed one has a hash in its name, so different settings are never confused.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nasdip_bench.errors import ConfigError, check_name
from nasdip_bench.space import MIN_SIZE, SIZE_MULTIPLE
from nasdip_bench.storage.files import sha256_bytes
from nasdip_bench.tasks import Denoise, Inpaint, SuperResolve

if TYPE_CHECKING:
    from nasdip_bench.isnas.config import SearchConfig
    from nasdip_bench.tasks import Task

_HASH_DIGITS = 8
_ALIKE = (
    *("candidates", "inits", "cohort", "weighting"),
    *("search_channels", "channels", "precision"),
)
"""What is the same for all tasks and selections."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """A set-up.

    Attributes:
        name: a name of the table below; with a hash if it was changed.
        preset: whose searches these are; one of `nasdip_bench.isnas.config.PRESETS`.
        crop: images are cut to the centre part, of at most this many pixels per side; 0: whole.
        changes: other values of single fields of `SearchConfig`. DIP and NAS-DIP take the
            restoration's channels and iterations.
    """

    name: str
    preset: str
    crop: int
    changes: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.crop and (self.crop < MIN_SIZE or self.crop % SIZE_MULTIPLE):
            raise ConfigError(
                f"crop {self.crop} must be a multiple of {SIZE_MULTIPLE} and at least {MIN_SIZE}, "
                f"or 0 for whole images"
            )

    def changed(self, *, crop: int | None = None, **changes: Any) -> Setting:
        """A copy with another crop or other fields, and a name that tells."""
        crop = self.crop if crop is None else crop
        if crop == self.crop and not changes:
            return self
        changes = {**self.changes, **changes}
        content = json.dumps([self.preset, crop, changes], sort_keys=True).encode()
        name = f"{self.preset}-{sha256_bytes(content)[:_HASH_DIGITS]}"
        return Setting(name=name, preset=self.preset, crop=crop, changes=changes)

    @property
    def precision(self) -> str:
        """One of `nasdip_bench.fidelity.PRECISIONS`."""
        return str(self.changes.get("precision", "fp32"))

    def search_config(self, task: Task, selection: str = "full", **more: Any) -> SearchConfig:
        """The search that gives the same restoration; ``more`` fields depend on the method.

        Raises:
            ConfigError, UnknownNameError: a field has a value that is not allowed.
        """
        from nasdip_bench.isnas.config import PRESETS

        return PRESETS[self.preset](task, selection=selection, **(dict(self.changes) | more))

    @property
    def fields(self) -> dict[str, Any]:
        """Everything that determines results, as JSON; imports torch."""
        tasks = (Denoise(), Inpaint(), SuperResolve(2))
        full = {task.kind: self.search_config(task) for task in tasks}
        small = {task.kind: self.search_config(task, "resized") for task in tasks[:2]}
        return {
            "crop": self.crop,
            **{name: getattr(full["denoise"], name) for name in _ALIKE},
            "iterations": {kind: one.iterations for kind, one in full.items()},
            "full_iterations": {kind: one.cohort_iterations for kind, one in full.items()},
            "resized_iterations": {kind: one.cohort_iterations for kind, one in small.items()},
        }


def described(name: str, fields: Mapping[str, Any]) -> str:
    """A setting and its fields, as text."""
    crop = fields["crop"]
    part = f"only the centre {crop} x {crop} of each image" if crop else "whole images"
    wide = dict.fromkeys([fields["search_channels"], fields["channels"]])
    whole, full, small = (
        ", ".join(f"{kind} {count}" for kind, count in fields[f"{what}iterations"].items())
        for what in ("", "full_", "resized_")
    )
    cohorts = f"on the image: {full}; " if full != whole else ""
    return (
        f"Setting {name}: {part}, {' and '.join(map(str, wide))} channels, "
        f"{fields['candidates']} candidates ranked by {fields['inits']} initialisations, cohorts "
        f"of {fields['cohort']}, iterations {whole} (cohorts {cohorts}on the resized image: "
        f"{small}), {fields['precision']}"
    )


SETTINGS: dict[str, Setting] = {
    setting.name: setting
    for setting in (
        Setting(name="paper", preset="paper", crop=0),
        Setting(name="quick", preset="quick", crop=96),
    )
}
"""The settings, the paper's first. "quick" is for a few CPU cores: narrow networks on the centre
part of an image."""


def get_setting(name: str) -> Setting:
    """The setting with a name of the table."""
    return SETTINGS[check_name("setting", name, SETTINGS)]
