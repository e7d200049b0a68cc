"""A folder of finished work: the settings file says what made it, and so what does not mix.

Must not import torch.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

from nasdip_bench.dataset.manifest import MANIFEST
from nasdip_bench.errors import BuildError
from nasdip_bench.fidelity import PROTOCOL_VERSION
from nasdip_bench.storage.files import TEMPORARY_SUFFIX, file_lock, sync_folder, write_atomic
from nasdip_bench.storage.sealed_json import read_sealed, sealed_text

from ..writing import writing

BUILD_SETTINGS = "build.json"
EXPERIMENT_SETTINGS = "experiments.json"

_CONTENTS = {
    MANIFEST: "a dataset",
    BUILD_SETTINGS: "the build of a dataset",
    EXPERIMENT_SETTINGS: "a build of experiments",
}
"""What a folder holds, by the file that says so; a build mixes with none of the others."""

_LATE = ("scoring_inits", "scores")
"""Settings that a folder without scores does not have yet."""
_STALE_SECONDS = 24 * 3600

_Config = TypeVar("_Config")


class WorkFolder(ABC, Generic[_Config]):
    """A folder of finished work, with a sealed JSON file of settings.

    Attributes:
        path: the folder.
        work: where the finished work is.
        damaged: names of the files that were found damaged so far.
    """

    settings_name: ClassVar[str]
    what: ClassVar[str]
    """Name of such a folder, for messages."""
    command: ClassVar[str]
    """The command that writes it."""
    work_files: ClassVar[tuple[str, str]]
    """The folder of finished work, and the pattern of what it holds."""

    def __init__(self, path: Path) -> None:
        self.path, self.work = path, path / self.work_files[0]
        self.damaged: list[str] = []

    def writing(
        self, then: str = " and give the same command again: what is finished before is kept"
    ) -> AbstractContextManager[None]:
        """Raise one clear `BuildError` where the block cannot write to the folder."""
        return writing(f"to the build folder {str(self.path)!r}", then)

    def settings(self) -> dict[str, Any]:
        """The settings in force.

        Raises:
            BuildError: the file is missing or cannot be read.
        """
        path = self.path / self.settings_name
        try:
            found = read_sealed(path.read_text(encoding="utf-8"))
            if not isinstance(found.get("images"), dict):
                raise ValueError(f"it lacks the settings of a {self.what}")
            return found
        except FileNotFoundError:
            raise BuildError(
                f"{self._named} is no {self.what}: there is no {path.name}; name the folder that "
                f"'{self.command} --out' wrote"
            ) from None
        except (OSError, ValueError) as error:
            raise BuildError(
                f"{str(path)!r} cannot be read ({error}); restore it, or name another folder"
            ) from error

    @abstractmethod
    def _wanted(self, config: _Config) -> dict[str, Any]:
        """The settings of a build: the images by name, and what must be equal in all its builds."""

    @abstractmethod
    def _record(self, config: _Config, merged: dict[str, Any]) -> None:
        """Record what a build adds that is not compared: in the settings, or in another file."""

    def check(self, config: _Config) -> None:
        """Raise `BuildError` if the folder does not fit the build; changes nothing."""
        self._merged(self._wanted(config))

    def prepare(self, config: _Config) -> None:
        """Create the folder, or check that it fits the build and record what the build adds.

        Raises:
            BuildError: its settings do not match the build's, or it cannot be written.
        """
        with self.writing(", or name another with --out"):
            self.check(config)  # before anything is created
            self.work.mkdir(parents=True, exist_ok=True)
            with suppress(PermissionError):  # the parent folder may be closed to us
                sync_folder(self.path.absolute().parent)
            with file_lock(self.path / ".lock"):
                merged = self._merged(self._wanted(config))
                self._record(config, merged)
                write_atomic(self.path / self.settings_name, sealed_text(merged).encode())
            self._remove_stale()

    def _remove_stale(self) -> None:
        """Remove temporary files of killed builders, once they are surely abandoned."""
        for path in self.path.rglob(f".*{TEMPORARY_SUFFIX}"):
            with suppress(FileNotFoundError):  # another builder was quicker
                if time.time() - path.stat().st_mtime > _STALE_SECONDS:
                    path.unlink()

    @property
    def _named(self) -> str:
        return repr(str(self.path))

    def _merged(self, wanted: Mapping[str, Any]) -> dict[str, Any]:
        """The folder's settings with the wanted ones added, if they go together."""
        for name, content in _CONTENTS.items():
            if name != self.settings_name and (self.path / name).exists():
                raise BuildError(
                    f"{self._named} holds {content}, which a build does not add to: name another "
                    f"folder with --out"
                )
        if not (self.path / self.settings_name).exists():
            if any(self.work.glob(self.work_files[1])):
                raise BuildError(
                    f"{self._named} holds finished work and no {self.settings_name}, so nobody "
                    f"knows what it was built with: restore the file, or name another folder with "
                    f"--out"
                )
            return dict(wanted)
        found = self.settings()
        if found.get("scoring_inits") and wanted.get("scoring_inits"):
            built, asked = (", ".join(one.get("scores") or ["all"]) for one in (found, wanted))
            if built != asked:
                raise BuildError(
                    f"{self._named} was built with the scores {built}, now {asked} are asked for; "
                    f"the two do not mix: name another folder with --out, and release both together"
                )
        settings = {name: value for name, value in wanted.items() if name != "images"}
        for name, value in settings.items():
            before = found.get(name, value if name in _LATE else None)
            if before != value:
                raise BuildError(
                    f"{self._named} was built with {name} {before!r}, now {value!r} is asked for; "
                    f"the two do not mix: name another folder with --out"
                )
        images = dict(found["images"])
        for name, facts in wanted["images"].items():
            there = images.get(name, {})
            if there.get("sha256", facts["sha256"]) != facts["sha256"]:
                raise BuildError(
                    f"{self._named} was built with another picture called {name!r} (SHA-256 "
                    f"{there['sha256'][:12]}..., now {facts['sha256'][:12]}...); name another "
                    f"folder with --out"
                )
            images[name] = there | facts  # in the existing order
        return found | settings | {"images": images}


def common_settings(device: str, precision: str) -> dict[str, Any]:
    """The settings that decide every number in a folder."""
    return {
        "protocol_version": PROTOCOL_VERSION,
        "precision": precision,
        # Perturbations are drawn on the device, so CPU and GPU ones differ.
        "device_type": device.split(":")[0],
    }
