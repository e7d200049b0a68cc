"""The settings file of a build folder: what built its content, and what does not mix.

Must not import torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nasdip_bench.dataset.manifest import MANIFEST
from nasdip_bench.errors import BuildError
from nasdip_bench.fidelity import PROTOCOL_VERSION
from nasdip_bench.storage.files import write_atomic
from nasdip_bench.storage.sealed_json import read_sealed, sealed_text

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


@dataclass(frozen=True)
class SettingsFile:
    """A sealed JSON file; for messages, ``what`` folder holds it and which ``command`` wrote it."""

    path: Path
    what: str
    command: str

    @property
    def _folder(self) -> str:
        return repr(str(self.path.parent))

    def read(self) -> dict[str, Any]:
        """The settings in force.

        Raises:
            BuildError: the file is missing or cannot be read.
        """
        try:
            found = read_sealed(self.path.read_text(encoding="utf-8"))
            if not isinstance(found.get("images"), dict):
                raise ValueError(f"it lacks the settings of a {self.what}")
            return found
        except FileNotFoundError:
            raise BuildError(
                f"{self._folder} is no {self.what}: there is no {self.path.name}; name the folder "
                f"that '{self.command} --out' wrote"
            ) from None
        except (OSError, ValueError) as error:
            raise BuildError(
                f"{str(self.path)!r} cannot be read ({error}); restore it, or name another folder"
            ) from error

    def write(self, fields: dict[str, Any]) -> None:
        """Replace the file."""
        write_atomic(self.path, sealed_text(fields).encode())

    def merged(self, wanted: Mapping[str, Any], has_work: bool) -> dict[str, Any]:
        """The folder's settings with the wanted ones added; nothing is written.

        Raises:
            BuildError: the two do not mix, the folder holds something else, or it holds work but
                the file is gone.
        """
        for name, content in _CONTENTS.items():
            if name != self.path.name and (self.path.parent / name).exists():
                raise BuildError(
                    f"{self._folder} holds {content}, which a build does not add to: name another "
                    f"folder with --out"
                )
        if not self.path.exists():
            if has_work:
                raise BuildError(
                    f"{self._folder} holds finished work and no {self.path.name}, so nobody knows "
                    f"what it was built with: restore the file, or name another folder with --out"
                )
            return dict(wanted)
        found = self.read()
        if found.get("scoring_inits") and wanted.get("scoring_inits"):
            built, asked = (", ".join(one.get("scores") or ["all"]) for one in (found, wanted))
            if built != asked:
                raise BuildError(
                    f"{self._folder} was built with the scores {built}, now {asked} are asked for; "
                    f"the two do not mix: name another folder with --out, and release both together"
                )
        settings = {name: value for name, value in wanted.items() if name != "images"}
        for name, value in settings.items():
            before = found.get(name, value if name in _LATE else None)
            if before != value:
                raise BuildError(
                    f"{self._folder} was built with {name} {before!r}, now {value!r} is asked for; "
                    f"the two do not mix: name another folder with --out"
                )
        images = dict(found["images"])
        for name, facts in wanted["images"].items():
            there = images.get(name, {})
            if there.get("sha256", facts["sha256"]) != facts["sha256"]:
                raise BuildError(
                    f"{self._folder} was built with another picture called {name!r} (SHA-256 "
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
