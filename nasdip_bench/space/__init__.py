"""The search space: what an architecture is, its encodings and its cost. Never imports torch."""

from .architecture import (
    LEVELS,
    MIN_SIZE,
    SIZE_MULTIPLE,
    Architecture,
    check_size,
    random_architecture,
    sample_architectures,
)
from .cells import (
    ACTIVATIONS,
    KERNELS,
    NUM_CELLS,
    SAMPLINGS,
    TRANSFORMS,
    VALID_CELLS,
    Cell,
    cell_attributes,
)
from .encodings import (
    NODE_COLUMNS,
    ONE_HOT_COLUMNS,
    Neighbourhood,
    encode_adjacency,
    encode_choices,
    encode_nodes,
    encode_one_hot,
)
from .paper_lists import (
    PAPER_ARCHITECTURES,
    PAPER_CANDIDATES,
    candidate_architectures,
    paper_architectures,
)

__all__ = [
    "ACTIVATIONS",
    "Architecture",
    "Cell",
    "KERNELS",
    "LEVELS",
    "MIN_SIZE",
    "NODE_COLUMNS",
    "NUM_CELLS",
    "Neighbourhood",
    "ONE_HOT_COLUMNS",
    "PAPER_ARCHITECTURES",
    "PAPER_CANDIDATES",
    "SAMPLINGS",
    "SIZE_MULTIPLE",
    "TRANSFORMS",
    "VALID_CELLS",
    "candidate_architectures",
    "cell_attributes",
    "check_size",
    "encode_adjacency",
    "encode_choices",
    "encode_nodes",
    "encode_one_hot",
    "paper_architectures",
    "random_architecture",
    "sample_architectures",
]
