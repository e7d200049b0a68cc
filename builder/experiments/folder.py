"""The build folder of an experiment: files that exist are finished and never made again.

    experiments.json            the setting, the images, all requested results
    work/TASK/IMAGE/
        METHOD-SEED.json        a restoration: its row of the results
        scores-*.npz, trained/  what its searches share; see `nasdip_bench.isnas.folder`
    results/                    see `nasdip_bench.experiments.results`

JSON files hold the SHA-256 of their content. A damaged file counts as missing. Never imports torch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from nasdip_bench.errors import BuildError
from nasdip_bench.experiments.methods import parse_method
from nasdip_bench.experiments.results import output_path, save_results
from nasdip_bench.storage.files import file_lock, write_atomic
from nasdip_bench.storage.sealed_json import read_sealed, sealed_text
from nasdip_bench.tasks import Denoise, Inpaint, SuperResolve, get_task

from ..folder.work_folder import EXPERIMENT_SETTINGS, WorkFolder, common_settings
from .config import ExperimentConfig, Restoration, ResultKey

_FACTS = ("sha256", "channels", "height", "width")


class ExperimentFolder(WorkFolder[ExperimentConfig]):
    """The build folder of an experiment."""

    settings_name = EXPERIMENT_SETTINGS
    what, command = "build folder of experiments", "nasdip-build experiments"
    work_files = ("work", "*/*")

    # Settings

    def _wanted(self, config: ExperimentConfig) -> dict[str, Any]:
        return common_settings(config.device, config.setting.precision) | {
            "setting": config.setting.name,
            "fields": config.setting.fields,
            "images": {
                name: dict(zip(_FACTS, (image.sha256, *config.shapes[name]), strict=True))
                for name, image in config.pictures.items()
            },
        }

    def _record(self, config: ExperimentConfig, merged: dict[str, Any]) -> None:
        """Add the requested results."""
        now = [(k.set, k.image, k.task, str(k.method), k.seed) for k in config.wanted]
        merged["asked"] = [*dict.fromkeys([*map(tuple, merged.get("asked", ())), *now])]

    def asked(self) -> Iterator[ResultKey]:
        """All results requested so far, in order."""
        for image_set, image, task, method, seed in self.settings()["asked"]:
            yield ResultKey(image_set, image, task, parse_method(method), seed)

    # Restorations

    def row(self, key: Restoration) -> dict[str, Any] | None:
        """The row of a restoration that ended: ok, diverged or failed.

        Raises:
            BuildError: it cannot be read.
        """
        path = self._row(key)
        try:
            row = read_sealed(path.read_text(encoding="utf-8"))
            picture = row["output_sha256"]
            there = picture is None or output_path(self.path, picture).exists()
            return row if there else None
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
        path = self._row(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, sealed_text(row).encode())

    def keep_picture(self, sha256: str, content: bytes) -> None:
        """Write a restored image as PNG."""
        path = output_path(self.path, sha256)
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            write_atomic(path, content)

    def _row(self, key: Restoration) -> Path:
        method = str(key.method).replace("/", "+")
        name = method if key.seed is None else f"{method}-{key.seed}"
        return self.work_of(key) / f"{name}.json"

    def work_of(self, key: Restoration) -> Path:
        """The folder of an image and task."""
        return self.work / key.task / key.image

    def kept_bytes(self) -> int:
        """The size of all finished work, which shows whether anything was added."""
        total = 0
        for path in self.work.rglob("*"):
            with suppress(FileNotFoundError):  # another builder's temporary file
                total += path.stat().st_size
        return total

    # Results

    def write_results(self) -> None:
        """Write the table: the rows of all requested results that have ended.

        Raises:
            BuildError: it cannot be written.
        """
        with self.writing(), file_lock(self.path / ".results.lock"):
            facts = self.settings()
            rows = [
                _head(key, facts["setting"], facts["images"][key.image]) | row
                for key in self.asked()
                if (row := self.row(key.restoration)) is not None
            ]
            save_results(self.path, rows, facts["setting"], facts["fields"])


def _head(key: ResultKey, setting: str, image: Mapping[str, Any]) -> dict[str, Any]:
    task = get_task(key.task)
    return {
        "set": key.set,
        "image": key.image,
        "image_sha256": image["sha256"],
        **{side: image[side] for side in ("channels", "height", "width")},
        "task": key.task,
        "sigma_255": task.sigma_255 if isinstance(task, Denoise) else None,
        "missing": task.missing if isinstance(task, Inpaint) else None,
        "factor": task.factor if isinstance(task, SuperResolve) else None,
        "method": key.method.name,
        "score": key.method.score or None,
        "selection": key.method.selection or None,
        "setting": setting,
        "seed": key.seed,
    }
