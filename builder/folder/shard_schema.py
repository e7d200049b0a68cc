"""The columns of a shard, a finished piece of a build in one Parquet file.

Frozen with protocol 2, even if a release's columns change: builds that keep running while the code
changes write these columns, and every later version reads them. Must not import torch.
"""

from __future__ import annotations

from nasdip_bench.dataset.schema import Column, maybe
from nasdip_bench.observables import CURVES, OBSERVABLES, SSIM

SHARD_VERSION = 4
"""Version of these columns; a setting of a build folder."""

IMAGE_FACTS = ("sha256", "height", "width", "channels", "source", "licence", "status")
"""What a build folder's settings record about an image."""


def curve_column(name: str) -> str:
    """The column name of a curve in `nasdip_bench.observables.CURVES`."""
    return f"{name}_curve"


_MEANINGS = {
    "psnr": "PSNR of the output before each update",
    "psnr_smooth": "PSNR of the smoothed output",
    SSIM: "SSIM of the smoothed output",
    **{name: f"-10·log10 of: {meaning}" for name, meaning in OBSERVABLES.items()},
}


_KEY = (
    Column("architecture", "string", "canonical string of the architecture"),
    Column("image", "string", "name of the image"),
    Column("task", "string", "name of the task"),
    Column("fidelity", "string", "name of the training set-up"),
)

SHARD_TABLES: dict[str, tuple[Column, ...]] = {
    "runs": (
        *_KEY,
        Column("seed", "int32", "replicate number"),
        Column("status", "string", "ok, diverged (a non-finite loss) or failed (an error)"),
        Column("iterations", "int32", "iterations asked for", "iterations"),
        maybe("diverged_at", "int32", "first iteration (from 0) with a non-finite loss"),
        maybe("error", "string", "what stopped a failed run"),
        maybe("loss", "float64", "training loss before the last update"),
        Column("psnr_corrupted_db", "float64", "PSNR of the corrupted image", "dB"),
        Column("ssim_corrupted", "float64", "SSIM of the corrupted image"),
        maybe("sigma_estimate", "float64", "noise of the corrupted image; of denoising alone"),
        Column("known_share", "float64", "share of the pixels that are known"),
        Column("seconds", "float64", "wall time of the fit, a stack's divided by its runs", "s"),
        Column("processor_seconds", "float64", "the same in time of the processor", "s"),
        Column("engine", "string", "fast or plain"),
        Column("stack", "int32", "how many runs were trained as one"),
        Column("threads", "int32", "of the process; on a GPU, too, those of the host"),
        Column("precision", "string", "fp32, tf32 or bf16"),
        Column("device", "string", "processor it ran on"),
        Column("torch", "string", "version of torch that it ran on"),
        Column("protocol_version", "int32", "version of all that decides a run's numbers"),
        *(
            Column(curve_column(name), "float32[]", _MEANINGS[name], "" if name == SSIM else "dB")
            for name in CURVES
        ),
        Column("stop", "int32", "the iteration of the restoration", "iterations"),
        maybe(
            "restoration",
            "binary",
            "smoothed output at the stop, (C, H, W) little-endian uint16, 65535 for 1; of runs "
            "that are ok",
        ),
    ),
    "scores": (
        *_KEY,
        maybe("seed", "int32", "of the corruption; null where the score sees none"),
        Column("proxy", "string", "name of the training-free score"),
        Column("reference", "string", "corrupted, ground_truth or none"),
        Column("values", "float64[]", "one a scoring initialisation; of the structure one in all"),
        Column("seconds", "float64", "time in all initialisations", "s"),
        Column("protocol_version", "int32", "version of all that decides a score"),
    ),
}
"""Columns by kind of shard. Curves have a value at every iteration, NaN where undefined."""
