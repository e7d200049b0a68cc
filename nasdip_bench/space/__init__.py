"""The search space: what an architecture is, its encodings and its cost. Never imports torch."""

from .architecture import LEVELS as LEVELS
from .architecture import MIN_SIZE as MIN_SIZE
from .architecture import SIZE_MULTIPLE as SIZE_MULTIPLE
from .architecture import Architecture as Architecture
from .architecture import check_size as check_size
from .architecture import sample_architectures as sample_architectures
from .cells import ACTIVATIONS as ACTIVATIONS
from .cells import KERNELS as KERNELS
from .cells import NUM_CELLS as NUM_CELLS
from .cells import SAMPLINGS as SAMPLINGS
from .cells import TRANSFORMS as TRANSFORMS
from .cells import VALID_CELLS as VALID_CELLS
from .cells import Cell as Cell
from .cells import cell_attributes as cell_attributes
from .encodings import NODE_COLUMNS as NODE_COLUMNS
from .encodings import ONE_HOT_COLUMNS as ONE_HOT_COLUMNS
from .encodings import Neighbourhood as Neighbourhood
from .encodings import encode_adjacency as encode_adjacency
from .encodings import encode_choices as encode_choices
from .encodings import encode_nodes as encode_nodes
from .encodings import encode_one_hot as encode_one_hot
from .paper_lists import PAPER_ARCHITECTURES as PAPER_ARCHITECTURES
from .paper_lists import PAPER_CANDIDATES as PAPER_CANDIDATES
from .paper_lists import candidate_architectures as candidate_architectures
from .paper_lists import paper_architectures as paper_architectures
