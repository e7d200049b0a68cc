"""The search space: what an architecture is, its encodings and its cost. Never imports torch."""

from .architecture import (
    ACTIVATIONS,
    KERNELS,
    LEVELS,
    NUM_CELLS,
    ONE_HOT_COLUMNS,
    SAMPLINGS,
    TRANSFORMS,
    VALID_CELLS,
    Architecture,
    Cell,
    cell_attributes,
    encode_adjacency,
    encode_one_hot,
    random_architecture,
    sample_architectures,
)

__all__ = [
    "ACTIVATIONS",
    "Architecture",
    "Cell",
    "KERNELS",
    "LEVELS",
    "NUM_CELLS",
    "ONE_HOT_COLUMNS",
    "SAMPLINGS",
    "TRANSFORMS",
    "VALID_CELLS",
    "cell_attributes",
    "encode_adjacency",
    "encode_one_hot",
    "random_architecture",
    "sample_architectures",
]
