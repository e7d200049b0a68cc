"""The build folder of an experiment: files that exist are finished, and are never made again.

    experiments.json            the setting, the images, all results that were asked for
    work/TASK/IMAGE/
        scores-FIRST.npz        scores of some candidates
        PURPOSE-NETWORK-SEED.npz  a fit, which serves every method that needs it
        METHOD-SEED.json        a restoration: its row of the results
    results/                    experiments.parquet, its manifest, the restored images as PNG

JSON files carry the SHA-256 of their content. A damaged file is as none. Must not import torch.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.errors import BuildError
from nasdip_bench.experiments.methods import parse_method
from nasdip_bench.experiments.results import OUTPUTS, SCHEMA_VERSION, output_name
from nasdip_bench.fidelity import PROTOCOL_VERSION
from nasdip_bench.storage.files import file_lock, write_atomic
from nasdip_bench.storage.sealed_json import parse_json, sealed, unsealed

from ..folder.build_folder import SETTINGS as DATASET_SETTINGS
from ..folder.shard_files import remove_stale
from .config import ExperimentConfig, Restoration, ResultKey

__all__ = ["ExperimentFolder"]

SETTINGS = "experiments.json"
RESULTS = "results"
WORK = "work"


class ExperimentFolder:
    """A build folder.

    Args:
        path: the folder.

    Attributes:
        results: the folder of results.
        damaged: names of the damaged restorations met so far.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.results = path / RESULTS
        self._work = path / WORK
        self.damaged: list[str] = []

    # Settings

    def prepare(self, config: ExperimentConfig) -> None:
        """Create the folder, or check that it fits the experiment and note what that adds.

        Raises:
            BuildError: it was built with settings that do not go with these, or cannot be written.
        """
        with self.writing("name another with --out"):
            self._work.mkdir(parents=True, exist_ok=True)
            with file_lock(self.path / ".lock"):
                _write_json(self.path / SETTINGS, self._merged(config))
            remove_stale(self.path)

    def check(self, config: ExperimentConfig) -> None:
        """Raise `BuildError` if the folder does not fit the experiment; changes nothing."""
        self._merged(config)

    def settings(self) -> dict[str, Any]:
        """The settings in force.

        Raises:
            BuildError: this is no build folder of experiments, or its settings cannot be read.
        """
        path = self.path / SETTINGS
        try:
            found = _read_json(path)
            if not {"setting", "fields", "images", "asked"} <= found.keys():
                raise ValueError("it lacks the settings of an experiment")
            return found
        except FileNotFoundError:
            raise BuildError(
                f"{str(self.path)!r} is no build folder of experiments: there is no {SETTINGS}; "
                f"name the folder that 'nasdip-build experiments --out' wrote"
            ) from None
        except (OSError, ValueError) as error:
            raise BuildError(
                f"{str(path)!r} cannot be read ({error}); restore it, or name another folder"
            ) from error

    def asked(self) -> Iterator[ResultKey]:
        """All results that were asked for so far, in order."""
        for image_set, image, task, method, seed in self.settings()["asked"]:
            yield ResultKey(image_set, image, task, parse_method(method), seed)

    def _merged(self, config: ExperimentConfig) -> dict[str, Any]:
        wanted: dict[str, Any] = {
            "schema_version": SCHEMA_VERSION,
            "protocol_version": PROTOCOL_VERSION,
            "setting": config.setting.name,
            "fields": config.setting.fields,
            # Perturbations are drawn on the device: those of a CPU and of a GPU differ.
            "device_type": config.device.split(":")[0],
        }
        images: dict[str, dict[str, Any]] = {}
        asked: list[tuple[Any, ...]] = []
        if (self.path / DATASET_SETTINGS).exists():
            raise BuildError(
                f"{str(self.path)!r} is the build folder of a dataset: name another with --out"
            )
        if (self.path / SETTINGS).exists():
            found = self.settings()
            for name, value in wanted.items():
                if found.get(name) != value:
                    raise BuildError(
                        f"{str(self.path)!r} was built with {name} {found.get(name)!r}, now "
                        f"{value!r} is asked for; the two do not mix: name another folder with "
                        f"--out"
                    )
            images, asked = found["images"], [tuple(entry) for entry in found["asked"]]
        elif any(self._work.glob("*/*")):
            raise BuildError(
                f"{str(self.path)!r} holds restorations and no {SETTINGS}, so that nobody knows "
                f"what they were made with: restore the file, or name another folder with --out"
            )
        for image in config.pictures.values():
            shape = zip(("channels", "height", "width"), config.shapes[image.name], strict=True)
            facts = {"image_sha256": image.sha256, **dict(shape)}
            if images.get(image.name, facts)["image_sha256"] != image.sha256:
                raise BuildError(
                    f"{str(self.path)!r} was built with another picture called {image.name!r}; "
                    f"name another folder with --out"
                )
            images[image.name] = facts
        now = [(k.set, k.image, k.task, str(k.method), k.seed) for k in config.wanted]
        return wanted | {"images": images, "asked": list(dict.fromkeys([*asked, *now]))}

    # Restorations

    def row(self, key: Restoration) -> dict[str, Any] | None:
        """The row of a restoration that has ended, well, diverged or failed."""
        path = self._row(key)
        try:
            row = _read_json(path)
        except FileNotFoundError:
            return None
        except ValueError:
            self.damaged.append(f"{key.task}/{key.image}/{path.name}")
            return None
        picture = row["output_sha256"]
        return row if picture is None or self._picture(picture).exists() else None

    def done(self, key: Restoration) -> bool:
        """Whether a restoration is finished, well or diverged; what failed is tried again."""
        row = self.row(key)
        return row is not None and row["status"] != "failed"

    def keep_row(self, key: Restoration, row: dict[str, Any]) -> None:
        """Write the row of a restoration; when this returns, it is on disk."""
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
        """Arrays that are kept for the image and task of a restoration, or made and kept now.

        Args:
            key: the restoration.
            name: of the file.
            needed: names of arrays; a file that lacks one, or is damaged, is made anew.
            make: makes them.
        """
        path = self._of(key) / f"{name}.npz"
        with suppress(OSError, ValueError, EOFError, KeyError, RuntimeError, zipfile.BadZipFile):
            with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as file:
                found = {array: file[array] for array in file.files}
            if found.keys() >= set(needed):
                return found
        made: dict[str, Any] = {array: np.asarray(value) for array, value in make().items()}
        buffer = io.BytesIO()
        np.savez(buffer, **made)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, buffer.getvalue())
        return made

    def kept_bytes(self) -> int:
        """The size of all that is finished, which tells whether anything was added."""
        total = 0
        for path in self._work.rglob("*"):
            with suppress(FileNotFoundError):  # another builder's temporary file
                total += path.stat().st_size
        return total

    @contextmanager
    def writing(self, remedy: str) -> Iterator[None]:
        """One clear error where the folder cannot be written to."""
        try:
            yield
        except OSError as error:
            raise BuildError(
                f"cannot write to the build folder {str(self.path)!r}: {error.strerror or error}; "
                f"{remedy}"
            ) from error


def _read_json(path: Path) -> dict[str, Any]:
    return unsealed(parse_json(path.read_text(encoding="utf-8")))


def _write_json(path: Path, fields: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, (json.dumps(sealed(fields), indent=1) + "\n").encode())
