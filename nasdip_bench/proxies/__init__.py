"""Training-free scores ("metrics" in the paper) of untrained networks, and their two registries.

Image scores judge an untrained network's output, mostly against a reference image; network scores
judge the network itself. Both registries are open: ``@image_score(...)`` and
``@network_score(...)`` add to them; what is registered before a build begins is built with the
rest. Importing this module must not import torch or scipy.

Source of the image scores: Arican, Kara, Bredell, Konukoglu, "ISNAS-DIP", CVPR 2022, section 3,
eq. 1 and eq. 2, and its released code; those of the network scores stand in their modules
(`structural`, `zero_cost`, `tangent`). Deviations, see also `nasdip_bench.proxies.density`:

- dB is 10·log10; the released code's mean squared differences are ours times (ln 10)².
- The histograms' distance exists as released (``psd_strip_hist_emd``) and as the paper's text has
  it (``psd_strip_hist_emd_paper``): the two are different quantities.
- Spectra without energy or spread, where the released code gives NaN or fails, have stated values.
"""

from __future__ import annotations

from . import spectral, structural, tangent, zero_cost
from .candidate import Candidate
from .info import NO_REFERENCE, ScoreInfo, named_score
from .registry import (
    image_score,
    image_scores,
    info,
    network_score,
    network_scores,
    protect_registered,
    score,
    score_candidate,
    score_names,
    score_network,
    unregister,
)
from .spectrum import prepare

__all__ = [
    "NO_REFERENCE",
    "Candidate",
    "ScoreInfo",
    "image_score",
    "image_scores",
    "info",
    "named_score",
    "network_score",
    "network_scores",
    "prepare",
    "score",
    "score_candidate",
    "score_names",
    "score_network",
    "spectral",
    "structural",
    "tangent",
    "unregister",
    "zero_cost",
]

protect_registered()
