"""The build folder of an experiment: files that exist are finished and never made again.

    experiments.json            the setting, the images, all requested results
    work/TASK/IMAGE/
        scores-FIRST.npz        scores of some candidates
        PURPOSE-NETWORK-SEED.npz  a fit, shared by every method that needs it
        METHOD-SEED.json        a restoration: its row of the results
    results/                    experiments.parquet, its manifest, the restored images as PNG

JSON files hold the SHA-256 of their content. A damaged file counts as missing. Never imports torch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.errors import BuildError
from nasdip_bench.experiments.methods import parse_method
from nasdip_bench.experiments.results import OUTPUTS, SCHEMA_VERSION, output_name
from nasdip_bench.storage.files import file_lock, write_atomic
from nasdip_bench.storage.npz import read_npz, write_npz
from nasdip_bench.storage.sealed_json import read_sealed, sealed_text

from ..folder.build_folder import remove_stale
from ..folder.settings import EXPERIMENT_SETTINGS, SettingsFile, common_settings
from ..writing import writing
from .config import ExperimentConfig, Restoration, ResultKey

RESULTS = "results"
WORK = "work"
_FACTS = ("sha256", "channels", "height", "width")


class ExperimentFolder:
    """A build folder; ``damaged`` names the damaged restorations found so far."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.results = path / RESULTS
        self._work = path / WORK
        self.damaged: list[str] = []
        self._settings = SettingsFile(
            path / EXPERIMENT_SETTINGS, "build folder of experiments", "nasdip-build experiments"
        )

    # Settings

    def prepare(self, config: ExperimentConfig) -> None:
        """Create the folder, or check that it fits the experiment and record what that adds.

        Raises:
            BuildError: its settings do not match the experiment's, or it cannot be written.
        """
        with writing(f"to the build folder {str(self.path)!r}", ", or name another with --out"):
            self.check(config)
            self._work.mkdir(parents=True, exist_ok=True)
            with file_lock(self.path / ".lock"):
                merged = self.check(config)
                now = [(k.set, k.image, k.task, str(k.method), k.seed) for k in config.wanted]
                merged["asked"] = [*dict.fromkeys([*map(tuple, merged.get("asked", ())), *now])]
                self._settings.write(merged)
            remove_stale(self.path)

    def settings(self) -> dict[str, Any]:
        """The settings in force; see `SettingsFile.read`."""
        return self._settings.read()

    def asked(self) -> Iterator[ResultKey]:
        """All results requested so far, in order."""
        for image_set, image, task, method, seed in self.settings()["asked"]:
            yield ResultKey(image_set, image, task, parse_method(method), seed)

    def check(self, config: ExperimentConfig) -> dict[str, Any]:
        """The folder's settings with the experiment's added; changes nothing.

        Raises:
            BuildError: the two do not mix.
        """
        wanted = common_settings(config.device, config.setting.precision) | {
            "schema_version": SCHEMA_VERSION,
            "setting": config.setting.name,
            "fields": config.setting.fields,
            "images": {
                name: dict(zip(_FACTS, (image.sha256, *config.shapes[name]), strict=True))
                for name, image in config.pictures.items()
            },
        }
        return self._settings.merged(wanted, any(self._work.glob("*/*")))

    # Restorations

    def row(self, key: Restoration) -> dict[str, Any] | None:
        """The row of a restoration that ended: ok, diverged or failed.

        Raises:
            BuildError: it cannot be read.
        """
        path = self._row(key)
        try:
            row = _read_json(path)
            picture = row["output_sha256"]
            return row if picture is None or self._picture(picture).exists() else None
        except FileNotFoundError:
            return None
        except ValueError:
            self.damaged.append(f"{key.task}/{key.image}/{path.name}")
            return None
        except OSError as error:
            # Not damage: making it again would discard finished work.
            raise BuildError(
                f"{str(path)!r} cannot be read: {error.strerror or error}; make it readable, and "
                f"run the command again"
            ) from error

    def done(self, key: Restoration) -> bool:
        """Whether a restoration is finished, ok or diverged; failed ones are tried again."""
        row = self.row(key)
        return row is not None and row["status"] != "failed"

    def keep_row(self, key: Restoration, row: dict[str, Any]) -> None:
        """Write the row of a restoration; it is on disk when this returns."""
        _write_json(self._row(key), row)

    def keep_picture(self, sha256: str, content: bytes) -> None:
        """Write a restored image as PNG."""
        path = self._picture(sha256)
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            write_atomic(path, content)

    def _row(self, key: Restoration) -> Path:
        method = str(key.method).replace("/", "+")
        name = method if key.seed is None else f"{method}-{key.seed}"
        return self._of(key) / f"{name}.json"

    def _picture(self, sha256: str) -> Path:
        return self.results / OUTPUTS / output_name(sha256)

    def _of(self, key: Restoration) -> Path:
        return self._work / key.task / key.image

    # What restorations share

    def arrays(
        self,
        key: Restoration,
        name: str,
        needed: Iterable[str],
        make: Callable[[], Mapping[str, Any]],
    ) -> dict[str, NDArray[Any]]:
        """Load the arrays kept for a restoration's image and task, or make and keep them now.

        A file that is damaged or lacks a needed array is made again."""
        path = self._of(key) / f"{name}.npz"
        found = read_npz(path)
        if found is not None and found.keys() >= set(needed):
            return found
        made = {array: np.asarray(value) for array, value in make().items()}
        path.parent.mkdir(parents=True, exist_ok=True)
        write_npz(path, made)
        return made

    def kept_bytes(self) -> int:
        """The size of all finished work, which shows whether anything was added."""
        total = 0
        for path in self._work.rglob("*"):
            with suppress(FileNotFoundError):  # another builder's temporary file
                total += path.stat().st_size
        return total


def _read_json(path: Path) -> dict[str, Any]:
    return read_sealed(path.read_text(encoding="utf-8"))


def _write_json(path: Path, fields: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, sealed_text(fields).encode())
