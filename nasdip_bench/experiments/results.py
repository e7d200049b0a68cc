"""The results of experiments: one table, and the folder that holds it.

    experiments.parquet    one row per restoration
    manifest.json          settings by name, the hash of the table, and its own hash

The folder belongs to a build (``BUILD/results``) or to a release (``data/experiments``). The table
is compared with its hash before it is parsed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nasdip_bench._version import __version__
from nasdip_bench.dataset.schema import STATUSES, Column, arrow_schema, maybe, psnr_column
from nasdip_bench.errors import DatasetError
from nasdip_bench.fidelity import PROTOCOL_VERSION
from nasdip_bench.storage.files import (
    open_parquet,
    parquet_bytes,
    sha256_bytes,
    write_atomic,
)
from nasdip_bench.storage.sealed_json import read_sealed, sealed_text

from .setting import FIELDS

if TYPE_CHECKING:
    import pyarrow as pa

SCHEMA_VERSION = 1
"""Version of the folder's layout; readers reject all others."""

TABLE = "experiments.parquet"
MANIFEST = "manifest.json"
OUTPUTS = "outputs"
"""Folder of restored images in a build's results, named by the hash of their pixels."""

_HASH_DIGITS = 32


KEY = ("set", "image", "task", "method", "score", "selection", "setting", "seed")
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
    Column("setting", "string", "name of the set-up; manifest.json has its fields"),
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
    """The results in a folder.

    Attributes:
        rows: one per restoration, by the names of `RESULT_COLUMNS`.
        settings: the fields of each setting, by its name.
    """

    rows: list[dict[str, Any]]
    settings: dict[str, dict[str, Any]]


def save_results(
    path: Path, rows: Iterable[Mapping[str, Any]], settings: Mapping[str, Mapping[str, Any]]
) -> None:
    """Write rows, sorted by their keys, and the manifest to a folder, which is created.

    The table goes first: one that was replaced without its manifest is rejected and written again,
    never mistaken for the other.

    Raises:
        OSError: the folder cannot be written.
    """
    import pyarrow as pa

    ordered = sorted(rows, key=_order)
    content = parquet_bytes(pa.Table.from_pylist(ordered, arrow_schema(RESULT_COLUMNS)))
    facts = {
        "schema_version": SCHEMA_VERSION,
        "protocol_version": PROTOCOL_VERSION,
        "nasdip_bench": __version__,
        "rows": len(ordered),
        "settings": {name: dict(fields) for name, fields in sorted(settings.items())},
        "files": {TABLE: {"sha256": sha256_bytes(content), "size": len(content)}},
    }
    path.mkdir(parents=True, exist_ok=True)
    write_atomic(path / TABLE, content)
    write_atomic(path / MANIFEST, sealed_text(facts).encode())


def _order(row: Mapping[str, Any]) -> list[str]:
    return ["" if row[name] is None else str(row[name]) for name in KEY]


def output_name(sha256: str) -> str:
    """The file name of a restored image in `OUTPUTS`, from the hash of its pixels."""
    return f"{sha256[:_HASH_DIGITS]}.png"


def read_results(path: Path) -> Results:
    """The results in a folder, or in the folder ``results`` of a build.

    Raises:
        DatasetError: there are none, or they are damaged or have another version.
    """
    path = results_path(path)
    facts = _manifest(path)
    table = _table(path, facts)
    return Results(rows=table.to_pylist(), settings=facts["settings"])


def results_path(path: Path) -> Path:
    """The folder of results: the given one, or ``results`` in that of a build."""
    inside = path / "results"
    return inside if not (path / MANIFEST).exists() and (inside / MANIFEST).exists() else path


def _manifest(path: Path) -> dict[str, Any]:
    try:
        facts = read_sealed((path / MANIFEST).read_text("utf-8"))
    except FileNotFoundError:
        raise DatasetError(
            f"{str(path)!r} holds no results of experiments: there is no {MANIFEST}; name the "
            f"folder of a build of 'nasdip-build experiments', or of a release"
        ) from None
    except (OSError, ValueError) as error:
        raise DatasetError(f"{str(path / MANIFEST)!r} cannot be read: {error}") from error
    if facts.get("schema_version") != SCHEMA_VERSION:
        raise DatasetError(
            f"{str(path / MANIFEST)!r} has schema version {facts.get('schema_version')!r}, but "
            f"{SCHEMA_VERSION} is read: are these results of experiments, of this version?"
        )
    match facts:
        case {
            "protocol_version": int(),
            "settings": dict() as settings,
            "files": {"experiments.parquet": {"sha256": str(), "size": int()}},
        } if all(isinstance(f, dict) and f.keys() >= FIELDS for f in settings.values()):
            return facts
    raise DatasetError(f"{str(path / MANIFEST)!r} is not a complete manifest of results")


def _table(path: Path, facts: dict[str, Any]) -> pa.Table:
    record = facts["files"][TABLE]
    try:
        content = (path / TABLE).read_bytes()
    except OSError as error:
        raise DatasetError(f"{str(path / TABLE)!r} cannot be read: {error}") from error
    if len(content) != record["size"] or sha256_bytes(content) != record["sha256"]:
        raise DatasetError(
            f"{str(path / TABLE)!r} is damaged: it is not the file that {MANIFEST} names; restore "
            f"it, or run the command again that wrote it"
        )
    try:
        file = open_parquet(content)
        if not file.schema_arrow.equals(arrow_schema(RESULT_COLUMNS)):
            raise ValueError("it has other columns than this version reads")
        table = file.read(use_threads=False)
    except Exception as error:  # pyarrow raises many kinds
        raise DatasetError(f"{str(path / TABLE)!r} cannot be parsed: {error}") from error
    return table


def results_problems(path: Path) -> list[str]:
    """All problems of a folder of results, one sentence each."""
    try:
        results = read_results(path)
    except DatasetError as error:
        return [str(error)]
    problems = []
    keys = Counter(tuple(row[name] for name in KEY) for row in results.rows)
    problems += [f"{TABLE}: {_shown(key)} is there twice" for key, n in keys.items() if n > 1]
    if len({row["protocol_version"] for row in results.rows}) > 1:
        problems.append(f"{TABLE}: rows of several versions of the protocol, which do not mix")
    for row in results.rows:
        shown = _shown([row[name] for name in KEY])
        if row["status"] not in STATUSES:
            problems.append(f"{TABLE}: {shown} has the status {row['status']!r}")
        elif (row["status"] == "ok") != (row["psnr_db"] is not None):
            problems.append(f"{TABLE}: {shown} is {row['status']} with PSNR {row['psnr_db']}")
        if row["setting"] not in results.settings:
            problems.append(f"{TABLE}: {shown} has a setting that {MANIFEST} does not describe")
    return problems


def _shown(key: Sequence[Any]) -> str:
    return "/".join(str(part) for part in key if part is not None)
