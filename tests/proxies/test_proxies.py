"""Scores against the released code's values, an independent implementation and closed forms."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.stats import wasserstein_distance
from torch import nn

from nasdip_bench import proxies
from nasdip_bench.errors import ConfigError, ImageError, UnknownNameError
from nasdip_bench.network import build_network
from nasdip_bench.network.stacking import stack_networks
from nasdip_bench.proxies import (
    ScoreInfo,
    image_score,
    image_scores,
    info,
    named_score,
    network_score,
    network_scores,
    prepare,
    score,
    score_names,
    score_network,
    unregister,
)
from nasdip_bench.space import Architecture
from tests.proxies.formulas import direct_psd, formula_image
from tests.proxies.networks import OWN_SCORE, ZERO_COST
from tests.stacks import counted_flops

PAPER = (
    "psd_db_mse",
    "psd_db_strip_mse",
    "psd_strip_hist_emd",
    "psd_strip_hist_emd_paper",
    "psd_99_bandwidth",
)
COMPARING = PAPER[:4]
SIZES = ("parameters", "flops")
CORRUPTED = np.zeros((1, 8, 8), np.float32)

sides = st.integers(16, 24)
pairs = st.tuples(st.sampled_from([1, 3]), sides, sides).flatmap(
    lambda shape: st.tuples(
        *[hnp.arrays(np.float64, shape, elements=st.floats(0, 1)) for _ in range(2)]
    )
)


# An implementation that shares nothing with ours: `direct_psd`, and masks and bins by loops.


def independent(name: str, output: np.ndarray, reference: np.ndarray) -> float:
    height, width = output.shape[1:]

    def radius(u: int, v: int) -> float:
        return ((u / height - 0.5) ** 2 + (v / width - 0.5) ** 2) ** 0.5

    frequencies = list(itertools.product(range(height), range(width)))
    strip = [(u, v) for u, v in frequencies if 0.05 <= radius(u, v) < 0.1]
    first, second = direct_psd(output), direct_psd(reference)

    def mean_squared_db(where: list[tuple[int, int]]) -> float:
        squares = [
            (10 * np.log10(a[u, v]) - 10 * np.log10(b[u, v])) ** 2
            for a, b in zip(first, second, strict=True)
            for u, v in where
        ]
        return float(sum(squares) / len(squares))

    def pooled(density: np.ndarray) -> list[float]:
        return [float(plane[u, v]) for plane in density for u, v in strip]

    def histogram(values: list[float], bins: int, low: float, high: float) -> list[int]:
        counts = [0] * bins
        for value in values:
            counts[min(int((value - low) / (high - low) * bins), bins - 1)] += 1
        return counts

    def heights(values: list[float]) -> np.ndarray:
        low, high = min(values), max(values)
        return np.array(histogram(values, 100, low, high)) / len(values) / ((high - low) / 100)

    def bandwidth() -> float:
        mean = first.mean(axis=0)
        shares = [
            sum(mean[u, v] for u, v in frequencies if radius(u, v) < 2**0.5 * i / 99 / 2)
            / mean.sum()
            for i in range(100)
        ]
        return float(np.interp(0.99, shares, np.arange(100) / 99))

    if name == "psd_db_mse":
        return mean_squared_db(frequencies)
    if name == "psd_db_strip_mse":
        return mean_squared_db(strip)
    if name == "psd_strip_hist_emd":
        return float(wasserstein_distance(heights(pooled(first)), heights(pooled(second))))
    if name == "psd_strip_hist_emd_paper":
        positions = (np.arange(75) + 0.5) / 75
        weights = [histogram(pooled(density), 75, 0, 1) for density in (first, second)]
        return float(wasserstein_distance(positions, positions, *weights))
    return bandwidth()


@pytest.mark.parametrize("name", PAPER)
@pytest.mark.parametrize("shape", [(1, 32, 32), (1, 32, 48), (3, 24, 36), (1, 31, 53)])
def test_scores_equal_an_independent_implementation(name: str, shape: tuple[int, int, int]) -> None:
    output, reference = formula_image(*shape, 0.3), formula_image(*shape, 1.1)
    expected = independent(name, output, reference)
    assert score(name, output, reference) == pytest.approx(expected, rel=1e-9, abs=1e-15)


@pytest.mark.reference
@pytest.mark.parametrize("case", range(3))
def test_scores_equal_the_released_codes(reference_dir: Path, case: int) -> None:
    golden = json.loads((reference_dir / "metrics_golden.json").read_text(encoding="utf-8"))[case]
    with np.load(reference_dir / "metrics_golden.npz") as arrays:
        output, corrupted = arrays[f"output_{case}"], arrays[f"corrupted_{case}"]
    assert list(output.shape) == golden["shape"]
    natural = np.log(10) ** 2  # the released decibels take the natural logarithm
    for name, factor in (
        ("psd_db_mse", natural),
        ("psd_db_strip_mse", natural),
        ("psd_strip_hist_emd", 1),
        ("psd_99_bandwidth", 1),
    ):
        value = factor * score(name, output, corrupted)
        assert value == pytest.approx(golden[name], rel=1e-5), name


# Closed forms


def test_histogram_of_the_papers_text() -> None:
    # The wave overshoots: two frequencies of the strip have density 0.25, the others zero. So a
    # share of 2 / n stands in bin 18 of 75, and the rest in bin 0 as the other image's: that share
    # moves by 18 bins of 1 / 75.
    output = np.broadcast_to(np.cos(2 * np.pi * 4 * np.arange(64) / 64), (3, 64, 64)).copy()
    count = prepare(output).strip_psd.shape[1]
    expected = 2 / count * 18 / 75
    assert score("psd_strip_hist_emd_paper", output, np.zeros_like(output)) == pytest.approx(
        expected
    )


def test_bandwidth_tells_smooth_from_rough() -> None:
    # White noise: the disc that has 99 % of the unit square. Within radius r > 1/2 the square has
    # sqrt(4 r² - 1) in triangles and four sectors of twice half_angle.
    noise = np.random.default_rng(0).standard_normal((1, 256, 256)) / 4
    r = np.linspace(0.5, np.sqrt(0.5), 10_000)
    half_angle = np.pi / 4 - np.arccos(0.5 / r)
    outside = 1 - (4 * r**2 * half_angle + np.sqrt(4 * r**2 - 1))
    expected = np.interp(-0.01, -outside, r) / np.sqrt(0.5)
    assert score("psd_99_bandwidth", noise - noise.mean()) == pytest.approx(expected, abs=3e-3)
    assert score("psd_99_bandwidth", np.full((1, 64, 64), 0.7)) == pytest.approx(0.01)


# Properties


@pytest.mark.parametrize("name", COMPARING)
@given(pair=pairs)
@settings(max_examples=40)
def test_distances_are_finite_symmetric_and_zero_to_themselves(
    name: str, pair: tuple[np.ndarray, np.ndarray]
) -> None:
    first, second = pair
    value = score(name, first, second)
    assert np.isfinite(value)
    assert value >= 0
    assert value == score(name, second, first)
    assert score(name, first, first) == 0


@given(pair=pairs)
@settings(max_examples=40)
def test_prepared_images_have_the_same_scores(pair: tuple[np.ndarray, np.ndarray]) -> None:
    output, reference = (prepare(image) for image in pair)
    for name in PAPER:
        expected = score(name, *pair)
        assert score(name, output, reference) == expected
        assert score(name, output, reference) == expected  # and again, all parts being there now
        assert score(name, output, pair[1]) == expected


@pytest.mark.parametrize("shape", [(1, 64, 64), (3, 32, 96), (1, 96, 32), (3, 17, 33)])
def test_finite_without_energy_or_spread(shape: tuple[int, int, int]) -> None:
    delta = np.zeros(shape)
    delta[:, 3, 5] = 1
    wave = np.broadcast_to(0.5 + 0.5 * np.cos(np.pi * np.arange(shape[2])), shape)
    images = {
        "zero": np.zeros(shape),
        "one": np.ones(shape),
        "constant": np.full(shape, 1 / 3),
        "tiny": np.full(shape, 1e-200),
        "delta": delta,
        "nyquist": wave,
        "noise": np.random.default_rng(0).random(shape),
    }
    for name, output, reference in itertools.product(PAPER, images.values(), images.values()):
        value = score(name, output, reference)
        assert np.isfinite(value)
        assert value >= 0
    assert score("psd_99_bandwidth", images["zero"]) == 0
    # Equal energies throughout the strip: one bin of height 100 each, whatever the level.
    for name in ("zero", "one", "tiny", "delta"):
        assert score("psd_strip_hist_emd", images[name], images["constant"]) == pytest.approx(0)


@given(st.integers(0, 2**32), st.floats(-0.3, 0.3), st.integers(0, 40), st.integers(0, 40))
def test_strip_scores_do_not_see_brightness_nor_position(
    seed: int, offset: float, down: int, right: int
) -> None:
    rng = np.random.default_rng(seed)
    output, reference = rng.random((2, 1, 32, 40))
    moved = np.roll(output, (down, right), axis=(1, 2)) + offset
    for name in COMPARING[1:]:
        assert score(name, moved, reference) == pytest.approx(
            score(name, output, reference), rel=1e-6
        )


def test_single_precision_input_is_scored_in_double() -> None:
    output, reference = np.random.default_rng(0).random((2, 1, 64, 64), dtype=np.float32)
    for name in PAPER:
        value = score(name, output, reference)
        assert type(value) is float
        assert value == score(name, output.astype(np.float64), reference.astype(np.float64))


def test_reference_is_not_looked_at_where_none_is_needed() -> None:
    output = formula_image(1, 32, 32, 0.0)
    value = score("psd_99_bandwidth", output)
    assert score("psd_99_bandwidth", output, np.zeros((1, 64, 64))) == value


def test_tensors_on_the_host_are_arrays_too() -> None:
    output = formula_image(1, 32, 32, 0.0)
    tensor = torch.from_numpy(output)
    assert score("psd_99_bandwidth", tensor) == score("psd_99_bandwidth", output)
    with pytest.raises(ImageError, match=r"output is a Tensor that numpy cannot read.*detach\(\)"):
        score("psd_99_bandwidth", tensor.requires_grad_())


# Errors of the image scores


def of_network(name: str, network: nn.Module, z: torch.Tensor) -> float:
    """A score that looks at neither the corrupted image nor the task."""
    return score_network(name, network, z, CORRUPTED, None)  # type: ignore[arg-type]


def test_unknown_scores() -> None:
    image, z = np.zeros((1, 16, 16)), torch.zeros(1, 1, 8, 8)
    with pytest.raises(UnknownNameError, match=r"unknown image score 'psd_mse'.*psd_db_mse"):
        score("psd_mse", image, image)
    with pytest.raises(ConfigError, match=r"'flops' is a network score.*use score_network"):
        score("flops", image)
    with pytest.raises(UnknownNameError, match=r"unknown network score 'flop'.*parameters, flops"):
        of_network("flop", nn.Identity(), z)
    with pytest.raises(ConfigError, match=r"'psd_db_mse' is an image score.*use score"):
        of_network("psd_db_mse", nn.Identity(), z)
    with pytest.raises(UnknownNameError, match=r"unknown score 'flop'. Did you mean 'flops'\?"):
        info("flop")
    with pytest.raises(UnknownNameError, match="unknown score 'mine'"):
        unregister("mine")


def test_missing_and_mismatched_references() -> None:
    image = np.zeros((1, 16, 16))
    for name in COMPARING:
        with pytest.raises(ImageError, match=f"score '{name}' compares.*none was given"):
            score(name, image)
    for shape in ((1, 16, 20), (3, 16, 16)):
        with pytest.raises(ImageError, match=r"shape \(1, 16, 16\) and the reference \("):
            score("psd_db_mse", image, np.zeros(shape))


def test_which_image_is_wrong_is_told() -> None:
    image, bad = np.zeros((1, 16, 16)), np.full((1, 16, 16), np.nan)
    with pytest.raises(ImageError, match="the output has 256 NaN or infinite values"):
        score("psd_db_mse", bad, image)
    with pytest.raises(ImageError, match="the reference has 256 NaN or infinite values"):
        score("psd_db_mse", image, bad)


# The registries


FIELDS = OWN_SCORE | {"name": "mine", "needs_reference": True}


def described(**changes: object) -> ScoreInfo:
    return ScoreInfo(**({"kind": "image"} | FIELDS | changes))  # type: ignore[arg-type]


def add(function: Callable[..., float], **changes: object) -> None:
    image_score(**(FIELDS | changes))(function)


def test_built_in_scores() -> None:
    assert image_scores() == PAPER
    assert network_scores() == (*SIZES, *ZERO_COST)
    for name in PAPER:
        found = info(name)
        assert (found.kind, found.lower_is_better, found.depends_on) == ("image", True, "image")
        assert found.needs_reference is (name in COMPARING)
        assert "ISNAS-DIP" in found.source
    assert all(info(name).kind == "network" for name in network_scores())
    directions = {name: info(name).lower_is_better for name in network_scores()}
    assert directions == dict.fromkeys(SIZES) | dict.fromkeys(ZERO_COST, False)
    of_start = ("synflow", "l2_norm", "zen", "ntk_low_pass")
    dependences = dict.fromkeys(SIZES, "structure") | dict.fromkeys(ZERO_COST, "image")
    dependences |= dict.fromkeys(of_start, "initialisation")
    assert {name: info(name).depends_on for name in network_scores()} == dependences
    with pytest.raises(ConfigError, match="'flops' is built in and cannot be removed"):
        unregister("flops")


@pytest.mark.usefixtures("own_names")
def test_own_image_scores_are_computed_with_the_others() -> None:
    output, reference = np.random.default_rng(0).random((2, 1, 16, 16), dtype=np.float32)

    @image_score(**(FIELDS | {"name": "pixel_mse", "lower_is_better": True}))
    def pixel_mse(a: np.ndarray, b: np.ndarray) -> float:
        assert a.dtype == b.dtype == np.float64
        return float(np.mean((a - b) ** 2))

    @image_score(**(FIELDS | {"name": "energy", "needs_reference": False, "spectral": True}))
    def energy(a: proxies.Spectrum, b: None) -> float:
        assert b is None
        return float(a.psd.sum())

    add(lambda a, b: np.float32(a.mean() + (b or 0)), name="mean", needs_reference=False)
    expected = float(np.mean((output.astype(float) - reference.astype(float)) ** 2))
    assert image_scores() == (*PAPER, "pixel_mse", "energy", "mean")
    assert (
        score("pixel_mse", output, reference)
        == expected
        == pixel_mse(output.astype(float), reference.astype(float))
    )
    assert score("energy", output) == pytest.approx(np.mean(output.astype(float) ** 2))
    assert type(score("mean", output)) is float
    assert ("energy", "none") in score_names()
    unregister("energy")
    assert ("energy", "none") not in score_names()


@pytest.mark.usefixtures("own_names")
def test_own_network_scores() -> None:
    network, z = nn.Conv2d(1, 1, 3), torch.zeros(1, 1, 8, 8)
    task = object()

    @network_score(**(FIELDS | {"needs_reference": False, "lower_is_better": False}))
    def sum_of_all(a: nn.Module, b: torch.Tensor, c: np.ndarray, d: object) -> float:
        assert a is network
        assert b is z
        assert c is CORRUPTED
        assert d is task
        return 3

    assert network_scores() == (*SIZES, *ZERO_COST, "mine")
    value = score_network("mine", network, z, CORRUPTED, task)  # type: ignore[arg-type]
    assert (value, type(value)) == (3.0, float)
    assert info("mine").lower_is_better is False


@pytest.mark.usefixtures("own_names")
def test_a_score_of_ones_own_can_be_replaced() -> None:
    """As where a cell of a notebook runs again."""

    def mine(output: np.ndarray, reference: np.ndarray | None) -> float:
        return 1.0

    def another(output: np.ndarray, reference: np.ndarray | None) -> float:
        return 2.0

    image = np.zeros((1, 64, 64))
    add(mine)
    add(another, lower_is_better=False)
    assert score("mine", image, image) == 2.0
    assert info("mine").lower_is_better is False
    assert image_scores().count("mine") == 1
    with pytest.raises(ConfigError, match="score 'flops' is built in: choose another name"):
        add(another, name="flops")


def test_descriptions_are_checked() -> None:
    for name in ("", "Mine", "my score", "a/b", "9lives"):
        with pytest.raises(ConfigError, match=f"score name '{name}' must be lower-case"):
            described(name=name)
    of_network = {"kind": "network", "needs_reference": False}
    for changes, message in (
        ({"kind": "picture"}, "score kind 'picture' must be 'image' or 'network'"),
        (of_network | {"depends_on": "seed"}, "'mine' depends on 'seed', .* 'structure', 'initia"),
        ({"depends_on": "structure"}, "image score 'mine' cannot depend on 'structure' alone"),
    ):
        with pytest.raises(ConfigError, match=message):
            described(**changes)
    with pytest.raises(ConfigError, match="network score 'mine' cannot need a reference"):
        network_score(**FIELDS)


# Network scores


@pytest.mark.parametrize("runs", [1, 3])
@pytest.mark.parametrize("case", ["as it is", "stacked", "changed"])
def test_flops_of_networks_of_the_space(case: str, runs: int) -> None:
    """Known from the structure where the network has it, counted where it has not."""
    arch = Architecture(98, "1011001110001101011100101")
    network: nn.Module = build_network(arch, 2, 3, 16)
    if case == "stacked":
        network = stack_networks([build_network(arch, 2, 3, 16) for _ in range(2)])
    if case == "changed":
        network.set_submodule("decoder.5", nn.Identity())
    z = torch.rand(runs, 4 if case == "stacked" else 2, 64, 96)
    value = of_network("flops", network, z)
    assert value == counted_flops(network, z)


def test_flops_of_a_size_that_a_network_does_not_take() -> None:
    network = build_network(Architecture(98, "0" * 25), 1, 1, 16)
    with pytest.raises(ImageError, match="48"):
        of_network("flops", network, torch.rand(1, 1, 64, 48))
    with pytest.raises(RuntimeError):
        of_network("flops", network, torch.rand(1, 2, 64, 64))


def test_parameters_count_shared_ones_once() -> None:
    shared = nn.Conv2d(2, 2, 3)
    network = nn.Sequential(shared, nn.BatchNorm2d(2), shared)
    value = of_network("parameters", network, torch.zeros(1, 2, 8, 8))
    assert value == 2 * 2 * 9 + 2 + 4


# Names


THERE = [("mse", "corrupted"), ("mse", "ground_truth"), ("size", "none"), ("leak", "ground_truth")]


def test_a_score_is_named_alone_or_with_its_reference():
    """The ground truth is never meant where it is not named."""
    for text, meant in {
        "mse": ("mse", "corrupted"),
        "mse/ground_truth": ("mse", "ground_truth"),
        "size": ("size", "none"),
        "leak/ground_truth": ("leak", "ground_truth"),
    }.items():
        assert named_score(text, THERE) == meant
    for text in ("msd", "size/corrupted", "leak", "", "/", "mse/corrupted/corrupted"):
        with pytest.raises(UnknownNameError, match=f"score '{text}'.*Available: mse/corrupted"):
            named_score(text, THERE)
