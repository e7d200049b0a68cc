"""ISNAS: each step against an independent computation, and whole searches on small images."""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as PillowImage
from skimage.metrics import peak_signal_noise_ratio

from nasdip_bench.console.interruption import Interrupted
from nasdip_bench.errors import ConfigError, ImageError, UnknownNameError
from nasdip_bench.fit.loop import fit
from nasdip_bench.fit.objective import Problem
from nasdip_bench.images import load_images
from nasdip_bench.isnas import (
    Cohort,
    Search,
    classical_restoration,
    corrupt,
    degraded,
    paper_config,
    quick_config,
)
from nasdip_bench.isnas.config import SearchConfig
from nasdip_bench.isnas.estimate import choose_threads, estimate
from nasdip_bench.isnas.image import Degraded
from nasdip_bench.isnas.ranking import (
    check_score,
    mean_scores,
    ranked,
    scored_image,
    searched_score,
)
from nasdip_bench.isnas.resized import resized
from nasdip_bench.isnas.search import SearchResult
from nasdip_bench.isnas.selection import closest, get_selector, weights
from nasdip_bench.isnas.training import known, train
from nasdip_bench.network.fast import FastNetwork
from nasdip_bench.network.weights import draw_weights, draw_z
from nasdip_bench.observables import OBSERVABLES
from nasdip_bench.proxies import score
from nasdip_bench.proxies.scoring import blank_network, initialisations
from nasdip_bench.seeding import device_seed
from nasdip_bench.space import sample_architectures
from nasdip_bench.stopping import (
    Discrepancy,
    ExponentialVariance,
    Fixed,
    Last,
    NeighbourMinimum,
    Plateau,
    Watch,
    WindowedVariance,
    follow,
)
from nasdip_bench.tasks import Denoise, Inpaint, SuperResolve, luma, psnr_db

TASKS = (Denoise(), Inpaint(), SuperResolve(2))
SMALL = {"candidates": 5, "cohort": 3, "iterations": 6, "cohort_iterations": 4, "channels": 16}


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    """(1, 70, 90): a size that no network accepts."""
    return load_images("skimage", ["camera"])[0].at_resolution(96)[:, :70, :90]


# -- what is to be restored ------------------------------------------------------------------------


@given(
    height=st.integers(1, 140),
    width=st.integers(1, 140),
    channels=st.sampled_from([1, 3]),
    task=st.sampled_from(TASKS),
)
@settings(deadline=None, max_examples=60)
def test_any_size_is_padded_to_what_networks_accept_and_cut_back(height, width, channels, task):
    seen = np.random.default_rng(0).random((channels, height, width), np.float32)
    mask = None
    if isinstance(task, Inpaint):
        mask = np.ones((1, height, width), np.float32)
        mask[0, 0, 0] = 0
        if mask.size == 1:
            return
    problem = degraded(seen, task, "x", mask=mask)
    factor = 2 if isinstance(task, SuperResolve) else 1
    _, padded_height, padded_width = problem.shape
    assert (padded_height % 32, padded_width % 32) == (0, 0)
    assert 64 <= padded_height < max(64, height * factor) + 32
    restored = problem.cropped(np.zeros(problem.shape))
    assert restored.shape == (channels, height * factor, width * factor)
    expected = seen if mask is None else seen * mask
    np.testing.assert_array_equal(problem.seen, expected)
    Problem(task, problem.observation, None)  # the fit takes it


def test_psnr_leaves_out_the_padding(photo):
    problem = corrupt(photo, Denoise(), "camera")
    output = np.random.default_rng(1).random(problem.shape, np.float32)
    expected = peak_signal_noise_ratio(photo, output[:, :70, :90], data_range=1)
    assert problem.psnr_db(output) == pytest.approx(expected)
    assert math.isnan(replace(problem, truth=None).psnr_db(output))


def test_psnr_of_enlarged_colour_is_on_luma():
    truth = np.random.default_rng(2).random((3, 64, 64), np.float32)
    problem = corrupt(truth, SuperResolve(2), "x")
    output = np.clip(truth + 0.1, 0, 1).astype(np.float32)
    assert problem.psnr_db(output) == pytest.approx(psnr_db(luma(output), luma(truth)))


def test_what_does_not_fit_is_refused(photo):
    with pytest.raises(ConfigError, match="needs a mask of the missing pixels"):
        degraded(photo, Inpaint(), "x")
    with pytest.raises(ConfigError, match="a mask is for inpainting, not for denoise"):
        degraded(photo, Denoise(), "x", mask=np.ones((1, 70, 90), np.float32))
    with pytest.raises(ImageError, match="the mask is 70 x 80, the image 70 x 90"):
        degraded(photo, Inpaint(), "x", mask=np.ones((1, 70, 80), np.float32))
    with pytest.raises(ImageError, match="says that 0% of the pixels are missing"):
        degraded(photo, Inpaint(), "x", mask=np.ones((1, 70, 90), np.float32))
    with pytest.raises(ImageError, match="ground truth is 1 x 70 x 90, but must be 1 x 140"):
        degraded(photo, SuperResolve(2), "x", truth=photo)


# -- the small problem -----------------------------------------------------------------------------


def test_the_small_image_is_made_from_the_corrupted_one(photo):
    problem = corrupt(photo, Denoise(), "camera")
    small = resized(problem)
    assert (small.shape, small.truth) == ((1, 64, 96), None)
    plane = PillowImage.fromarray(problem.seen[0]).resize((96, 64), PillowImage.Resampling.BILINEAR)
    np.testing.assert_allclose(small.seen[0], np.clip(np.asarray(plane), 0, 1), atol=1e-7)
    assert resized(replace(problem, truth=None)).observation.corrupted.tobytes() == (
        small.observation.corrupted.tobytes()
    )


def test_the_loss_of_a_small_inpainting_weighs_what_is_known():
    truth = load_images("skimage", ["camera"])[0].at_resolution(128)
    problem = corrupt(truth, Inpaint(0.9), "camera")
    small = resized(problem)

    def reduce(image):
        plane = PillowImage.fromarray(np.ascontiguousarray(image[0]))
        return np.asarray(plane.resize((64, 64), PillowImage.Resampling.BILINEAR), np.float64)

    weight = np.clip(reduce(problem.observation.mask), 0, None)
    average = np.divide(reduce(problem.seen), weight, out=np.zeros_like(weight), where=weight > 0)
    output = np.random.default_rng(0).random((64, 64))
    expected = (weight * (output - np.clip(average, 0, 1)) ** 2).mean()
    loss = Problem(small.task, small.observation, None).losses(
        torch.tensor(output, dtype=torch.float32)[None, None]
    )
    assert loss.item() == pytest.approx(expected, rel=1e-4)
    assert (weight == 0).any()  # nothing is known there, and nothing is asked for


def test_small_images_are_not_enlarged_and_enlarging_is_not_defined(photo):
    tiny = corrupt(photo[:, :40, :50], Denoise(), "camera")
    assert resized(tiny).shape == (1, 64, 64)
    with pytest.raises(ConfigError, match="not defined for super_resolve_x2"):
        resized(corrupt(photo, SuperResolve(2), "camera"))


# -- ranking, average, selection -------------------------------------------------------------------


def test_scores_are_means_over_initialisations(photo):
    names = ["psd_db_mse", "psd_99_bandwidth", "psd_strip_hist_emd"]
    problem = corrupt(photo, Denoise(), "camera")
    image = scored_image(problem, names)
    [arch] = sample_architectures(1)
    found = mean_scores(arch, image, channels=16, inits=3)
    outputs = [o for _, (_, _, o) in initialisations(arch, problem.shape, 16, 3, "cpu")]
    assert set(found) == set(names)
    for name in names:
        values = [score(name, output, problem.observation.corrupted) for output in outputs]
        assert found[name] == pytest.approx(np.mean(values))


def test_the_best_come_first_and_no_numbers_last():
    archs = sample_architectures(4)
    values = [2.0, math.nan, 1.0, 1.0]
    order = ranked(dict(zip(archs, values, strict=True)))
    assert [*order] == [archs[2], archs[3], archs[0], archs[1]]


def test_scores_without_a_direction_cannot_rank():
    for name in ("parameters", "zen"):
        with pytest.raises(ConfigError, match=f"'{name}' .* only by scores where lower is better"):
            check_score(name)
    with pytest.raises(UnknownNameError, match="unknown score 'psd'"):
        check_score("psd")


def test_a_score_against_the_ground_truth_cannot_rank():
    for name in ("psd_db_mse/corrupted", "psd_99_bandwidth/none"):
        assert searched_score(name) == name.partition("/")[0]
    with pytest.raises(UnknownNameError, match="unknown score 'psd_db_mse/ground_truth'"):
        searched_score("psd_db_mse/ground_truth")


def test_weights_are_those_of_paper_and_release():
    scores = np.array([1.0, 2.0, 4.0])
    np.testing.assert_allclose(weights(scores, "paper"), np.array([4, 2, 1]) / 7)
    np.testing.assert_allclose(weights(scores, "released"), np.array([3, 2, 0]) / 5)
    np.testing.assert_allclose(weights(scores, "equal"), np.full(3, 1 / 3))
    np.testing.assert_allclose(weights(np.array([3.0, 3.0]), "released"), [0.5, 0.5])
    np.testing.assert_allclose(weights(np.array([0.0, 3.0]), "paper"), [1, 0])


@given(
    scores=st.lists(st.floats(0, 1e6), min_size=1, max_size=9),
    rule=st.sampled_from(["paper", "released", "equal"]),
)
def test_weights_are_shares_and_never_favour_the_worse(scores, rule):
    found = weights(np.array(scores), rule)
    assert found.sum() == pytest.approx(1)
    assert (found >= 0).all()
    assert (np.diff(found[np.argsort(scores)]) <= 1e-12).all()


def test_selectors_choose_what_they_say():
    outputs = np.array([[0.0], [0.5], [1.0]])
    cohort = Cohort(
        scores=np.array([1.0, 1.0, 1.0]),
        between=(outputs - outputs.T) ** 2,
        psnr_db=np.array([20.0, 21.0, 25.0]),
        seed=3,
    )
    np.testing.assert_allclose(cohort.to_average, [0.25, 0, 0.25], atol=1e-15)
    assert get_selector("closest")(cohort) == 1
    assert get_selector("oracle")(cohort) == 2
    assert get_selector("best-score")(cohort) == 0
    assert get_selector("random")(cohort) == get_selector("random")(cohort)
    chosen = {
        get_selector("random")(Cohort(**(vars(cohort) | {"seed": seed}))) for seed in range(30)
    }
    assert chosen == {0, 1, 2}
    blind = Cohort(**(vars(cohort) | {"psnr_db": np.full(3, np.nan)}))
    with pytest.raises(ConfigError, match="the oracle chooses by PSNR"):
        get_selector("oracle")(blind)


def test_of_those_equally_close_the_first_is_closest():
    inf = np.inf
    assert closest(np.array([0.2, 0.1, 0.1 - 1e-15, 0.3])) == 1
    assert closest(np.array([0.2, 0.1, 0.1 - 1e-9, 0.3])) == 2
    found = closest(np.array([[0.0, inf, inf], [0.1, 0.1, inf], [0.3, 0.2, 0.1]]))
    assert found.tolist() == [0, 0, 2]


# -- stopping --------------------------------------------------------------------------------------


RESTORE = {"purpose": "restore", "channels": 16, "seed": 0}


@pytest.fixture(scope="module")
def whole(photo):
    """A restoration, and by name what is recorded of it, (iteration,) dB; and every output."""
    problem = corrupt(photo, Denoise(), "camera")
    arch = sample_architectures(1)[0]
    network = blank_network(arch, 1, 16, "cpu")
    size = "{}x{}".format(*problem.shape[1:])
    key = (str(arch), "camera", "denoise", size, 16, 0)
    draw_weights(network, "isnas weights", "restore", *key)
    outputs = []
    found = fit(
        FastNetwork(network),
        Problem(problem.task, problem.observation, problem.truth, "cpu"),
        draw_z(1, *problem.shape[1:], "z", size, 1, 0),
        device_seed("perturbation", size, 1, 0),
        40,
        record=OBSERVABLES,
        on_output=lambda i, images, smoothed: outputs.append(smoothed[0].clone().numpy()),
    )
    return problem, arch, found.recorded, outputs


@pytest.mark.parametrize(
    "rule",
    [
        Last(), Fixed(7), Discrepancy(40.0), Discrepancy(1e-6), NeighbourMinimum(3),
        ExponentialVariance(2, burn_in=5), ExponentialVariance(2, burn_in=0),
        WindowedVariance(25, 4), Plateau(2, 5.0),
    ],
    ids=str,
)  # fmt: skip
def test_a_rule_stops_a_restoration_where_it_stops_its_record(whole, rule):
    problem, arch, recorded, outputs = whole
    curves = {name: curve[None] for name, curve in recorded.items()}
    at, paid, _ = follow(rule, known(problem, 40), np.arange(1, 41), curves)
    watch = Watch(rule, known(problem, 40))
    kept = [
        t for t in range(1, 41) if watch.look(t, {n: curves[n][:, t - 1] for n in rule.needs})[0]
    ]
    assert not kept or kept[0] >= rule.earliest(40)
    if isinstance(rule, WindowedVariance | ExponentialVariance):
        assert kept[0] == rule.earliest(40)  # any first value is the least
    found = train(arch, problem, iterations=40, rule=rule, **RESTORE)
    assert (found.iteration, found.iterations) == (at[0], paid[0])
    np.testing.assert_array_equal(found.output, outputs[at[0] - 1])


def test_a_rule_may_deliver_the_output_itself(photo):
    @dataclass(frozen=True)
    class Third(Fixed):
        delivers = "output"

    problem = corrupt(photo, Denoise(), "camera")
    arch = sample_architectures(1)[0]
    raw = train(arch, problem, iterations=5, rule=Third(3), **RESTORE)
    smooth = train(arch, problem, iterations=5, rule=Fixed(3), **RESTORE)
    assert raw.iteration == smooth.iteration == 3
    for fit_of, curve in ((raw, raw.psnr_db), (smooth, smooth.psnr_smooth_db)):
        assert psnr_db(fit_of.output, problem.truth) == pytest.approx(curve[2], abs=1e-4)


def test_a_rule_without_meaning_is_refused_before_anything_is_ranked(photo):
    problem = corrupt(photo, Inpaint(), "camera")
    config = quick_config(problem.task, stop="discrepancy")
    for call in (Search, estimate):
        with pytest.raises(ConfigError, match="there is no noise to compare with"):
            call(problem, config)
    noisy = degraded(photo, Denoise(), "camera")
    with pytest.raises(ConfigError, match="sigma of this image is not known"):
        Search(noisy, quick_config(noisy.task, stop="discrepancy(sigma=known)"))
    for rule, earliest in (
        ("fixed(iteration=61)", 61), ("es-wmv", 100), ("es-emv", 102), ("plateau(patience=60)", 61)
    ):  # fmt: skip
        message = f"before iteration {earliest}, but there are only 60 iterations: give more"
        with pytest.raises(ConfigError, match=message):
            Search(noisy, quick_config(noisy.task, stop=rule, iterations=60))
    with pytest.raises(ConfigError, match="no ground truth at the size of selection 'full'"):
        Search(noisy, quick_config(noisy.task, selector="oracle", selection="full"))


def test_the_restoration_does_not_begin_where_the_cohort_did(photo):
    problem = corrupt(photo, Denoise(), "camera")
    arch = sample_architectures(1)[0]
    settings = {"iterations": 1, "channels": 16, "seed": 0}
    one, other, again = (
        train(arch, problem, purpose=purpose, **settings)
        for purpose in ("cohort", "restore", "restore")
    )
    assert not np.array_equal(one.output, other.output)
    np.testing.assert_array_equal(other.output, again.output)


# -- classical references --------------------------------------------------------------------------


def test_classical_methods_are_better_than_what_they_get():
    truth = load_images("skimage", ["camera"])[0].at_resolution(128)[:, :100, :120]
    for task in (Denoise(), Inpaint()):
        problem = corrupt(truth, task, "camera")
        _, image = classical_restoration(problem)
        assert image.shape == truth.shape
        assert problem.psnr_db(image) > psnr_db(problem.seen, truth) + 5
    colour = np.repeat(truth, 3, 0)
    for task in TASKS:
        _, image = classical_restoration(corrupt(colour, task, "camera"))
        assert image.shape == colour.shape


# -- time ------------------------------------------------------------------------------------------


def test_small_fits_take_one_thread_unless_the_user_chose(photo, monkeypatch):
    problem = corrupt(photo, Denoise(), "camera")
    large = corrupt(np.tile(photo, (1, 2, 2)), Denoise(), "camera")
    chosen: list[int] = []
    monkeypatch.setattr(torch, "set_num_threads", chosen.append)
    for user, image, channels, expected in (
        (None, problem, 32, [1]), (None, problem, 64, []), (None, large, 32, []),
        ("2", problem, 32, []),
    ):  # fmt: skip
        chosen.clear()
        monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
        if user is not None:
            monkeypatch.setenv("OMP_NUM_THREADS", user)
        choose_threads(image.shape[1] * image.shape[2], quick_config(image.task, channels=channels))
        assert chosen == expected


# -- whole searches --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def whole_search(photo, tmp_path_factory) -> tuple[Degraded, SearchConfig, Path, SearchResult]:
    """A problem, a configuration, and the folder and result of the search."""
    problem, folder = corrupt(photo, Denoise(), "camera"), tmp_path_factory.mktemp("search")
    config = quick_config(problem.task, **SMALL)
    return problem, config, folder, Search(problem, config, folder=folder).run()


def assert_closest_to_the_average(
    result: SearchResult, shape: tuple[int, ...], selection: str
) -> None:
    assert len(result.ranking) == 5
    assert [*result.ranking][:3] == result.members
    shares = result.cohort.weights[:, None, None, None]
    np.testing.assert_allclose(result.average, (shares * result.outputs).sum(0), atol=1e-9)
    outputs = [fit.output for fit in result.fits]
    assert outputs[0].shape[1:] == {"full": (96, 96), "resized": (64, 96)}[selection]
    assert np.isfinite(result.cohort.psnr_db).all() == (selection == "full")
    if selection == "full":  # what they have beyond the image is padding
        outputs = [output[:, : shape[1], : shape[2]] for output in outputs]
    np.testing.assert_array_equal(result.outputs, outputs)
    directly = [((output - result.average) ** 2).mean() for output in outputs]
    assert result.selected == np.argmin(directly)
    np.testing.assert_allclose(result.cohort.to_average, directly, rtol=1e-6)
    assert result.restored.shape == shape


def test_a_search_keeps_the_one_closest_to_the_average(photo, whole_search):
    problem, config, _, result = whole_search
    assert_closest_to_the_average(result, photo.shape, config.selection)
    again = Search(problem, config).run()  # without a folder
    np.testing.assert_array_equal(result.restored, again.restored)
    for task in TASKS[1:]:
        config = quick_config(task, **SMALL)
        other = Search(corrupt(photo, task, "camera"), config).run()
        assert_closest_to_the_average(other, photo.shape, config.selection)


def test_a_search_that_is_stopped_again_and_again_goes_on(whole_search, tmp_path):
    """Before its first step, while it ranks, in the middle of fits: each ends once."""
    problem, config, _, whole = whole_search
    stopped, done, result = 0, [], None
    for steps in (0, 3, *[8] * 10):
        left, done = iter(range(steps)), []

        def check(left: Iterator[int] = left) -> None:
            if next(left, None) is None:
                raise Interrupted

        try:
            result = Search(
                problem,
                config,
                folder=tmp_path,
                check=check,
                progress=lambda stage, count, done=done: done.append((stage, count)),
            ).run()
            break
        except Interrupted:
            stopped += 1
    assert result is not None
    assert stopped > 3
    np.testing.assert_array_equal(result.restored, whole.restored)
    assert [count for stage, count in done if stage == "cohort"] == [4] * 3  # were there already


def test_another_rule_needs_no_new_ranking_or_cohort(whole_search, tmp_path):
    problem, config, folder, whole = whole_search
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    for rule, iterations in (("fixed(iteration=3)", 3), ("last", 6)):
        before = {path: path.stat().st_mtime_ns for path in (tmp_path / "trained").iterdir()}
        one = Search(problem, replace(config, stop=rule), folder=tmp_path).run()
        assert (one.restoration.iterations, one.restoration.stopped) == (iterations, rule != "last")
        after = {path: path.stat().st_mtime_ns for path in (tmp_path / "trained").iterdir()}
        assert before.items() <= after.items()
        assert len(after) == 3 + 2  # the cohort, and a restoration for each rule
    np.testing.assert_array_equal(one.restored, whole.restored)


def test_another_search_does_not_mix_with_the_one_in_a_folder(photo, tmp_path):
    problem = corrupt(photo, Denoise(), "camera")
    Search(problem, quick_config(problem.task, **SMALL), folder=tmp_path)
    with pytest.raises(ConfigError, match="holds a search with seed 0, now 1 is asked for"):
        Search(problem, quick_config(problem.task, **SMALL, seed=1), folder=tmp_path)
    other = corrupt(photo[:, ::-1], Denoise(), "camera")
    with pytest.raises(ConfigError, match="image_sha256"):
        Search(other, quick_config(problem.task, **SMALL), folder=tmp_path)


def test_damaged_files_of_a_search_are_made_again(whole_search, tmp_path):
    problem, config, folder, whole = whole_search
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    for path in (tmp_path / "trained").iterdir():
        path.write_bytes(path.read_bytes()[:-200])
    scores = tmp_path / f"scores-{config.score}.npz"
    content = bytearray(scores.read_bytes())
    content[content.index(b"\n") + 1] ^= 1  # of the first array
    scores.write_bytes(content)
    again = Search(problem, config, folder=tmp_path).run()
    np.testing.assert_array_equal(whole.restored, again.restored)
    fit = next((tmp_path / "trained").iterdir())
    content = bytearray(fit.read_bytes())
    content[content.index(b"PK\x01\x02") + 6] = 109  # a version of the format that there is not
    fit.write_bytes(content)
    again = Search(problem, config, folder=tmp_path).run()
    np.testing.assert_array_equal(whole.restored, again.restored)
    (tmp_path / "search.json").write_text("{")
    with pytest.raises(ConfigError, match="cannot be read"):
        Search(problem, config, folder=tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"cohort": 9, "candidates": 5}, "a cohort of 9 cannot be chosen from 5 candidates"),
        ({"channels": 20}, "channels 20 must be a positive multiple of 16"),
        ({"selection": "half"}, "unknown selection 'half'"),
        ({"selector": "worst"}, "unknown selector 'worst'"),
        ({"weighting": "harmonic"}, "unknown weighting 'harmonic'"),
        ({"stop": "never"}, "unknown stopping rule 'never'"),
        ({"iterations": 0}, "iterations 0 must be a whole number from 1"),
        ({"seed": -1}, "seed -1 must be a whole number of at least 0"),
        ({"score": "parameters"}, "lower is better"),
    ],
)
def test_bad_settings_are_refused(changes, message):
    with pytest.raises((ConfigError, UnknownNameError), match=message):
        quick_config(Denoise(), **changes)


def test_iterations_of_a_cohort():
    assert paper_config(Denoise(), "full").cohort_iterations == 1200
    assert paper_config(Denoise(), "resized").cohort_iterations == 350
