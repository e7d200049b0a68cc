"""Datasets in which some architectures, or some releases, have more scores than others."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from nasdip_bench import NASDIPBench
from nasdip_bench.api.paper.table1 import table1
from nasdip_bench.builder.engines import worker
from nasdip_bench.builder.folder.build_folder import BuildFolder
from nasdip_bench.builder.plan.units import ScoreKey, Unit
from nasdip_bench.builder.release.release import release
from nasdip_bench.builder.release.sources.from_build import read_build
from nasdip_bench.builder.work.build import build
from nasdip_bench.dataset.schema import KEYS
from nasdip_bench.errors import BuildError, UnknownNameError
from nasdip_bench.proxies import image_scores, network_score, network_scores
from nasdip_bench.space import paper_architectures
from nasdip_bench.verify.tables import find_problems
from tests.builds import FIDELITY, score_rows, small_config
from tests.proxies.networks import OWN_SCORE, ZERO_COST

COUNT, FEW = 4, 2


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> dict[str, Path]:
    """A release without the zero-cost proxies, and one with those of the first architectures."""
    where = tmp_path_factory.mktemp("scores")
    settings = {"images": small_config().images[:1], "scoring_inits": 1}
    others = tuple(n for n in (*image_scores(), *network_scores()) if n not in ZERO_COST)
    whole = small_config(architectures=tuple(paper_architectures(COUNT)), scores=others, **settings)
    first = tuple(paper_architectures(FEW))
    few = small_config(architectures=first, scores=(), train=False, **settings)
    build(whole, where / "old build", workers=1)
    build(few, where / "scores", workers=1)
    release(where / "old build", where / "old")
    release([where / "old", where / "scores"], where / "more")
    return {name: where / name for name in ("old", "more", "scores")}


def test_both_are_whole_and_the_difference_is_what_was_added(folders):
    assert find_problems(folders["old"]) == find_problems(folders["more"]) == []
    old, more = (NASDIPBench(folders[name]) for name in ("old", "more"))
    pd.testing.assert_frame_equal(old.to_frame("runs"), more.to_frame("runs"))
    scores = more.to_frame("scores")
    added = scores["proxy"].isin(ZERO_COST)
    assert set(scores["proxy"][added]) == {*ZERO_COST}
    assert added.sum() == len(ZERO_COST) * FEW * 2
    # The other scores are the same numbers, in other seconds where both sources have them.
    numbers = [*KEYS["scores"], "value", "inits"]
    rest = scores[~added].reset_index(drop=True)
    pd.testing.assert_frame_equal(old.to_frame("scores")[numbers], rest[numbers])


def test_some_scores_alone_are_the_same_numbers(folders, tmp_path):
    chosen = ("snip", "synflow")
    config = small_config(
        images=small_config().images[:1], scoring_inits=1, scores=chosen, train=False
    )
    build(config, tmp_path / "build", workers=1)
    some, all_of_them = score_rows(tmp_path / "build"), score_rows(folders["scores"])
    assert some == {key: value for key, value in all_of_them.items() if set(key) & set(chosen)}
    assert len(some) == len(chosen) * 2 * len(config.architectures)
    # Those of an earlier release and the added ones make a release.
    release([folders["old"], tmp_path / "build"], tmp_path / "more")
    assert find_problems(tmp_path / "more") == []
    found = NASDIPBench(tmp_path / "more").scores(0, "camera", "denoise")
    assert {name.split("/")[0] for name in found} >= {"psd_db_mse", "flops", *chosen}


@pytest.mark.parametrize(
    ("built", "asked", "message"),
    [
        ((), ("snip",), r"with the scores all, now snip are asked for.*release both together"),
        (("snip", "synflow"), (), "with the scores snip, synflow, now all are asked for"),
        (("snip",), ("snip", "flops"), "with the scores snip, now flops, snip are asked for"),
    ],
)
def test_selections_of_scores_do_not_mix(tmp_path, built, asked, message):
    BuildFolder(tmp_path).prepare(small_config(scoring_inits=0))  # takes any selection
    BuildFolder(tmp_path).prepare(small_config(scores=built))
    BuildFolder(tmp_path).prepare(small_config(scores=built[::-1]))
    BuildFolder(tmp_path).prepare(small_config(scoring_inits=0))
    with pytest.raises(BuildError, match=message):
        BuildFolder(tmp_path).prepare(small_config(scores=asked))
    assert BuildFolder(tmp_path).settings().get("scores", []) == sorted(built)


def test_scores_are_read_where_they_are(folders):
    old, more = NASDIPBench(folders["old"]), NASDIPBench(folders["more"])
    added = {f"{name}/none" for name in ZERO_COST}
    for arch_id in range(COUNT):
        before = old.scores(arch_id, "camera", "denoise")
        now = more.scores(arch_id, "camera", "denoise")
        assert {key: now[key] for key in before} == before
        assert set(now) - set(before) == (added if arch_id < FEW else set())
        assert np.isfinite([now[key] for key in now]).all()
    # Those that depend on the initialisation alone are the same for all tasks.
    one, other = (more.scores(0, "camera", task) for task in ("denoise", "inpaint"))
    assert one["synflow/none"] == other["synflow/none"]
    assert one["grad_norm/none"] != other["grad_norm/none"]
    with pytest.raises(UnknownNameError, match="unknown score 'synflow/none'"):
        old.selection_curve("denoise", score="synflow/none")
    assert len(more.selection_curve("denoise", score="synflow/none").loc["camera"]) == FEW


def test_correlations_and_table_1(folders):
    old, more = NASDIPBench(folders["old"]), NASDIPBench(folders["more"])
    taus = more.kendall("denoise")
    assert list(taus.columns[: len(old.kendall("denoise").columns)]) == list(
        old.kendall("denoise").columns
    )
    assert set(taus.columns.get_level_values("proxy")) >= {*ZERO_COST}
    assert taus.attrs["n"]["synflow/none"] == {"camera": FEW}
    assert taus.attrs["n"]["psd_db_mse/corrupted"] == {"camera": COUNT}
    before, now = table1(old), table1(more)
    assert before.shown == now.shown
    assert before.text() == now.text()
    assert ("synflow", "none") in table1(more, all_scores=True).shown


@pytest.mark.usefixtures("own_names")
def test_a_score_that_is_no_number_is_null(tmp_path):
    """At the second of two initialisations."""
    for name in ("nan", "inf"):
        values = iter((1.0, float(name)))
        network_score(name=f"erratic_{name}", **OWN_SCORE)(lambda *_, of=values: next(of))
    config = small_config()
    architecture = str(config.architectures[0])
    keys = tuple(ScoreKey(s, architecture, "camera", "denoise", FIDELITY) for s in (None, 0))
    unit = Unit(architecture=architecture, scores=keys, scoring_inits=2)
    made_by = worker.Worker(
        images=config.images, device="cpu", engine="fast", precision="fp32", threads=1
    )
    table = made_by.execute(unit)
    values = {row["proxy"]: row["values"] for row in table.to_pylist()}
    np.testing.assert_array_equal(values["erratic_nan"], [1, math.nan])
    assert values["erratic_inf"] == [1, math.inf]
    folder = BuildFolder(tmp_path)
    folder.prepare(config)
    folder.write("scores", table)
    part = read_build(tmp_path).parts[FIDELITY, "denoise"]
    rows = {row["proxy"]: row for row in part.scores.to_pylist()}
    names = part.scores["proxy"].to_pylist()
    single = dict(zip(names, part.score_values, strict=True))
    for name, value in (("erratic_nan", math.nan), ("erratic_inf", math.inf)):
        assert (rows[name]["value"], rows[name]["inits"]) == (None, 2)
        np.testing.assert_array_equal(single[name], [1, value])
    assert rows["synflow"]["value"] > 0
    assert (single["synflow"] > 0).all()
