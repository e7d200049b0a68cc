"""The tables of a dataset: every column with type, unit, direction and meaning.

Files and `docs/data.md` are written and checked from this declaration. pyarrow is imported on use.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nasdip_bench.errors import check_name

if TYPE_CHECKING:
    import pyarrow as pa

SCHEMA_VERSION = 5
"""Version of the files' layout; others are rejected."""


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        name: its name.
        type: "string", "bool", "binary", "int32" ..., "float64"; "float32[]" is a list per row.
        meaning: one sentence.
        unit: "dB", "s", "" ...
        direction: "higher", "lower" (is better) or "".
        nullable: whether a value may be missing.
    """

    name: str
    type: str
    meaning: str
    unit: str = ""
    direction: str = ""
    nullable: bool = False


def maybe(name: str, type_: str, meaning: str, unit: str = "") -> Column:
    """A column whose values may be missing."""
    return Column(name, type_, meaning, unit, nullable=True)


_KEY = (
    Column("image", "string", "name of the image"),
    Column("task", "string", "denoise, inpaint, super_resolve_x2, _x4 or _x8"),
    Column("fidelity", "string", "name of the training set-up"),
)
_ARCH_ID = Column("arch_id", "int32", "row in architectures.parquet")
_SEED = Column("seed", "int32", "replicate number")

_RUN_FACTS = (
    Column("status", "string", "ok, diverged (a non-finite loss) or failed (an error stopped it)"),
    Column("iterations", "int32", "iterations asked for", "iterations"),
    maybe("diverged_at", "int32", "first iteration (from 0) with a non-finite loss"),
    maybe("error", "string", "what stopped a failed run"),
    maybe("loss", "float64", "training loss before the last update"),
    maybe(
        "psnr_corrupted_db",
        "float64",
        "PSNR of the corrupted image (bicubic for super-resolution); null only if imported",
        "dB",
    ),
    maybe("seconds", "float64", "wall time of the fit; null only if imported", "s"),
    maybe(
        "processor_seconds",
        "float64",
        "the same in time of the processor, which neither waits nor rests; on a GPU the wall time",
        "s",
    ),
    Column(
        "engine",
        "string",
        "fast; plain: the network's standard layers, one after another; released: imported",
    ),
    Column("stack", "int32", "how many runs were trained as one, this one among them"),
    maybe("threads", "int32", "of the process; null only if imported"),
    Column("precision", "string", "fp32, tf32 or bf16"),
    Column("device", "string", "processor it ran on"),
    Column("torch", "string", "version of torch that it ran on"),
    Column("protocol_version", "int32", "version of all that decides a run's numbers; 0: others'"),
)

_SCORE_FACTS = (
    maybe("seed", "int32", "of the corruption that the score sees; null where it sees none"),
    Column("proxy", "string", "name of the training-free score"),
    Column(
        "reference", "string", "what the output is compared with: corrupted, ground_truth, none"
    ),
    maybe(
        "value",
        "float64",
        "mean over the scoring initialisations; null where one of them has no finite value",
    ),
    Column("inits", "int32", "number of scoring initialisations"),
    maybe(
        "seconds",
        "float32",
        "time in all initialisations; of a score of the output without the networks' passes, of "
        "one of the network with those it takes; null only if imported",
        "s",
    ),
    Column("protocol_version", "int32", "version of all that decides a score; 0: others'"),
)


def psnr_column(name: str, meaning: str) -> Column:
    """A column of PSNR, which is missing where a run has no result."""
    return Column(name, "float64", meaning, "dB", "higher", nullable=True)


def _ssim(name: str, meaning: str) -> Column:
    return Column(name, "float64", meaning, "1", "higher", nullable=True)


def _difference(name: str, meaning: str) -> Column:
    return Column(name, "float64", f"{meaning}; of whole runs", "dB", nullable=True)


RELEASE_TABLES: dict[str, tuple[Column, ...]] = {
    "architectures": (
        _ARCH_ID,
        Column("architecture", "string", "canonical string of the architecture"),
        Column("cell", "int32", "number of the upsampling cell, 0..323"),
        Column("skip", "string", "25 bits, row by row, finest decoder level first"),
        Column("dilation", "int32", "dilation of the cell's transform; 1 in the released space"),
        Column("sampling", "string", "spatial sampling of the cell"),
        Column("transform", "string", "feature transform of the cell"),
        maybe("kernel", "int32", "side of the kernel", "pixels"),
        Column("activation", "string", "activation of the cell"),
        Column("transform_first", "bool", "the transform precedes the sampling"),
        Column("parameters", "int64", "trainable numbers in use, 128 channels, gray"),
        Column("parameters_released", "int64", "with the released code's unused skip modules"),
        Column("flops_512", "float64", "a forward pass at 512 x 512, 128 channels, gray", "FLOP"),
    ),
    "images": (
        Column("name", "string", "name of the image"),
        Column(
            "image_set", "string", "nasdip (the paper's ten), skimage (stand-ins), user or released"
        ),
        maybe(
            "sha256",
            "string",
            "SHA-256 of the pixels, 8 bits, row by row; null if imported without them",
        ),
        Column("height", "int32", "height", "pixels"),
        Column("width", "int32", "width", "pixels"),
        Column("channels", "int32", "1 gray, 3 colour"),
        Column("source", "string", "where it comes from"),
        Column("licence", "string", "what its source states"),
        Column("status", "string", "original, same image (other encoding), substitute, stand-in"),
    ),
    "runs": (
        _ARCH_ID,
        *_KEY,
        _SEED,
        *_RUN_FACTS,
        Column("stop", "int32", "the iteration of final_*", "iterations"),
        psnr_column("final_psnr_db", "PSNR of the output at the stop"),
        psnr_column("final_psnr_smooth_db", "the same of the smoothed output"),
        psnr_column("last_psnr_db", "PSNR of the last output"),
        psnr_column("last_psnr_smooth_db", "the same of the smoothed output"),
        psnr_column("best_psnr_db", "highest PSNR of an output: an oracle"),
        maybe("best_raw_iteration", "int32", "iterations to best_psnr_db"),
        psnr_column("best_psnr_smooth_db", "highest PSNR of a smoothed output: an oracle"),
        maybe("best_iteration", "int32", "iterations to best_psnr_smooth_db"),
        psnr_column(
            "stopped_psnr_smooth_db",
            "PSNR of the smoothed output where somebody without the ground truth stops: denoising, "
            "at the discrepancy of the estimated noise; else at the stop",
        ),
        maybe("stopped_iteration", "int32", "the iteration of stopped_*"),
        _ssim("final_ssim_smooth", "SSIM of the smoothed output at the stop"),
        _ssim("last_ssim_smooth", "SSIM of the last smoothed output"),
        _ssim("best_ssim_smooth", "highest SSIM of a smoothed output: an oracle"),
        _ssim("stopped_ssim_smooth", "SSIM of the smoothed output at stopped_iteration"),
        Column("best_at_end", "bool", "best_iteration lies in the last 2 % of the budget"),
        Column("curve_row", "int32", "row in the part of curves/ and observables/ that it is in"),
    ),
    "corruptions": (
        *_KEY,
        _SEED,
        Column("psnr_db", "float64", "PSNR of the corrupted image", "dB"),
        Column("ssim", "float64", "SSIM of the corrupted image"),
        maybe(
            "sigma_estimate",
            "float64",
            "noise estimated from the corrupted image, in [0, 1]; of denoising alone",
        ),
        Column("known_share", "float64", "share of the pixels that are known"),
    ),
    "scores": (_ARCH_ID, *_KEY, *_SCORE_FACTS),
    "reruns": (
        _ARCH_ID,
        *_KEY,
        _SEED,
        Column("iterations", "int32", "trained again, from the first", "iterations"),
        Column("whole", "bool", "these are all of the run"),
        Column("stack", "int32", "how many runs were trained as one this time"),
        Column("precision", "string", "fp32, tf32 or bf16, this time"),
        Column("device", "string", "processor, this time"),
        Column("torch", "string", "version of torch, this time"),
        Column("points", "int32", "kept points of both PSNR curves that were compared"),
        Column("differing", "int32", "of them, those that are not equal"),
        Column("early_db", "float64", "largest difference in the first 2 iterations", "dB"),
        Column("difference_db", "float64", "smoothed PSNR at the last of them, less before", "dB"),
        _difference("best_difference_db", "best_psnr_smooth_db, less before"),
        _difference("stopped_difference_db", "stopped_psnr_smooth_db, less before"),
        Column(
            "verdict",
            "string",
            "equal, equal but for rounding, as another seed, different, not judged",
        ),
    ),
}
"""The tables of a dataset folder, each in one file."""

PART_TABLES: dict[str, tuple[Column, ...]] = {
    "stops": (
        _ARCH_ID,
        *_KEY,
        _SEED,
        Column("curve_row", "int32", "that of the run in runs.parquet"),
        Column("rule", "string", "name of the stopping rule"),
        Column("parameters", "string", "of the rule, such as tau=0.75,sigma=estimate"),
        Column("iteration", "int32", "the iteration whose smoothed output is delivered"),
        Column("paid", "int32", "iterations trained until the rule stopped", "", "lower"),
        Column("stopped", "bool", "the rule stopped the run; else the budget ended first"),
        Column("psnr_smooth_db", "float32", "PSNR of what is delivered", "dB", "higher"),
        Column("ssim_smooth", "float32", "SSIM of what is delivered", "1", "higher"),
    )
}
"""By folder, the tables that are kept in parts, like curves; only runs that are ok have rows."""

_RUN_KEY = ("arch_id", "image", "task", "fidelity", "seed")

KEYS: dict[str, tuple[str, ...]] = {
    "architectures": ("arch_id",),
    "images": ("name",),
    "runs": _RUN_KEY,
    "corruptions": _RUN_KEY[1:],
    "scores": (*_RUN_KEY, "proxy", "reference"),
    "reruns": (*_RUN_KEY, "iterations", "stack", "precision", "device", "torch"),
}
"""By table of a release, the columns that together identify a row."""

REFERENCES = {"arch_id": ("architectures", "arch_id"), "image": ("images", "name")}
"""Columns of runs and scores that refer to a row of another table: that table and its column."""

STATUSES = ("ok", "diverged", "failed")

PROVENANCE_COLUMNS = (
    "error", "seconds", "processor_seconds", "engine", "stack", "threads", "device", "torch",
)  # fmt: skip
"""What may differ between two rows that hold the same numbers: who computed them, and how fast."""

CORRUPTION_ROUNDING = 1e-6
"""How much two values for one corrupted image may differ: processors round sums differently."""


def arrow_schema(columns: tuple[Column, ...]) -> pa.Schema:
    """The Arrow schema of a table, with units and meanings as field metadata."""
    import pyarrow as pa

    def type_of(name: str) -> pa.DataType:
        of_list = name.endswith("[]")
        single = pa.type_for_alias(name.removesuffix("[]"))
        return pa.list_(single) if of_list else single

    return pa.schema(
        [
            pa.field(
                c.name,
                type_of(c.type),
                nullable=c.nullable,
                metadata={"meaning": c.meaning, "unit": c.unit, "direction": c.direction},
            )
            for c in columns
        ]
    )


def fits_schema(found: pa.Schema, expected: pa.Schema) -> bool:
    """Whether a file's columns are those of a table; it may be stricter about nulls."""
    return found.names == expected.names and all(
        one.type == other.type and (other.nullable or not one.nullable)
        for one, other in zip(found, expected, strict=True)
    )


def table_columns(name: str) -> tuple[Column, ...]:
    """The columns of a table of a release, whole or in parts.

    Raises:
        UnknownNameError: no such table.
    """
    tables = RELEASE_TABLES | PART_TABLES
    return tables[check_name("table", name, tables)]
