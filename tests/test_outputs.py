"""Outputs that builds keep: what they are of, where they go, and what is refused."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pyarrow.parquet as pq
import pytest

from nasdip_bench.builder import preview as preview_module
from nasdip_bench.builder import worker as worker_module
from nasdip_bench.builder.build import build
from nasdip_bench.builder.plan import RunKey, Unit
from nasdip_bench.builder.release import release
from nasdip_bench.builder.shards import BuildFolder
from nasdip_bench.dataset import DatasetFolder, output_path
from nasdip_bench.errors import BuildError, DatasetError
from nasdip_bench.fidelity import FIDELITIES, Fidelity
from nasdip_bench.images import load_images
from nasdip_bench.outputs import Output, write_outputs
from nasdip_bench.problems import find_problems
from nasdip_bench.space import sample_architectures
from tests import synthetic
from tests.builds import small_config

EARLY = Fidelity(
    name="early",
    base="early",
    resolution=64,
    channels=16,
    iterations={"denoise": 3},
    stop={"denoise": 2},
)
HALF_A_LEVEL = 0.5 / 255


@pytest.fixture(scope="module", autouse=True)
def early():
    """A fidelity whose runs go on behind their stop."""
    FIDELITIES["early"] = EARLY
    yield
    del FIDELITIES["early"]


def early_config(**changes):
    return small_config(**({"fidelity": EARLY, "tasks": ("denoise",)} | changes))


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    """Two architectures on two images."""
    folder = tmp_path_factory.mktemp("outputs") / "build"
    build(early_config(), folder, workers=1, stack=1)
    return folder


@pytest.fixture(scope="module")
def released(built: Path) -> Path:
    release(built, built.parent / "data")
    return built.parent / "data"


def stored(path: Path, fidelity: str = "early", task: str = "denoise"):
    """(pixels, iterations) by row."""
    with h5py.File(path / "outputs" / f"{fidelity}-{task}.h5") as file:
        return file["output"][:], file["iteration"][:]


def runs_of(path: Path) -> list[dict]:
    return pq.read_table(path / "runs.parquet").to_pylist()


def test_the_output_is_that_of_the_stop(built, released):
    """Its PSNR is the one that the run recorded there, and not the one at the end."""
    pixels, iterations = stored(released)
    truths = {i.name: i.at_resolution(64) for i in early_config().images}
    rows = runs_of(released)
    assert set(iterations) == {2}
    for row in rows:
        error = np.sqrt(np.mean((pixels[row["curve_row"]] / 255 - truths[row["image"]]) ** 2))
        at_stop = 10 ** (-row["final_psnr_smooth_db"] / 20)
        at_end = 10 ** (-row["last_psnr_smooth_db"] / 20)
        assert abs(error - at_stop) < 1e-4 < abs(error - at_end)
    assert find_problems(released) == []


def test_a_stack_keeps_the_outputs_of_its_runs_and_none_of_the_diverged(monkeypatch):
    config = early_config()
    spec = worker_module.WorkerSpec(
        images=config.images, device="cpu", engine="fast", precision="fp32", threads=1
    )
    worker = worker_module.Worker(spec)
    arch = str(config.architectures[0])
    keys = tuple(RunKey(arch, i.name, "denoise", "early", 0) for i in config.images)

    def restorations(*runs: RunKey) -> list[np.ndarray | None]:
        column = worker.execute(Unit(architecture=arch, runs=runs))["restoration"].to_pylist()
        return [None if one is None else np.frombuffer(one, "<u2").astype(int) for one in column]

    alone = [restorations(key)[0] for key in keys]
    real = worker_module.fit_stack

    def one_diverges(*arguments, **options):
        first, *others = real(*arguments, **options)
        return [replace(first, diverged_at=2), *others]

    for one, other in zip(alone, restorations(*keys), strict=True):
        assert np.abs(one - other).max() <= 0.004 * 65535
    monkeypatch.setattr(worker_module, "fit_stack", one_diverges)
    assert [one is None for one in restorations(*keys)] == [True, False]


def test_every_shard_of_a_run_has_its_output(built):
    tables = list(BuildFolder(built).read("runs", ["stop", "restoration"]))
    rows = [row for table in tables for row in table.to_pylist()]
    assert [(row["stop"], len(row["restoration"])) for row in rows] == [(2, 2 * 64 * 64)] * 4


def test_a_release_without_outputs_has_no_folder_for_them(tmp_path):
    build(early_config(train=False), tmp_path / "b", workers=1)
    release(tmp_path / "b", tmp_path / "data")
    assert not (tmp_path / "data" / "outputs").exists()
    folder = DatasetFolder(tmp_path / "data")
    assert not folder.has_outputs("early", "denoise")
    with pytest.raises(DatasetError, match=r"outputs/early-denoise\.h5 is not listed"):
        folder.outputs("early", "denoise")


def test_releasing_again_changes_nothing(built, released, tmp_path):
    for name, sources in (("again", [released]), ("merged", [built, released])):
        release(sources, tmp_path / name)
        for one, other in zip(stored(released), stored(tmp_path / name), strict=True):
            np.testing.assert_array_equal(one, other)
        assert find_problems(tmp_path / name) == []


def test_other_images_of_one_run_contradict_each_other(built, released, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(released, other)
    pixels, iterations = stored(released)
    pixels[0, 0, 0, 0] ^= 1
    outputs = [
        Output.of_pixels(p, int(i)) if i else None for p, i in zip(pixels, iterations, strict=True)
    ]
    write_outputs(other / output_path("early", "denoise"), outputs, 64)
    synthetic.rehash(other)
    with pytest.raises(BuildError, match="not the same: their outputs are other images; leave"):
        release([built, other], tmp_path / "merged")


def test_a_moved_stop_leaves_the_iteration_of_the_outputs(built, tmp_path, monkeypatch):
    monkeypatch.setitem(FIDELITIES, "early", replace(EARLY, stop={"denoise": 3}))
    release(built, tmp_path / "data")
    assert {row["stop"] for row in runs_of(tmp_path / "data")} == {3}
    assert {int(i) for i in stored(tmp_path / "data")[1]} == {2}
    assert find_problems(tmp_path / "data") == []


def test_gray_and_colour_stand_in_one_file(tmp_path):
    images = tuple(load_images("skimage", ["camera", "chelsea"]))
    config = early_config(images=images, architectures=tuple(sample_architectures(1)))
    build(config, tmp_path / "b", workers=1)
    release(tmp_path / "b", tmp_path / "data")
    channels = {image.name: image.channels for image in images}
    pixels, _ = stored(tmp_path / "data")
    assert pixels.shape == (2, max(channels.values()), 64, 64)
    for row in runs_of(tmp_path / "data"):
        assert not pixels[row["curve_row"], channels[row["image"]] :].any()
    release(tmp_path / "data", tmp_path / "again")
    np.testing.assert_array_equal(stored(tmp_path / "again")[0], pixels)


def test_disk_space_is_stated(tmp_path, monkeypatch):
    config = early_config(architectures=tuple(sample_architectures(60)))
    mib = []
    for size in (0, 80):
        monkeypatch.setattr(preview_module, "_BYTES_PER_PIXEL", size)
        said = preview_module.preview(config, tmp_path)
        mib.append(int(said.split("disk: about ")[1].split()[0]))
    assert abs(mib[1] - mib[0] - 80 * 120 * 4096 / 2**20) <= 1


# Codes


def test_pixels_are_rounded_clipped_and_come_back():
    image = np.array(
        [[[-0.1, 0.0, 0.5 / 255 - 1e-6], [0.5, 1.0, 2.0], [0.1, 0.2, 0.31]]], np.float32
    )
    output = Output.of_image(image, 7)
    assert output.iteration == 7
    expected = np.rint(np.clip(image.astype(np.float64), 0, 1) * 255)
    np.testing.assert_array_equal(output.pixels(3), expected)
    assert np.abs(output.pixels(3) / 255 - np.clip(image, 0, 1)).max() <= HALF_A_LEVEL + 1e-7


@pytest.mark.parametrize("side", [2, 4, 1])
def test_an_image_of_another_size_is_refused(side):
    with pytest.raises(ValueError, match="image of|cannot reshape"):
        Output.of_pixels(np.zeros((3, 3, 3), np.uint8), 1).pixels(side)


# Damage


FIDELITY = "r64c16i40"
FILE = f"outputs/{FIDELITY}-denoise.h5"


@pytest.fixture
def sound(tmp_path) -> Path:
    path = synthetic.write_release(
        tmp_path / "data",
        count=4,
        fidelities=(FIDELITY,),
        tasks=("denoise",),
        seeds={FIDELITY: (0,)},
        diverged={(FIDELITY, "denoise", 1, "lena", 0)},
        missing={(FIDELITY, "denoise", 2, "boat", 0)},
    )
    synthetic.add_outputs(path, FIDELITY, "denoise", without={(3, "lena", 0)})
    assert find_problems(path) == []
    return path


def changed(path: Path, change) -> list[str]:
    with h5py.File(path / FILE, "r+") as file:
        change(file)
    synthetic.rehash(path)
    return find_problems(path)


def rewritten(name, change=lambda values: values, **options):
    def rewrite(file):
        values = change(file[name][:])
        del file[name]
        given = {"chunks": (1, *values.shape[1:])} if values.ndim == 4 else {}
        file.create_dataset(name, data=values, **(given | options))

    return rewrite


def linked(link):
    def change(file):
        del file["output"]
        file["output"] = link

    return change


def swapped(file):
    """Outputs of one architecture on two images."""
    file["output"][:2] = file["output"][:2][::-1]


def of_a_diverged_run(file):
    file["iteration"][3] = 40


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (of_a_diverged_run, r"runs: 1 rows are not ok and have an output in outputs/.* \(row 3\)"),
        (lambda f: f["iteration"].__setitem__(0, 41), r"iteration outside 0\.\.40"),
        (lambda f: f["iteration"].__setitem__(0, -1), r"iteration outside 0\.\.40"),
        (lambda f: f.__delitem__("iteration"), "cannot be parsed"),
        (lambda f: f.__delitem__("output"), "cannot be parsed: output is no array in the file"),
        (linked(h5py.ExternalLink("/etc/passwd", "output")), "no array in the file itself"),
        (linked(h5py.SoftLink("/iteration")), "no array in the file itself"),
        (rewritten("output", lambda v: v[:-1]), "does not have one row for each of the 11 runs"),
        (rewritten("output", lambda v: v[..., :-1]), r"images are \(1, 64, 63\), not of 64 x 64"),
        (rewritten("output", lambda v: v.repeat(2, 1)), r"images are \(2, 64, 64\)"),
        (rewritten("output", chunks=(2, 1, 64, 64)), r"chunks \(2, 1, 64, 64\); a chunk is one"),
        (rewritten("output", lambda v: v, chunks=None), r"chunks None; a chunk is one image"),
        (rewritten("output", compression="lzf"), "filters other than shuffle and gzip"),
        (rewritten("output", dtype=np.int16), "no array of uint8 with 4 axes"),
        (rewritten("iteration", dtype=np.int64), "no array of int32 with 1 axes"),
        (rewritten("output", lambda v: v.repeat(3, 1)),
         r"have an output with too many channels .* \(row 0, 1, 2, \.\.\.\)"),
    ],
)  # fmt: skip
def test_damaged_outputs_are_found_though_the_hashes_agree(sound, change, problem):
    assert re.search(problem, "\n".join(changed(sound, change)))


def test_outputs_in_the_rows_of_others_contradict_psnr(tmp_path):
    """As far as PSNR tells: two outputs cannot be further apart than both are from the truth."""
    path = synthetic.write_release(
        tmp_path / "data",
        count=4,
        fidelities=(FIDELITY,),
        tasks=("denoise",),
        seeds={FIDELITY: (0,)},
    )

    def of(row):
        pixels = synthetic.output_pixels(row)
        return pixels if row["image"] == "lena" else pixels - np.uint8(80)  # another ground truth

    synthetic.add_outputs(path, FIDELITY, "denoise", of=of)
    assert find_problems(path) == []
    [problem] = changed(path, swapped)
    assert "have a final_psnr_smooth_db that is not of the output in" in problem


def test_a_flipped_bit_an_unlisted_and_a_lost_file_are_found(sound):
    content = bytearray((sound / FILE).read_bytes())
    content[len(content) // 2] ^= 1
    (sound / FILE).write_bytes(content)
    assert any(FILE in p and "damaged" in p for p in find_problems(sound))
    (sound / FILE).rename(sound / "outputs" / "r512-denoise.h5")
    problems = " ".join(find_problems(sound))
    assert "outputs/r512-denoise.h5 is not listed in manifest.json" in problems
    assert f"{FILE} is missing in" in problems
