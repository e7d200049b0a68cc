"""What holds for a whole build folder: which settings mix, and which do not.

Must not import torch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nasdip_bench.errors import BuildError
from nasdip_bench.fidelity import PROTOCOL_VERSION

from ..plan.config import BuildConfig
from .shard_schema import SHARD_VERSION

__all__ = ["merged_settings", "settings_of"]

_LATE_SETTINGS = ("scoring_inits", "scores")
"""Settings that a folder may not have yet: it has no scores so far."""


def settings_of(config: BuildConfig) -> dict[str, Any]:
    """The settings of a build, with the facts of its images."""
    settings: dict[str, Any] = {
        "protocol_version": PROTOCOL_VERSION,
        "shard_version": SHARD_VERSION,
        "image_set": config.image_set,
        "precision": config.precision,
        # Perturbations are drawn on the device: those of a CPU and of a GPU differ.
        "device_type": config.device.split(":")[0],
    }
    if config.scoring_inits:
        settings["scoring_inits"] = config.scoring_inits
    if config.scores:
        settings["scores"] = sorted(config.scores)
    images = {
        image.name: {
            "sha256": image.sha256,
            "height": image.height,
            "width": image.width,
            "channels": image.channels,
            "source": image.source,
            "licence": image.licence,
            "status": image.status,
        }
        for image in config.images
    }
    return settings | {"images": images}


def merged_settings(
    found: Mapping[str, Any] | None, wanted: Mapping[str, Any], where: str
) -> dict[str, Any]:
    """The settings of a folder once it holds what is wanted, too.

    Args:
        found: its settings so far; None of a new folder.
        wanted: those of a build, or of what another folder has built.
        where: the folder, for messages.

    Raises:
        BuildError: the two do not mix.
    """
    settings = {name: value for name, value in wanted.items() if name != "images"}
    images: dict[str, Any] = {}
    if found is not None:
        if found.get("scoring_inits") and settings.get("scoring_inits"):
            _check_scores(found.get("scores"), settings.get("scores"), where)
        kept = {k: found[k] for k in found if k in (*_LATE_SETTINGS, *settings)}
        settings = kept | settings
        for name, value in settings.items():
            if found.get(name, value if name in _LATE_SETTINGS else None) != value:
                raise BuildError(
                    f"{where!r} was built with {name} {found.get(name)!r}, now {value!r} is asked "
                    f"for; the two do not mix: name another folder with --out"
                )
        images |= found["images"]
    for name, facts in wanted["images"].items():
        if name in images and images[name]["sha256"] != facts["sha256"]:
            raise BuildError(
                f"{where!r} was built with another picture called {name!r} (SHA-256 "
                f"{images[name]['sha256'][:12]}..., now {facts['sha256'][:12]}...); name another "
                f"folder with --out"
            )
        images[name] = images.get(name, {}) | facts  # in the order that is there
    return settings | {"images": images}


def _check_scores(found: Sequence[str] | None, wanted: Sequence[str] | None, where: str) -> None:
    """Refuse two selections of scores; None is no selection, hence all scores."""
    if found != wanted:
        built, asked = (", ".join(names or ["all"]) for names in (found, wanted))
        raise BuildError(
            f"{where!r} was built with the scores {built}, now {asked} are asked for; the two do "
            f"not mix: name another folder with --out, and release both together"
        )
