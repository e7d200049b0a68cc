"""The results of a build of experiments: one table, and the restored images.

results/experiments.parquet    one row per restoration; the setting is in the file's metadata
results/outputs/               restored images as PNG, named by the hash of their pixels
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nasdip_bench.dataset.schema import Column, arrow_schema, maybe, psnr_column
from nasdip_bench.errors import DatasetError
from nasdip_bench.storage.files import open_parquet, parquet_bytes, write_atomic

_FOLDER = "results"
_TABLE = "experiments.parquet"
_SETTING = b"setting"
_HASH_DIGITS = 32

KEY = ("set", "image", "task", "method", "score", "selection", "seed")
"""The columns that identify a row."""

RESULT_COLUMNS = (
    Column("set", "string", "image set: bm3d, set12, cbm3d, set5, set14, skimage or user"),
    Column("image", "string", "name of the image; one picture in two sets has one name"),
    Column("image_sha256", "string", "SHA-256 of the whole image's pixels"),
    Column("channels", "int32", "1 gray, 3 colour"),
    Column("height", "int32", "of the part that was corrupted and restored", "pixels"),
    Column("width", "int32", "of the part that was corrupted and restored", "pixels"),
    Column("task", "string", "denoise, inpaint, super_resolve_x2, _x4 or _x8"),
    maybe("sigma_255", "float64", "of the noise, of 255 grey levels"),
    maybe("missing", "float64", "fraction of the pixels that is missing"),
    maybe("factor", "int32", "of super-resolution"),
    Column("method", "string", "dip, nas-dip, isnas, random, best-score, oracle or classical"),
    maybe("score", "string", "that candidates were ranked by"),
    maybe("selection", "string", "full or resized: what the cohort was trained on"),
    Column("setting", "string", "name of the set-up; the file's metadata has its fields"),
    maybe("seed", "int32", "replicate number; null where nothing is drawn"),
    Column("status", "string", "ok, diverged (a non-finite loss) or failed (an error stopped it)"),
    maybe("error", "string", "what stopped a failed one"),
    maybe(
        "restored_by",
        "string",
        "canonical string of the selected architecture, or name of a baseline or classical method",
    ),
    psnr_column("psnr_db", "of the last smoothed output of the restoration, a fit of its own"),
    psnr_column("best_psnr_db", "highest PSNR of a smoothed output of that fit: an oracle's stop"),
    maybe("best_iteration", "int32", "iterations to best_psnr_db", "iterations"),
    psnr_column("psnr_corrupted_db", "of the corrupted image (bicubic for super-resolution)"),
    psnr_column(
        "cohort_psnr_db", "of the selected network as it was trained in the cohort, full alone"
    ),
    psnr_column("cohort_mean_psnr_db", "mean over the cohort: what a blind choice of it is worth"),
    psnr_column("cohort_best_psnr_db", "highest of the cohort: an oracle"),
    maybe("cohort", "int32", "networks trained to select from"),
    maybe("cohort_diverged", "int32", "of these, left out since they diverged"),
    maybe("iterations", "int32", "of the restoration; null for a classical method"),
    maybe("seconds", "float64", "wall time of the restoration", "s"),
    maybe("search_seconds", "float64", "of ranking and of the cohort's fits", "s"),
    Column("precision", "string", "fp32, tf32 or bf16"),
    Column("device", "string", "processor of the restoration"),
    Column("torch", "string", "version of torch that it ran on"),
    Column("protocol_version", "int32", "version of all that decides the draws and the fit"),
    maybe("output_sha256", "string", "SHA-256 of the restored image's 8-bit pixels"),
)
"""The columns of experiments.parquet."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Results:
    """The results of a build.

    Attributes:
        rows: one per restoration, by the names of `RESULT_COLUMNS`.
        setting: name of the set-up.
        fields: its fields.
    """

    rows: list[dict[str, Any]]
    setting: str
    fields: dict[str, Any]


def save_results(
    build: Path, rows: Iterable[Mapping[str, Any]], setting: str, fields: Mapping[str, Any]
) -> None:
    """Write rows, sorted by their keys, to the table of a build.

    Raises:
        OSError: it cannot be written.
    """
    import pyarrow as pa

    facts = json.dumps({"name": setting, "fields": dict(fields)})
    schema = arrow_schema(RESULT_COLUMNS).with_metadata({_SETTING: facts})
    content = parquet_bytes(pa.Table.from_pylist(sorted(rows, key=_order), schema))
    (build / _FOLDER).mkdir(parents=True, exist_ok=True)
    write_atomic(build / _FOLDER / _TABLE, content)


def _order(row: Mapping[str, Any]) -> list[str]:
    return ["" if row[name] is None else str(row[name]) for name in KEY]


def output_path(build: Path, sha256: str) -> Path:
    """The file of a restored image, from the hash of its pixels."""
    return build / _FOLDER / "outputs" / f"{sha256[:_HASH_DIGITS]}.png"


def read_results(build: Path) -> Results:
    """The results of a build.

    Raises:
        DatasetError: there are none, or they are damaged or of another version.
    """
    path = build / _FOLDER / _TABLE
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise DatasetError(
            f"{str(build)!r} holds no results of experiments: there is no {_FOLDER}/{_TABLE}; name "
            f"the folder of a build of 'nasdip-build experiments'"
        ) from None
    except OSError as error:
        raise DatasetError(f"{str(path)!r} cannot be read: {error}") from error
    try:
        file = open_parquet(content)
        if not file.schema_arrow.equals(arrow_schema(RESULT_COLUMNS)):
            raise ValueError("it has other columns than this version reads")
        table = file.read(use_threads=False)
        table.validate(full=True)
        facts = json.loads(file.schema_arrow.metadata[_SETTING])
        return Results(rows=table.to_pylist(), setting=facts["name"], fields=facts["fields"])
    except Exception as error:  # pyarrow raises many kinds on damaged content
        raise DatasetError(
            f"{str(path)!r} cannot be parsed: {error}; run the command again that wrote it"
        ) from error
