"""A dataset described in the vocabulary of MLCommons Croissant 1.0: ``croissant.json``.

Catalogues and loaders of machine-learning datasets read it: who made the dataset and under which
licence, every file with its size and SHA-256, every column of every table with its type and
meaning. It is made from the manifest and from `nasdip_bench.dataset.schema`. The manifest lists it
with its hash, like any other file, so it can name neither the manifest nor itself.

Source: "Croissant Format Specification", version 1.0 (MLCommons, 2024).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from nasdip_bench.errors import ConfigError
from nasdip_bench.storage.sealed_json import parse_json

from .manifest import MANIFEST, SCORE_VALUES, Manifest, table_path
from .responsible_ai import responsible_ai
from .schema import KEYS, REFERENCES, RELEASE_TABLES, Column

CROISSANT = "croissant.json"
CROISSANT_VERSIONS = "http://mlcommons.org/croissant/"

PAPER_BIBTEX = (
    "@inproceedings{arican2022isnasdip, "
    "title={{ISNAS-DIP}: Image-Specific Neural Architecture Search for Deep Image Prior}, "
    "author={Arican, Metin Ersin and Kara, Ozgur and Bredell, Gustav and Konukoglu, Ender}, "
    "booktitle={Proceedings of the IEEE/CVF Conference on Computer Vision and Pattern "
    "Recognition}, year={2022}}"
)
"""The paper whose search space, protocol and scores a dataset holds."""

_LONGEST = 1000
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

    def __post_init__(self) -> None:
        for name in ("licence", "creator", "url"):
            value = getattr(self, name)
            if not (len(value) <= _LONGEST and value.isprintable()):
                raise ConfigError(
                    f"{name} {value[:100]!r} must be printable, of at most {_LONGEST} characters"
                )
        if not self.creator:
            raise ConfigError("creator '' must be printable text: say who made the dataset")
        if not re.fullmatch(r"[A-Za-z0-9.+-]*", self.licence):
            raise ConfigError(
                f"licence {self.licence!r} is not an identifier of the SPDX list such as MIT or "
                f"CC-BY-4.0"
            )
        if self.url and not self.url.startswith(("https://", "http://")):
            raise ConfigError(f"url {self.url!r} must begin with https:// or http://")


_SPDX = "https://spdx.org/licenses/"


def published(text: str) -> Publication:
    """What the ``croissant.json`` of a dataset says about who made it, and under which licence.

    Facts that are missing, or not written as by `croissant_json`, take the project's defaults.

    Args:
        text: content of the file.
    """
    try:
        found = parse_json(text)
        creator, licence = found.get("creator"), found.get("license")
        named = creator.get("name") if isinstance(creator, dict) else None
        under = str(licence).removeprefix(_SPDX).removesuffix(".html") if licence else ""
        said = {"creator": named, "licence": under, "url": found.get("url")}
        return Publication(**{name: str(value) for name, value in said.items() if value})
    except (ValueError, ConfigError):
        return Publication()


def croissant_json(manifest: Manifest, publication: Publication) -> str:
    """The content of ``croissant.json``.

    Args:
        manifest: manifest of the dataset, with the files to describe.
        publication: what the manifest does not state.
    """
    fields: dict[str, Any] = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": [f"{CROISSANT_VERSIONS}1.0", f"{CROISSANT_VERSIONS}RAI/1.0"],
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
        **responsible_ai(manifest),
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
