"""What of an experiment is finished: scores of candidates, and fits, whose outputs stay on disk."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nasdip_bench.dataset.schema import Column

from ..folder.shard_files import ShardFiles
from .units import FitKey, Pair

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["SHARD_TABLES", "Finished", "State"]

_PAIR = (
    Column("image", "string", "name of the image"),
    Column("task", "string", "denoise, inpaint, super_resolve_x2, _x4 or _x8"),
    Column("setting", "string", "name of the set-up"),
)
_PROTOCOL = Column("protocol_version", "int32", "version of all that decides the draws and the fit")

SHARD_TABLES: dict[str, tuple[Column, ...]] = {
    "rankings": (
        Column("architecture", "string", "canonical string of the candidate"),
        *_PAIR,
        Column("score", "string", "name of the training-free score"),
        Column("value", "float64", "mean over the scoring initialisations", "", "lower"),
        Column("seconds", "float64", "its share of the unit's wall time", "s"),
        _PROTOCOL,
    ),
    "fits": (
        *_PAIR,
        Column("network", "string", "architecture, dip, nas_dip or classical"),
        Column("purpose", "string", "baseline, classical, cohort-full, cohort-resized or restore"),
        Column("seed", "int32", "replicate number"),
        Column("status", "string", "ok, diverged (a non-finite loss) or failed (an error)"),
        Column("error", "string", "what stopped a failed one", "", "", True),
        Column("restored_by", "string", "the network, or the name of the classical method"),
        Column("iterations", "int32", "asked for; null for a classical method", "", "", True),
        Column("psnr_db", "float64", "of the last smoothed output", "dB", "higher", True),
        Column("best_psnr_db", "float64", "highest of a smoothed output", "dB", "higher", True),
        Column("best_iteration", "int32", "iterations to it", "", "", True),
        Column("psnr_corrupted_db", "float64", "of the corrupted image", "dB", "higher"),
        Column("seconds", "float64", "wall time", "s"),
        Column("precision", "string", "fp32, tf32 or bf16"),
        Column("device", "string", "processor it ran on"),
        Column("torch", "string", "version of torch"),
        _PROTOCOL,
        Column("channels", "int32", "of the output"),
        Column("height", "int32", "of the output", "pixels"),
        Column("width", "int32", "of the output", "pixels"),
        Column("output_sha256", "string", "SHA-256 of the output's 8-bit pixels", "", "", True),
        Column("output", "float32[]", "the last smoothed output, row by row; empty if none"),
    ),
}
"""What a finished piece of an experiment holds: one Parquet file a unit."""


@dataclass(frozen=True)
class Finished:
    """A fit: its row without the output, and the shard that holds it."""

    row: dict[str, Any]
    path: Path

    @property
    def failed(self) -> bool:
        """Whether an error stopped it; it is tried again by the next command."""
        return bool(self.row["status"] == "failed")

    @property
    def ok(self) -> bool:
        """Whether it has an output."""
        return bool(self.row["status"] == "ok")


class State:
    """The finished pieces, added to as they come.

    Args:
        files: the shards.
    """

    def __init__(self, files: ShardFiles) -> None:
        self._files = files
        self._scores: dict[tuple[Pair, str], dict[str, float]] = {}
        self._seconds: dict[Pair, float] = {}
        self.fits: dict[FitKey, Finished] = {}

    def read(self, *, set_aside: bool = True) -> None:
        """Take in all whole shards of the folder; damaged ones are moved aside, and so made anew.

        Raises:
            BuildError: a shard that may not be read, or has other columns.
        """
        for kind, columns in SHARD_TABLES.items():
            names = [column.name for column in columns if column.name != "output"]
            for path, table in self._files.read(kind, names, set_aside=set_aside):
                self.add(kind, table, path)

    def add(self, kind: str, table: pa.Table, path: Path) -> None:
        """Take in a shard; of a fit that was finished twice the first counts."""
        if kind == "rankings":
            for row in table.to_pylist():
                self._add_score(row)
            return
        if "output" in table.column_names:
            table = table.drop_columns(["output"])
        for row in table.to_pylist():
            key = FitKey(*(row[name] for name in FitKey._fields))
            if key not in self.fits or (self.fits[key].failed and row["status"] != "failed"):
                self.fits[key] = Finished(row, path)

    def _add_score(self, row: dict[str, Any]) -> None:
        pair = Pair(row["image"], row["task"])
        values = self._scores.setdefault((pair, row["score"]), {})
        if row["architecture"] not in values:
            values[row["architecture"]] = row["value"]
            self._seconds[pair] = self._seconds.get(pair, 0.0) + row["seconds"]

    def scores(self, pair: Pair, score: str) -> dict[str, float]:
        """Values by architecture, as far as they are known."""
        return self._scores.get((pair, score), {})

    def ranking_seconds(self, pair: Pair) -> float:
        """Time that scoring for an image took."""
        return self._seconds.get(pair, 0.0)

    def done(self, key: FitKey) -> bool:
        """Whether a fit is finished, well or diverged; what failed is to be tried again."""
        return key in self.fits and not self.fits[key].failed

    def output(self, key: FitKey) -> NDArray[np.float32]:
        """(C, H, W) float32: the output of a fit that is ok.

        Raises:
            BuildError: its shard was damaged since.
        """
        found = self.fits[key]
        names = [*FitKey._fields, "output"]
        table = self._files.load(found.path, "fits", names)
        for row in range(len(table)):
            if FitKey(*(table[name][row].as_py() for name in FitKey._fields)) == key:
                shape = tuple(found.row[name] for name in ("channels", "height", "width"))
                pixels: NDArray[np.float32] = table["output"][row].values.to_numpy()
                return pixels.reshape(shape)
        raise KeyError(key)
