"""The search space: numbering, codes, validity, sampling, neighbourhoods, encodings."""

from __future__ import annotations

import hashlib
import random
from collections import Counter

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from nasdip_bench.errors import ArchitectureError, ConfigError, NasdipError
from nasdip_bench.seeding import BitStream
from nasdip_bench.space import (
    NODE_COLUMNS,
    NUM_CELLS,
    ONE_HOT_COLUMNS,
    VALID_CELLS,
    Architecture,
    cell_attributes,
    encode_adjacency,
    encode_nodes,
    encode_one_hot,
    sample_architectures,
)

SKIP = "0000011001001001100111101"
DILATABLE = [
    c
    for c in VALID_CELLS
    if cell_attributes(c).transform != "identity" and cell_attributes(c).kernel != 1
]
skips = st.text("01", min_size=25, max_size=25)
architectures = st.one_of(
    st.builds(Architecture, st.sampled_from(VALID_CELLS), skips),
    st.builds(Architecture, st.sampled_from(DILATABLE), skips, st.sampled_from([2, 3])),
)


@pytest.mark.parametrize(
    ("cell", "sampling", "transform", "kernel", "activation", "transform_first"),
    [
        (0, "bilinear", "conv", 1, "none", False),
        (62, "bilinear", "identity", None, "leaky_relu", False),
        (63, "bicubic", "conv", 1, "none", False),
        (172, "nearest", "separable_conv", 7, "relu", False),
        (189, "pixel_shuffle", "conv", 1, "none", False),
        (236, "pixel_shuffle", "separable_conv", 7, "leaky_relu", False),
        (252, "pixel_shuffle", "conv", 1, "none", True),
        (299, "pixel_shuffle", "separable_conv", 7, "leaky_relu", True),
        (312, "transposed_conv", "identity", 1, "none", False),
        (323, "transposed_conv", "identity", 7, "leaky_relu", False),
    ],
)
def test_numbering_of_the_released_code(
    cell, sampling, transform, kernel, activation, transform_first
):
    found = cell_attributes(cell)
    assert (found.sampling, found.transform, found.kernel) == (sampling, transform, kernel)
    assert (found.activation, found.transform_first) == (activation, transform_first)
    assert len({cell_attributes(one) for one in range(NUM_CELLS)}) == NUM_CELLS


def test_the_invalid_cells():
    invalid = sorted(set(range(NUM_CELLS)) - set(VALID_CELLS))
    assert invalid == [*range(237, 252), *range(300, 312)]
    for cell in invalid:
        with pytest.raises(ArchitectureError, match=rf"cell {cell} .* cannot be built: .*27 inv"):
            Architecture(cell, SKIP)


@given(architectures)
def test_codes_round_trip(arch):
    assert Architecture.parse(str(arch)) == arch
    assert Architecture.parse(arch) is arch
    assert hash(Architecture.parse(str(arch))) == hash(arch)
    if arch.dilation == 1:
        name = f"0_{arch.cell}_iteration_4000_sigma_25_skip_{arch.skip}"
        for short in (f"{arch.cell}_{arch.skip}", f"0_{arch.cell}_{arch.skip}"):
            assert Architecture.parse(short) == arch
        assert Architecture.parse(name) == arch


@given(architectures)
def test_the_skip_matrix_is_the_pattern_row_by_row(arch):
    matrix = arch.skip_matrix
    assert "".join("01"[int(bit)] for bit in matrix.ravel()) == arch.skip
    assert {(i, j) for i in range(5) for j in range(5) if matrix[i, j]} == set(arch.connections)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("nonsense", "'nonsense' is not an architecture: give"),
        (f"324-{SKIP}", "cell 324 must be a whole number from 0 to 323"),
        (f"172-{SKIP}0", "is not 25 characters"),
        (f"172-{SKIP[:-1]}", "is not 25 characters"),
        (f"172-{SKIP}-d4", "dilation 4 is not one of"),
        (f"0-{SKIP}-d2", "dilation 2 has no effect on cell 0"),
        (f"60-{SKIP}-d2", "dilation 2 has no effect on cell 60"),
        (f"315-{SKIP}-d2", "dilation 2 has no effect on cell 315"),
        (f"300-{SKIP}", "cell 300 .* cannot be built"),
        (7, "7 is not an architecture"),
    ],
)
def test_a_wrong_code_says_what_is_wrong(code, message):
    with pytest.raises(ArchitectureError, match=message) as caught:
        Architecture.parse(code)
    assert isinstance(caught.value, NasdipError)
    assert isinstance(caught.value, ValueError)


def test_the_sample_is_the_same_everywhere():
    sample = sample_architectures()
    assert len(set(sample)) == len(sample) == 522
    # SHA-256 of the 522 codes as first drawn (2026-11-23): a change here changes the benchmark.
    digest = hashlib.sha256("\n".join(map(str, sample)).encode()).hexdigest()
    assert digest == "c591678e5a49339a15ee45b7eb085da0c74a606a0f27a60d128af8b485f685a4"
    assert str(sample[0]) == "159-1011101101100110111001101"
    assert sample_architectures(40) == sample[:40]
    assert sample_architectures(40, seed=1) != sample[:40]
    assert sample_architectures(40, purpose="candidates") != sample[:40]


def test_a_dilation_and_a_count_are_whole_numbers():
    with pytest.raises(ArchitectureError, match=r"dilation 2.0 is not one of"):
        Architecture(20, SKIP, 2.0)
    with pytest.raises(ConfigError, match="must be a whole number of at least 1"):
        sample_architectures(0)


@given(architectures, st.integers(0, 2**32))
def test_a_mutation_is_one_valid_change(arch, seed):
    mutant = arch.mutate(BitStream("test", seed))
    flips = sum(a != b for a, b in zip(arch.skip, mutant.skip, strict=True))
    assert flips + (arch.cell != mutant.cell) == 1
    assert mutant.dilation in (arch.dilation, 1)


def test_a_mutation_takes_a_seed_or_a_generator():
    arch = Architecture(0, "0" * 25)
    assert arch.mutate(3) == arch.mutate(np.int64(3)) == arch.mutate(np.random.default_rng(3))
    rng = np.random.default_rng(0)
    assert len({arch.mutate(rng) for _ in range(200)} | {arch.mutate()} - {arch}) > 20
    for wrong in (random.Random(0), "stream", -1):
        with pytest.raises(ConfigError, match="must be a seed, a whole number of at least 0"):
            arch.mutate(wrong)


def test_each_bit_and_the_cell_are_equally_likely_to_mutate():
    arch, stream = Architecture(1 * 63 + 3, "0" * 25, 2), BitStream("reach")  # kernel 3
    mutants = [arch.mutate(stream) for _ in range(5200)]
    changes = Counter(m.skip.find("1") for m in mutants)  # -1: a new cell
    assert set(changes) == {-1, *range(25)}
    assert scipy.stats.chisquare([*changes.values()]).pvalue > 1e-3
    cells = [m for m in mutants if m.cell != arch.cell]
    assert len({m.cell for m in cells}) > 100
    for mutant in cells:  # a dilation that the new cell lacks falls back
        assert mutant.dilation == (2 if mutant.cell in DILATABLE else 1)


@given(architectures)
def test_neighbourhood_is_symmetric(arch):
    around = arch.neighbours()
    assert len(set(around)) == len(around)
    assert arch not in around
    some = around[0], around[-1]
    for other in some:
        if other.dilation == arch.dilation:
            assert arch in other.neighbours()


def test_neighbours_of_a_plain_cell():
    around = [a for a in Architecture(0, SKIP).neighbours() if a.skip == SKIP]
    # bilinear conv 1 none: three other samplings before the transform (bicubic, nearest,
    # pixel_shuffle) and, transposed convolutions having no transform, none of those; five other
    # transforms (any kernel is equal to the identity's none), three kernels, two activations.
    assert {a.cell for a in around} == {63, 126, 189, 12, 24, 36, 48, 60, 3, 6, 9, 1, 2}


@given(st.lists(architectures, max_size=5))
def test_one_hot_columns_say_what_the_architecture_is(archs):
    encoded = encode_one_hot(archs)
    assert encoded.shape == (len(archs), len(ONE_HOT_COLUMNS))
    assert encoded.dtype == np.float32
    for arch, row in zip(archs, encoded, strict=True):
        on = {name for name, value in zip(ONE_HOT_COLUMNS, row, strict=True) if value}
        assert f"sampling={arch.attributes.sampling}" in on
        assert f"activation={arch.attributes.activation}" in on
        assert (f"kernel={arch.attributes.kernel}" in on) == (arch.attributes.kernel is not None)
        assert {n for n in on if n.startswith("skip")} == {
            f"skip[{i},{j}]" for i, j in arch.connections
        }
    assert len({row.tobytes() for row in encoded}) == len(set(archs))


@given(architectures)
def test_the_adjacency_has_the_hourglass_and_the_skips(arch):
    adjacency = encode_adjacency(arch)
    assert adjacency.shape == (11, 11)
    assert not np.tril(adjacency).any()
    chain = sum(adjacency[n, n + 1] for n in range(10))
    assert chain == 10
    assert adjacency.sum() == 10 + arch.skip.count("1")
    for i, j in arch.connections:
        assert adjacency[j, 10 - i] == 1


@given(architectures)
def test_nodes_have_operations(arch):
    named = [dict(zip(NODE_COLUMNS, row, strict=True)) for row in encode_nodes(arch).tolist()]
    assert named[0] == dict.fromkeys(NODE_COLUMNS, 0) | {"input": 1}
    assert named[1:6] == 5 * [dict.fromkeys(NODE_COLUMNS, 0) | {"encoder": 1}]
    cell = dict(zip(ONE_HOT_COLUMNS, encode_one_hot(arch).tolist(), strict=True))
    assert named[6:] == 5 * [{name: cell.get(name, 0) for name in NODE_COLUMNS}]


@pytest.mark.parametrize(
    ("encode", "shape", "dtype"),
    [
        (encode_one_hot, (46,), np.float32),
        (encode_adjacency, (11, 11), np.uint8),
        (encode_nodes, (11, 23), np.float32),
    ],
)
def test_one_architecture_is_encoded_as_one_of_several(encode, shape, dtype):
    several = sample_architectures(3)
    encoded = encode(several)
    assert (encoded.shape, encoded.dtype) == ((3, *shape), dtype)
    for arch, expected in zip(several, encoded, strict=True):
        for one in (arch, str(arch)):
            assert encode(one).shape == shape
            assert encode(one).dtype == dtype
            assert np.array_equal(encode(one), expected)
    assert np.array_equal(encode(iter(several)), encoded)
    assert encode([]).shape == (0, *shape)
    for wrong in (3, None, "172", [3]):
        with pytest.raises(ArchitectureError, match="is not an architecture: give"):
            encode(wrong)
