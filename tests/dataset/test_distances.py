"""Distances between restorations: formulas, files, and what a release of builds has of them."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import pdist, squareform

from nasdip_bench.builder.folder.build_folder import BuildFolder
from nasdip_bench.builder.folder.shard_schema import SHARD_TABLES
from nasdip_bench.builder.release.release import release
from nasdip_bench.builder.work.build import build
from nasdip_bench.dataset import DatasetFolder
from nasdip_bench.dataset.curves import MISSING, decode
from nasdip_bench.dataset.distances import (
    Distances,
    coded,
    distances_bytes,
    mean_squares,
    read_distances,
    to_average,
)
from nasdip_bench.dataset.schema import arrow_schema
from nasdip_bench.errors import DatasetError
from nasdip_bench.fidelity import FIDELITIES, Fidelity
from nasdip_bench.fit.objective import Problem
from nasdip_bench.space import paper_architectures
from nasdip_bench.tasks import get_task
from nasdip_bench.verify.tables import find_problems
from tests import synthetic
from tests.builds import small_config
from tests.synthetic import change_arrays, of_values

HALF_A_STEP = (0.5 + 1e-6) / 1000

# Formulas


@given(st.integers(0, 1000), st.integers(1, 12), st.integers(1, 300), st.floats(1e-5, 1))
def test_mean_squares_are_scipys(seed, count, size, spread):
    source = np.random.default_rng(seed)
    images = source.uniform(0, 1, size) + spread * source.normal(size=(count, size))
    found = mean_squares(images)
    wanted = squareform(pdist(images, "sqeuclidean")) / size
    assert found.dtype == np.float64
    # Digits are lost where two images are closer than the others are to each other.
    np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-12 * wanted.max(initial=0))
    assert (np.diag(found) == 0).all()
    assert (found >= 0).all()


@given(st.integers(0, 1000), st.integers(1, 9), st.integers(1, 40))
def test_distances_to_averages_need_no_pictures(seed, count, size):
    source = np.random.default_rng(seed)
    images = source.uniform(0, 1, (count, size))
    shares = source.dirichlet(np.full(count, 0.5), size=(2, 3))
    shares[0, 0] = np.eye(count)[0]
    found = to_average(mean_squares(images), shares)
    averages = np.einsum("abj,jp->abp", shares, images)
    wanted = ((images - averages[:, :, None]) ** 2).mean(axis=-1)
    np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-14)
    assert (found >= 0).all()


def test_codes_are_thousandths_of_a_decibel():
    assert coded(np.array([1, 0.1, 1e-3, 10**-6.5])).tolist() == [0, 10_000, 30_000, 65_000]
    assert coded(np.array([np.nan, 0.0, 1e-9, 2.0])).tolist() == [65535, 65534, 65534, 0]
    values = np.geomspace(10**-6.5, 1, 10_001)
    assert np.abs(decode(coded(values)) + 10 * np.log10(values)).max() <= HALF_A_STEP


# Files


def small(architectures: int = 4, seeds: tuple[int, ...] = (0, 3)) -> Distances:
    """Of two images."""
    source, shape = np.random.default_rng(1), (2, len(seeds))
    pairs, truth, corrupted = (
        source.integers(10_000, 40_000, (*shape, last)).astype(np.uint16)
        for last in (architectures * (architectures - 1) // 2, architectures, architectures)
    )
    return Distances(np.array(seeds, np.int32), pairs, truth, corrupted)


@pytest.mark.parametrize("architectures", [1, 2, 4, 66])
@pytest.mark.parametrize("seeds", [(), (0,), (0, 3)])
def test_what_is_written_is_read(architectures, seeds):
    written = small(architectures, seeds)
    found = read_distances(distances_bytes(written), "d.h5")
    for one, other in zip(found, written, strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)
        assert not one.flags.writeable


def test_between_two_restorations():
    found = small()
    for place, seed in enumerate((0, 3)):
        square = found.between(1, seed)
        np.testing.assert_array_equal(square, square.T)
        assert (np.diag(square) == 0).all()
        codes = found.pairs[1, place].astype(float)
        wanted = 10 ** (-codes / 10_000)
        np.testing.assert_allclose(squareform(square), wanted, rtol=1e-12)


def test_what_has_no_restoration_has_no_distances():
    found = small()
    found.truth[0, 1, 2] = found.corrupted[0, 1, 2] = MISSING  # architecture 2
    found.pairs[0, 1, [1, 3, 5]] = MISSING
    found.pairs[0, 1, 0] = MISSING  # 0 and 1 were never at hand together
    missing = np.isnan(found.between(0, 3))
    wanted = np.zeros((4, 4), bool)
    wanted[2] = wanted[:, 2] = wanted[0, 1] = wanted[1, 0] = True
    np.testing.assert_array_equal(missing, wanted)
    assert not np.isnan(found.between(0, 0)).any()


# Releases of builds

EARLY = Fidelity(
    name="early",
    base="early",
    resolution=64,
    channels=16,
    iterations={"denoise": 3, "inpaint": 3, "super_resolve": 3},
    stop={"denoise": 2, "inpaint": 2, "super_resolve": 2},
)
TASKS = ("denoise", "inpaint", "super_resolve_x4")
ARCHITECTURES = tuple(paper_architectures(4))


@pytest.fixture(scope="module", autouse=True)
def early():
    """A fidelity whose runs go on behind their stop."""
    FIDELITIES["early"] = EARLY
    yield
    del FIDELITIES["early"]


def built(folder: Path, architectures=ARCHITECTURES[:2], **changes) -> Path:
    options = {"fidelity": EARLY, "tasks": ("denoise",), "scoring_inits": 0} | changes
    build(small_config(architectures=architectures, **options), folder, workers=1)
    return folder


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    """Three architectures, two images, two seeds, three tasks."""
    folder = tmp_path_factory.mktemp("whole") / "build"
    return built(folder, ARCHITECTURES[:3], tasks=TASKS, seeds=(0, 1))


@pytest.fixture(scope="module")
def first(tmp_path_factory) -> Path:
    """Two architectures."""
    return built(tmp_path_factory.mktemp("first") / "build")


@pytest.fixture(scope="module")
def further(tmp_path_factory) -> Path:
    """Two others."""
    return built(tmp_path_factory.mktemp("further") / "build", ARCHITECTURES[2:])


def restorations(*folders: Path, task: str = "denoise") -> dict[tuple, np.ndarray]:
    """By architecture, image and seed."""
    found = {}
    for folder in folders:
        for table in BuildFolder(folder).read("runs"):
            for row in table.to_pylist():
                if row["task"] == task and row["restoration"] is not None:
                    codes = np.frombuffer(row["restoration"], "<u2").reshape(-1, 64, 64)
                    found[row["architecture"], row["image"], row["seed"]] = codes / 65535
    return found


def names_of(folder: DatasetFolder) -> list[str]:
    return folder.table("architectures")["architecture"].to_pylist()


def released(sources: list[Path], out: Path, **options) -> DatasetFolder:
    release(sources, out, **options)
    assert find_problems(out) == []
    return DatasetFolder(out)


def assert_near(codes, mean_square: float, half_a_step: float = HALF_A_STEP) -> None:
    assert codes != MISSING
    assert abs(decode(codes) + 10 * np.log10(mean_square)) <= half_a_step


@pytest.fixture(scope="module")
def whole_release(whole) -> DatasetFolder:
    return released([whole], whole.parent / "data")


@pytest.mark.parametrize("task", TASKS)
def test_distances_are_those_of_the_restorations(whole, whole_release, task):
    folder = whole_release
    found, names = folder.distances("early", task), names_of(folder)
    pictures = {image.name: image for image in small_config().images}
    mine = restorations(whole, task=task)
    assert found.seeds.tolist() == [0, 1]
    assert len(mine) == 3 * 2 * 2
    for i, image in enumerate(folder.manifest.images):
        truth = pictures[image].at_resolution(64)
        for s, seed in enumerate((0, 1)):
            problem = Problem(get_task(task), get_task(task).corrupt(truth, image, seed), None)
            of = [mine[name, image, seed] for name in names]
            pairs = zip(*np.triu_indices(3, 1), strict=True)
            for code, (a, b) in zip(found.pairs[i, s], pairs, strict=True):
                assert_near(code, np.mean((of[a] - of[b]) ** 2))
            for a, one in enumerate(of):
                # Of the output itself, where the pairs are of the restoration in 16 bits.
                assert_near(found.truth[i, s, a], np.mean((one - truth) ** 2), 0.00055)
                output = torch.tensor(one, dtype=torch.float32)[None]
                loss = float(problem.losses(output) / problem.known_share)
                assert_near(found.corrupted[i, s, a], loss, 0.0055)
            square = found.between(i, seed)
            assert square[0, 1] == pytest.approx(np.mean((of[0] - of[1]) ** 2), rel=2e-4)


def test_the_larger_of_two_groups_that_were_never_compared_is_kept(first, tmp_path):
    """Three architectures at hand, and two earlier ones, of which one is among them."""
    released([first], tmp_path / "before")
    rest = built(tmp_path / "rest", [ARCHITECTURES[place] for place in (0, 2, 3)])
    found = released([tmp_path / "before", rest], tmp_path / "after").distances("early", "denoise")
    mine = restorations(rest)
    for i, image in enumerate(("camera", "coins")):
        assert (found.truth[i, 0] != MISSING).tolist() == [True, False, True, True]
        of = [mine.get((str(arch), image, 0)) for arch in ARCHITECTURES]
        for code, (a, b) in zip(
            found.pairs[i, 0], zip(*np.triu_indices(4, 1), strict=True), strict=True
        ):
            if 1 in (a, b):
                assert code == MISSING
            else:
                assert_near(code, np.mean((of[a] - of[b]) ** 2))


@pytest.mark.parametrize("order", [[0, 1, 2], [2, 1, 0]])
def test_whatever_is_at_hand_adds_pairs(first, further, tmp_path, order):
    """A build beside the earlier release that was made from it gives its restorations again."""
    released([first], tmp_path / "before")
    sources = [[tmp_path / "before", first, further][place] for place in order]
    merged = released(sources, tmp_path / "merged", architectures=ARCHITECTURES)
    at_once = released([first, further], tmp_path / "once", architectures=ARCHITECTURES)
    for one, other in zip(*(f.distances("early", "denoise") for f in (merged, at_once)),
                          strict=True):  # fmt: skip
        np.testing.assert_array_equal(one, other)
        assert (one != MISSING).all()


def test_other_rows_and_images_keep_their_distances(whole_release, tmp_path):
    """A list in another order, with an architecture that has no run."""
    one, order = whole_release, [ARCHITECTURES[n] for n in (2, 3, 0, 1)]
    two = released([one.path], tmp_path / "two", architectures=order)
    old, new = (f.distances("early", "inpaint") for f in (one, two))
    old_place, new_place = (
        [names_of(f).index(str(a)) for a in ARCHITECTURES[:3]] for f in (one, two)
    )
    for i in range(2):
        for seed in (0, 1):
            a, b = old.between(i, seed), new.between(i, seed)
            np.testing.assert_array_equal(
                a[np.ix_(old_place, old_place)], b[np.ix_(new_place, new_place)]
            )
            assert np.isnan(b[1]).all()
    np.testing.assert_array_equal(old.corrupted[..., old_place], new.corrupted[..., new_place])


def rewritten(folder: Path, change) -> None:
    """Every shard of runs with other rows."""
    shards = BuildFolder(folder)
    for path in folder.glob("shards/runs-*.parquet"):
        rows = pq.read_table(path).to_pylist()
        path.unlink()
        schema = arrow_schema(SHARD_TABLES["runs"])
        shards.write("runs", pa.Table.from_pylist([change(row) for row in rows], schema=schema))


def test_a_run_that_diverged_has_none(tmp_path):
    folder = built(tmp_path / "build", ARCHITECTURES[:3])

    def diverge(row):
        if (row["architecture"], row["image"]) != (str(ARCHITECTURES[1]), "coins"):
            return row
        return row | {"status": "diverged", "diverged_at": 1, "loss": None, "restoration": None}

    rewritten(folder, diverge)
    data = released([folder], tmp_path / "data")
    found, place = data.distances("early", "denoise"), names_of(data).index(str(ARCHITECTURES[1]))
    for i, image in enumerate(data.manifest.images):
        missing = np.isnan(found.between(i, 0))
        wanted = np.zeros((3, 3), bool)
        if image == "coins":
            wanted[place] = wanted[:, place] = True
        np.testing.assert_array_equal(missing, wanted)
        for codes in (found.truth, found.corrupted):
            np.testing.assert_array_equal(codes[i, 0] == MISSING, wanted.all(axis=0))


def test_a_release_of_scores_alone_has_no_folder_for_them(tmp_path):
    built(tmp_path / "b", ARCHITECTURES[:1], train=False, scoring_inits=1, scores=("flops",))
    data = released([tmp_path / "b"], tmp_path / "data")
    assert not (tmp_path / "data" / "distances").exists()
    assert not data.has_distances("early", "denoise")
    with pytest.raises(DatasetError, match=r"distances/early-denoise\.h5 is not listed"):
        data.distances("early", "denoise")


def test_a_restoration_of_another_iteration_than_the_stop_counts_for_nothing(
    first, tmp_path, monkeypatch
):
    everywhere = {"denoise": 3, "inpaint": 3, "super_resolve": 3}
    monkeypatch.setitem(FIDELITIES, "early", replace(EARLY, stop=everywhere))
    data = released([first], tmp_path / "data")
    assert data.manifest.task("early", "denoise").stop == 3
    assert not data.has_distances("early", "denoise")


# Damage

LOW = "r64c16i40"
FILE = f"distances/{LOW}-denoise.h5"


@pytest.fixture
def sound(tmp_path) -> Path:
    diverged = {(LOW, "denoise", 1, "lena", 0)}
    path = synthetic.small(tmp_path / "data", count=4, seeds={LOW: (0, 2)}, diverged=diverged)
    synthetic.add_distances(path, LOW, "denoise", without={(2, "lena", 0)})
    assert find_problems(path) == []
    return path


def _first(values, code):
    values = values.copy()
    values.flat[0] = code
    return values


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (of_values("truth", lambda v: _first(v, 20_000)), "PSNR is not final_psnr_smooth_db of a"),
        (of_values("truth", lambda v: v[:, :, ::-1]), "PSNR is not final_psnr_smooth_db of a run"),
        (of_values("truth", lambda v: np.where(v == MISSING, 2, v).astype("u2")), "PSNR is not"),
        (of_values("truth", lambda v: _first(v, MISSING)), "distances to other corrupted images"),
        (of_values("corrupted", lambda v: _first(v, MISSING)), "to other corrupted images than"),
        (of_values("pairs", lambda v: _first(v, 1)), "distances of runs that have no restoration"),
        (of_values("pairs", lambda v: np.full_like(v, MISSING)), "lacks distances between restor"),
        (of_values("seed", lambda v: v[::-1]), r"has the seeds \[2, 0\], which "),
        (of_values("seed", lambda v: v + np.int32(1)), r"has the seeds \[1, 3\], which "),
        (of_values("pairs", lambda v: v[..., :-1]), r"has the shapes pairs \(3, 2, 5\), for 4"),
    ],
)
def test_damage_is_found_though_the_hashes_agree(sound, change, problem):
    found = find_problems(change_arrays(sound, FILE, change))
    assert found
    assert all(FILE in one for one in found)
    assert re.search(problem, "\n".join(found))
