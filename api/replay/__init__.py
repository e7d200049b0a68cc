"""ISNAS replayed from a release: what the paper's search would have selected, without training.

Source: ISNAS-DIP (CVPR 2022), section 4: rank by a training-free score, train the N best, average
their outputs, keep the one closest to the average. If a release has the runs and the distances
between their restorations, nothing needs training. Ranking, weights and selectors are those of
`nasdip_bench.isnas`; distances are rounded to thousandths of a dB. Must not import torch.
"""

from __future__ import annotations

from .record import IsnasRecord as IsnasRecord
from .record import Member as Member
from .record import isnas as isnas
