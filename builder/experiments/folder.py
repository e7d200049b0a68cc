"""The build folder of an experiment.

    experiments.json    the setting, the images with their hashes, and all results asked for so far
    shards/             rankings-<content hash>.parquet, fits-<content hash>.parquet
    results/            experiments.parquet with its manifest, and the restored images as PNG

The first carries the SHA-256 of its content inside, a shard's name that of its content. Must not
import torch.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from nasdip_bench.errors import BuildError
from nasdip_bench.experiments.methods import parse_method
from nasdip_bench.experiments.results import SCHEMA_VERSION
from nasdip_bench.fidelity import PROTOCOL_VERSION
from nasdip_bench.storage.files import file_lock, write_atomic
from nasdip_bench.storage.sealed_json import parse_json, sealed, unsealed

from ..folder.build_folder import SETTINGS as DATASET_SETTINGS
from ..folder.shard_files import ShardFiles, remove_stale
from .config import ExperimentConfig
from .state import SHARD_TABLES, State
from .units import ResultKey

__all__ = ["ExperimentFolder"]

SETTINGS = "experiments.json"
RESULTS = "results"


class ExperimentFolder:
    """A build folder.

    Args:
        path: the folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.results = path / RESULTS
        self.files = ShardFiles(path / "shards", SHARD_TABLES)

    def prepare(self, config: ExperimentConfig) -> None:
        """Create the folder, or check that it fits the experiment and note what that adds.

        Raises:
            BuildError: it was built with settings that do not go with these, or cannot be written.
        """
        try:
            self.files.path.mkdir(parents=True, exist_ok=True)
            with file_lock(self.path / ".lock"):
                text = json.dumps(sealed(self._merged(config)), indent=1) + "\n"
                write_atomic(self.path / SETTINGS, text.encode())
            remove_stale(self.path)
        except OSError as error:
            raise BuildError(
                f"cannot write to the build folder {str(self.path)!r}: {error.strerror or error}; "
                f"name another with --out"
            ) from error

    def check(self, config: ExperimentConfig) -> None:
        """Raise `BuildError` if the folder does not fit the experiment; changes nothing."""
        self._merged(config)

    def state(self, *, set_aside: bool = True) -> State:
        """What is finished."""
        state = State(self.files)
        state.read(set_aside=set_aside)
        return state

    def settings(self) -> dict[str, Any]:
        """The settings in force.

        Raises:
            BuildError: this is no build folder of experiments, or its settings cannot be read.
        """
        path = self.path / SETTINGS
        try:
            found = unsealed(parse_json(path.read_text(encoding="utf-8")))
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
        images: dict[str, Mapping[str, Any]] = {}
        asked: list[list[Any]] = []
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
            images, asked = found["images"], found["asked"]
        elif any(self.files.path.glob("*.parquet")):
            raise BuildError(
                f"{str(self.path)!r} holds shards and no {SETTINGS}, so that nobody knows what "
                f"they were built with: restore the file, or name another folder with --out"
            )
        for image in config.pictures.values():
            channels, height, width = config.shapes[image.name]
            facts = {
                "image_sha256": image.sha256,
                "channels": channels,
                "height": height,
                "width": width,
            }
            if images.get(image.name, facts)["image_sha256"] != image.sha256:
                raise BuildError(
                    f"{str(self.path)!r} was built with another picture called {image.name!r}; "
                    f"name another folder with --out"
                )
            images[image.name] = facts
        now = [(k.set, k.image, k.task, str(k.method), k.seed) for k in config.wanted]
        both = dict.fromkeys([*map(tuple, asked), *now])
        return wanted | {"images": images, "asked": [list(entry) for entry in both]}
