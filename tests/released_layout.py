"""Results in the layout of the paper's released code, written by formula.

Of model number a on an image, with T iterations: psnr_gt_sm peaks at 25 + a / 10 dB after T // 2
updates and falls by a hundredth of a dB an iteration to both sides; psnr_gt is half a dB below.
"""

from __future__ import annotations

import csv
import pickle
from pathlib import Path
from typing import Any

import numpy as np

CODES = (
    (172, "0000011001001001100111101"),
    (3, "1111100000111110000011111"),
    (60, "0101010101010101010101010"),
    (318, "1000001000001000001000001"),
)
COLUMNS = (
    "best psnr smooth",
    "best iteration smooth",
    "best psnr",
    "best iteration",
    "psnr noisy",
    "psd db mse",
    "psd db strip mse",
    "nodc psd db mse",
    "psd strip hist emd",
)


def model_name(cell: int, skip: str, iterations: int = 4000) -> str:
    return f"0_{cell}_iteration_{iterations}_sigma_25_skip_{skip}"


MODELS = tuple(model_name(*code) for code in CODES)


def history(number: int, iterations: int, **changes: Any) -> dict[str, Any]:
    """The dictionary of ``htr.pkl``, as the released loop makes it: NumPy's floats in lists."""
    t = np.arange(iterations)
    smooth = 25 + number / 10 - np.abs(t - iterations // 2) / 100
    output = np.full((1, 512, 512), 0.5, np.float32)
    return {
        "loss": [float(1 / (i + 1)) for i in t],
        "psnr_gt": list(smooth - 0.5),
        "psnr_gt_sm": list(smooth),
        "best_psnr_gt": np.float64(smooth.max() - 0.5),
        "best_psnr_gt_sm": np.float64(smooth.max()),
        "last_out": output,
        "last_out_sm": output,
        "best_out": output,
        "best_out_sm": output,
        "best_iter": int(iterations // 2),
        "best_iter_sm": int(iterations // 2),
        "outs": {},
        "outs_sm": {0: output},
    } | changes


def row(number: int, iterations: int) -> dict[str, Any]:
    """What the table of similarity has of the same run."""
    best = 25 + number / 10
    values = (best, iterations // 2, best - 0.5, iterations // 2, 20.25)
    return dict(zip(COLUMNS, (*values, 10.0 * number, 5.0 * number, 7.0, number / 8), strict=True))


def write_table(path: Path, rows: dict[str, dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    columns = list(next(iter(rows.values())))
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["model name", *columns])
        for model, values in rows.items():
            writer.writerow([model, *(values[column] for column in columns)])


def write_history(folder: Path, value: Any, protocol: int = 4) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "htr.pkl").write_bytes(pickle.dumps(value, protocol))
    (folder / "psnr_noisy.pkl").write_bytes(pickle.dumps(np.float64(20.25), protocol))


def write_results(root: Path, lengths: tuple[int, ...] = (1600, 900, 700, 2000)) -> Path:
    """Two images of denoising with tables and histories, one of inpainting with tables alone."""
    benchmark = root / "benchmark"
    benchmark.mkdir(parents=True)
    (benchmark / "models.csv").write_text("".join(f"{c},{s}\n" for c, s in CODES))
    write_table(
        benchmark / "lowpass_metrics.csv",
        {m: {"psd 99_per_bw": 0.25 + a / 100, "psd 70_per_bw": 0.1} for a, m in enumerate(MODELS)},
    )
    for image in ("lena_512", "8_512"):
        folder = benchmark / "denoising" / "25" / image
        rows = {m: row(a, lengths[a]) for a, m in enumerate(MODELS)}
        write_table(folder / "similarity_metrics_noisy_img.csv", rows)
        for a, model in enumerate(MODELS):
            write_history(folder / "data" / model, history(a, lengths[a]), protocol=a + 1)
    rows = {m: row(a, 4000) for a, m in enumerate(MODELS[:3])}
    write_table(
        benchmark / "inpainting" / "50" / "boat_512" / "similarity_metrics_true_img.csv", rows
    )
    return root
