"""A dataset described in the vocabulary of MLCommons Croissant 1.0: ``croissant.json``.

Catalogues and loaders of machine-learning datasets read it: who made the dataset and under which
licence, every file with its size and SHA-256, every column of every table with its type and
meaning. It is made from the manifest and from `nasdip_bench.dataset.schema`. The manifest lists it
with its hash, like any other file, so it can name neither the manifest nor itself.

Sources: "Croissant Format Specification" and "Croissant RAI Specification", versions 1.0
(MLCommons, 2024); PROV-O (W3C, 2013).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib import resources
from typing import Any

from nasdip_bench.errors import DatasetError
from nasdip_bench.fidelity import FOREIGN_PROTOCOL

from .manifest import MANIFEST, SCORE_VALUES, Manifest, table_path
from .schema import KEYS, REFERENCES, RELEASE_TABLES, Column

CROISSANT = "croissant.json"

PAPER_BIBTEX = (
    "@inproceedings{arican2022isnasdip, "
    "title={{ISNAS-DIP}: Image-Specific Neural Architecture Search for Deep Image Prior}, "
    "author={Arican, Metin Ersin and Kara, Ozgur and Bredell, Gustav and Konukoglu, Ender}, "
    "booktitle={Proceedings of the IEEE/CVF Conference on Computer Vision and Pattern "
    "Recognition}, year={2022}}"
)
"""The paper whose search space, protocol and scores a dataset holds."""

_FORMATS = {".parquet": "application/x-parquet", ".h5": "application/x-hdf5"}
_TYPES = {
    "string": "sc:Text",
    "bool": "sc:Boolean",
    "int32": "sc:Integer",
    "int64": "sc:Integer",
    "float32": "sc:Float",
    "float64": "sc:Float",
}
_TABLES = {
    "architectures": "The architectures, one a row.",
    "images": "The images that were fitted, one a row; the pixels are not part of the dataset.",
    "runs": "One Deep Image Prior fit a row: an architecture on an image.",
    "corruptions": "One corrupted image a row: an image, task, fidelity and seed.",
    "scores": "One training-free score of an untrained network a row.",
    "reruns": "One run that was trained again a row, and how far the two are apart.",
}
_ARRAYS = {
    "curves": (
        "Learning curves, HDF5: psnr, psnr_smooth and ssim_smooth (run x point, uint16, 65535 = "
        "missing) and iteration (point). The row of a run is curve_row of runs.parquet; the name "
        "has fidelity, task, seed and arch_id // 64."
    ),
    "observables": (
        "What stopping rules may see of the runs, HDF5: arrays as in the file of the same name in "
        "curves, hundredths of a dB."
    ),
    "stops": (
        "Where stopping rules stop the runs, Parquet: a row a run and rule, with the iteration "
        "delivered, the iterations paid, and PSNR and SSIM there."
    ),
    "distances": (
        "Mean squared differences of restorations at the stop, HDF5: pairs (image x seed x pair of "
        "architectures), truth and corrupted (image x seed x architecture), uint16 thousandths of "
        "a dB, 65535 = missing."
    ),
    SCORE_VALUES: (
        "The single values of scores, HDF5: values (row of scores.parquet x initialisation)."
    ),
}
"""Descriptions by folder or file."""

# The terms of the specification, as every Croissant file has them.
_CROISSANT_TERMS = (
    "citeAs", "column", "equivalentProperty", "extract", "field", "fileProperty", "fileObject",
    "fileSet", "format", "includes", "isLiveDataset", "jsonPath", "key", "md5", "parentField",
    "path", "recordSet", "references", "regex", "repeated", "replace", "samplingRate", "separator",
    "source", "subField", "transform",
)  # fmt: skip
_CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/",
    "prov": "http://www.w3.org/ns/prov#",
    **{term: f"cr:{term}" for term in _CROISSANT_TERMS},
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
}


@dataclass(frozen=True, kw_only=True)
class Publication:
    """Facts about a release that its data do not state. The defaults are the project's.

    Attributes:
        licence: licence of the tables and curves, an identifier of the SPDX list such as
            "CC-BY-4.0"; "" if unknown.
        creator: who made the dataset.
        url: address of its page; "" if there is none.
    """

    licence: str = "MIT"
    creator: str = "The NASDIP-Bench authors"
    url: str = ""


_SPDX = "https://spdx.org/licenses/"


def published(text: str) -> Publication:
    """What a ``croissant.json`` that `croissant_json` wrote says of its publication.

    Raises:
        DatasetError: it is damaged.
    """
    try:
        said = json.loads(text)
        licence = said.get("license", "").removeprefix(_SPDX).removesuffix(".html")
        return Publication(
            licence=licence, creator=said["creator"]["name"], url=said.get("url", "")
        )
    except (ValueError, LookupError, AttributeError, TypeError) as error:
        raise DatasetError(f"{CROISSANT} is damaged; run 'nasdip-bench verify'") from error


def croissant_json(manifest: Manifest, publication: Publication) -> str:
    """The content of ``croissant.json``.

    Args:
        manifest: manifest of the dataset, with the files to describe.
        publication: what the manifest does not state.
    """
    fields: dict[str, Any] = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": [
            "http://mlcommons.org/croissant/1.0",
            "http://mlcommons.org/croissant/RAI/1.0",
        ],
        "name": manifest.name,
        "description": _description(manifest),
        "version": manifest.version,
        "datePublished": manifest.created[:10],
        "creator": {"@type": "sc:Organization", "name": publication.creator},
        "citeAs": PAPER_BIBTEX,
        "keywords": [
            "neural architecture search",
            "Deep Image Prior",
            "image restoration",
            "tabular benchmark",
        ],
        **_responsible_ai(manifest),
        "distribution": [
            _file(path, record.sha256, record.size)
            for path, record in manifest.files.items()
            if path != CROISSANT
        ],
        "recordSet": [_record_set(name, columns) for name, columns in RELEASE_TABLES.items()],
    }
    if publication.licence:
        fields["license"] = f"{_SPDX}{publication.licence}.html"
    if publication.url:
        fields["url"] = publication.url
    return json.dumps(fields, indent=1, ensure_ascii=False) + "\n"


def _description(manifest: Manifest) -> str:
    held = "; ".join(
        f"{task} at fidelity {fidelity} ({facts['resolution']} x {facts['resolution']} pixels, "
        f"{facts['channels']} channels): {record['runs']} runs, {record['scored']} architectures "
        f"scored on every image"
        for fidelity, facts in manifest.fidelities.items()
        for task, record in facts["tasks"].items()
    )
    return (
        f"Learning curves of Deep Image Prior fits, and training-free scores of the untrained "
        f"networks, after ISNAS-DIP (CVPR 2022). {manifest.architectures} architectures, "
        f"{len(manifest.images)} images of the set {manifest.image_set!r}: "
        f"{', '.join(manifest.images)}. {held or 'No runs'}. {MANIFEST} beside this file has the "
        f"counts by seed and the hash of every file."
    )


def _responsible_ai(manifest: Manifest) -> dict[str, Any]:
    """Limits, biases, uses and origins: ``rai:dataLimitations``, ``prov:wasDerivedFrom`` ...

    ``responsible_ai.json`` has the texts: those of every release, and those that replace them for
    one image set. The NeurIPS track on evaluations and datasets requires these properties.
    """
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


def _file(path: str, sha256: str, size: int) -> dict[str, Any]:
    suffix = path[path.rfind(".") :]
    of_table = path.removesuffix(".parquet")
    return {
        "@type": "cr:FileObject",
        "@id": path,
        "name": path,
        "description": _TABLES.get(of_table) or _ARRAYS.get(path.split("/")[0], path),
        "contentUrl": path,
        "contentSize": f"{size} B",
        "encodingFormat": _FORMATS.get(suffix, "application/octet-stream"),
        "sha256": sha256,
    }


def _record_set(table: str, columns: tuple[Column, ...]) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": table,
        "name": table,
        "description": _TABLES[table],
        "key": [{"@id": f"{table}/{name}"} for name in KEYS[table]],
        "field": [_field(table, column) for column in columns],
    }


def _field(table: str, column: Column) -> dict[str, Any]:
    field: dict[str, Any] = {
        "@type": "cr:Field",
        "@id": f"{table}/{column.name}",
        "name": column.name,
        "description": _meaning(column),
        "dataType": _TYPES[column.type],
        "source": {"fileObject": {"@id": table_path(table)}, "extract": {"column": column.name}},
    }
    if column.name in REFERENCES and REFERENCES[column.name][0] != table:
        field["references"] = {"field": {"@id": "/".join(REFERENCES[column.name])}}
    return field


def _meaning(column: Column) -> str:
    """Meaning, unit, direction and missing values in one text: fields have no place for units."""
    parts = [column.meaning]
    if column.unit:
        parts.append(f"unit: {column.unit}")
    if column.direction:
        parts.append(f"{column.direction} is better")
    if column.nullable:
        parts.append("may be missing")
    return "; ".join(parts)
