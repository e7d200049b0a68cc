"""A release read with pyarrow, h5py and NumPy alone, as docs/data.md shows it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from nasdip_bench import NASDIPBench
from tests import synthetic

LOW = "r64c16i40"
KEY = {"image": "chest", "task": "denoise", "fidelity": LOW, "seed": 1}
SCORE = ("psd_db_mse", "corrupted")
CODE = f'''\
import h5py
import numpy as np
import pyarrow.parquet as pq

def decoded(array, rows):
    codes, facts = array[rows], array.attrs
    values = codes / facts["steps_per_unit"] + facts.get("lowest", 0)
    return np.where(codes == facts["missing"], np.nan, values)

runs = pq.read_table("runs.parquet", filters=[
    ("arch_id", "=", 66), ("image", "=", "chest"), ("task", "=", "denoise"),
    ("fidelity", "=", "{LOW}"), ("seed", "=", 1)])
[run] = runs.to_pylist()
part = f"{LOW}-denoise-s1-{{66 // 64}}.h5"
with h5py.File(f"curves/{{part}}") as file:
    iterations = file["iteration"][:]
    curve = {{n: decoded(file[n], run["curve_row"]) for n in ("psnr", "psnr_smooth", "ssim_smooth")}}
with h5py.File(f"observables/{{part}}") as file:
    observables = {{n: decoded(file[n], run["curve_row"]) for n in file if n != "iteration"}}

images = pq.read_table("images.parquet")["name"].to_pylist()
n = pq.read_metadata("architectures.parquet").num_rows
with h5py.File("distances/{LOW}-denoise.h5") as file:
    at = images.index("chest"), file["seed"][:].tolist().index(1)
    i, j = 3, 66  # i < j, in the order of scipy's squareform
    place = i * n - i * (i + 1) // 2 + j - i - 1
    distance = 10 ** (-decoded(file["pairs"], (*at, place)) / 10)

scores = pq.read_table("scores.parquet").to_pylist()
with h5py.File("score_values.h5") as file:
    values = file["values"][[row for row, score in enumerate(scores)
                             if (score["proxy"], score["reference"]) == {SCORE}
                             and (score["task"], score["seed"]) == ("denoise", 1)]]
'''
SAVE = '''
import pickle
import sys
assert not [name for name in sys.modules if name.startswith("nasdip_bench")]
with open("found.pkl", "wb") as file:
    pickle.dump((run, iterations, curve, observables, float(distance), values), file)
'''


@pytest.fixture(scope="module")
def release(tmp_path_factory) -> Path:
    path = synthetic.write_release(
        tmp_path_factory.mktemp("plain") / "data", count=70, fidelities=(LOW,)
    )
    return synthetic.add_distances(path, LOW, "denoise")
