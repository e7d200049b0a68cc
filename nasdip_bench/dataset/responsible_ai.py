"""What ``croissant.json`` says about a release's limits, biases, uses and origins.

``responsible_ai.json`` has the texts: those of every release, and those that replace them for one
image set. The NeurIPS track on evaluations and datasets requires these properties.

Sources: "Croissant RAI Specification", version 1.0 (MLCommons, 2024); PROV-O (W3C, 2013).
"""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

from nasdip_bench.fidelity import FOREIGN_PROTOCOL

from .manifest import Manifest


def responsible_ai(manifest: Manifest) -> dict[str, Any]:
    """The properties of a dataset, by name: ``rai:dataLimitations``, ``prov:wasDerivedFrom`` ..."""
    path = resources.files("nasdip_bench.dataset").joinpath("responsible_ai.json")
    said = json.loads(path.read_text("utf-8"))
    if manifest.protocol_version == FOREIGN_PROTOCOL:
        made = "Others trained the networks; nasdip-build imported their results as they were."
    else:
        made = (
            f"nasdip-build trained and scored the networks on {', '.join(manifest.devices)}, by "
            f"protocol {manifest.protocol_version}. All values are computed: no person was asked "
            f"or observed, and nothing was annotated."
        )
    versions = ", ".join(f"{name} {version}" for name, version in manifest.software.items())
    origins = {
        "ISNAS-DIP (CVPR 2022)": "search space, protocol and scores",
        f"images of the set {manifest.image_set!r}": "source and licence of each: images.parquet",
        **dict.fromkeys(manifest.sources, "an earlier release, or results that were imported"),
    }
    steps = {
        "training and scoring": made,
        "release": f"nasdip-build release merged and verified the results ({versions}).",
    }
    return {
        **said["every release"],
        **said.get(manifest.image_set, {}),
        "prov:wasDerivedFrom": _nodes("prov:Entity", origins),
        "prov:wasGeneratedBy": _nodes("prov:Activity", steps),
    }


def _nodes(kind: str, described: dict[str, str]) -> list[dict[str, str]]:
    return [{"@type": kind, "name": k, "description": v} for k, v in described.items()]
