"""Training-free scores ("metrics" in the paper) of untrained networks, and their two registries.

Image scores judge an untrained network's output, mostly against a reference image; network scores
judge the network itself. Both registries are open: ``@image_score(...)`` and
``@network_score(...)`` add to them. Scores registered before a build begins are built with the
rest. Importing this module must not import scipy. The modules of the scores name their sources, and
where they deviate from them.
"""

from __future__ import annotations

# The order of these imports is the order of the rows of scores.parquet.
from . import spectral as spectral
from . import structural as structural
from . import tangent as tangent
from . import zero_cost as zero_cost
from .candidate import Candidate as Candidate
from .info import NO_REFERENCE as NO_REFERENCE
from .info import ScoreInfo as ScoreInfo
from .info import named_score as named_score
from .registry import image_score as image_score
from .registry import image_scores as image_scores
from .registry import info as info
from .registry import network_score as network_score
from .registry import network_scores as network_scores
from .registry import protect_registered as protect_registered
from .registry import score as score
from .registry import score_candidate as score_candidate
from .registry import score_names as score_names
from .registry import score_network as score_network
from .registry import unregister as unregister
from .spectrum import prepare as prepare

protect_registered()
